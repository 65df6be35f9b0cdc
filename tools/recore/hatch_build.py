"""Puts copies of the template's files, which are outside this folder, into the wheel: recore/distribution.py uses them.

An editable installation uses the files of the checkout.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateFiles(BuildHookInterface):  # type: ignore[type-arg]
    """A hook of hatchling, which finds it by this file's name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the version is "editable"."""
        if version == "standard":
            known = runpy.run_path(str(Path(self.root, "src/recore/distribution.py")))
            copies = {f"../{name}": f"recore/{known['COPIES']}/{name}" for name in known["TEMPLATE_FILES"]}
            build_data["force_include"] |= copies
