"""Puts copies of the template's files, which are outside this folder, into wheels and source distributions.

recore/distribution.py uses them. An editable installation uses the files of the checkout. A wheel is also built from a
source distribution, which has the copies already.
"""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateFiles(BuildHookInterface):  # type: ignore[type-arg]
    """A hook of hatchling, which finds it by this file's name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, unless the version is "editable"."""
        package = Path(self.root, "src/recore")
        known = runpy.run_path(str(package / "distribution.py"))
        copies = known["COPIES"]
        if version == "standard" and not (package / copies).is_dir():
            place = f"recore/{copies}" if self.target_name == "wheel" else f"src/recore/{copies}"
            build_data["force_include"] |= {f"../../{name}": f"{place}/{name}" for name in known["TEMPLATE_FILES"]}
