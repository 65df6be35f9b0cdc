"""Add copies of the template's files, which are outside this folder, to wheels and source distributions.

An installed package uses the copies; an editable installation uses the checkout's files. A wheel can also be built from
a source distribution, which already contains the copies.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateFiles(BuildHookInterface):  # type: ignore[type-arg]
    """The build hook, which hatchling finds by the name of this file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the version is "editable" or the source contains them."""
        package = Path(self.root, "src/recore")
        settings = runpy.run_path(str(package / "distribution.py"))
        copies = settings["COPIES"]
        if version == "standard" and not (package / copies).is_dir():
            target = f"recore/{copies}" if self.target_name == "wheel" else f"src/recore/{copies}"
            build_data["force_include"] |= {f"../../{name}": f"{target}/{name}" for name in settings["TEMPLATE_FILES"]}
