"""Puts copies of the template's files, which are outside this folder, into the wheel: recore/distribution.py uses them.

An editable installation uses the files of the checkout.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = (
    *(".dockerignore", ".python-version", ".unearthed_challenge.json", "Dockerfile", "MANIFEST.in", "estimators.py"),
    *("examples/pls", "examples/xgboost", "predict.py", "preprocess.py", "requirements.txt", "score.py", "setup.py"),
    *("submission.yml", "tests/contract", "train.py"),
    "tools/src/stagemaker/container",  # for the Dockerfile
)


class TemplateFiles(BuildHookInterface):  # type: ignore[type-arg]
    """A hook of hatchling, which finds it by this file's name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the version is "editable"."""
        if version == "standard":
            build_data["force_include"] |= {f"../{name}": f"recore/template_files/{name}" for name in FILES}
