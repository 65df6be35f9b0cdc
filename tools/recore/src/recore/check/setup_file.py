"""A submission's setup.py: what it passes to setup(), read without running it."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from recore.check.script import Script
from recore.evaluation import find_packages

SETUP = ("setup", "setuptools.setup", "distutils.core.setup")


@dataclass(frozen=True)
class SetupFile:
    """script: the parsed file. calls: of setup(). modules and packages: the dotted names that it lists, with lines.

    unreadable: arguments whose value only running the file would tell, with lines.
    """

    script: Script
    calls: list[ast.Call]
    modules: dict[str, int] = field(default_factory=dict)
    packages: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """Where the uploaded files are listed: the line of py_modules, or that of setup()."""
        for call in self.calls:
            for keyword in call.keywords:
                if keyword.arg == "py_modules":
                    return keyword.value.lineno
            return call.lineno
        return 0


def read_setup_file(script: Script, folder: Path) -> SetupFile:
    """Read what a parsed setup.py lists. folder: the submission's, in which find_packages() searches."""
    calls = [node for node, _ in script.calls if script.name_of(node.func) in SETUP]
    setup = SetupFile(script, calls)
    for call in calls:
        for keyword in call.keywords:
            if keyword.arg in ("py_modules", "packages"):
                names = _names(keyword.value)
                if keyword.arg == "packages" and find_packages(keyword.value, folder) is not None:
                    continue  # what it finds exists
                if names is None:
                    setup.unreadable[keyword.arg] = keyword.value.lineno
                elif keyword.arg == "py_modules":
                    setup.modules.update(names)
                else:
                    setup.packages.update(names)
            elif keyword.arg is None:
                setup.unreadable["**"] = keyword.value.lineno
    return setup


def _names(value: ast.expr) -> dict[str, int] | None:
    """The texts in a list, with their lines; None if it holds anything else."""
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    names = {}
    for item in value.elts:
        if not (isinstance(item, ast.Constant) and isinstance(item.value, str)):
            return None
        names[item.value] = item.lineno
    return names
