"""A local Python environment for running jobs: its program, packages and folders."""

import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution
from pathlib import Path


@dataclass(frozen=True)
class PythonEnvironment:
    """A virtual environment.

    folders: the folders that its Python must be able to read. packages: the folders in which it searches for packages.
    markers: the values of environment markers that differ from those of the Python that runs this code.
    """

    prefix: Path
    folders: frozenset[str]
    packages: tuple[str, ...]
    markers: Mapping[str, str] = field(default_factory=dict)

    @property
    def program(self) -> Path:
        return self.prefix / "bin/python"

    @property
    def search_path(self) -> str:
        return ":".join([str(self.prefix / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])

    def version_of(self, name: str) -> str | None:
        distributions = Distribution.discover(name=name, path=list(self.packages))
        return next((distribution.version for distribution in distributions), None)


def this_python() -> PythonEnvironment:
    folders = {sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"]}
    return PythonEnvironment(Path(sys.prefix), frozenset(folders), tuple(sys.path))


def environment_in(folder: Path) -> PythonEnvironment:
    """Return the virtual environment in a folder, which does not have to exist."""
    folders, program = {str(folder)}, folder / "bin/python"
    if program.exists():  # the folder of the interpreter itself, not of a symbolic link to it
        folders.add(str(program.resolve().parent.parent))
    packages = list(folder.glob("lib/python3*/site-packages"))
    markers = {"python_version": packages[0].parent.name.removeprefix("python")} if packages else {}
    settings = folder / "pyvenv.cfg"
    for line in settings.read_text("utf-8").splitlines() if settings.is_file() else []:
        name, _, value = line.partition("=")
        if name.strip() == "version":
            markers["python_full_version"] = value.strip()
    return PythonEnvironment(folder, frozenset(folders), tuple(map(str, packages)), markers)
