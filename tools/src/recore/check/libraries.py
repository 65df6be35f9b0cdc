"""What the container's scientific libraries hold, as installed here: their modules are found without importing them."""

import importlib
import warnings
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from importlib.metadata import version
from pathlib import Path

from recore.check.container import modules_of
from recore.check.script import parse_script

DISTRIBUTIONS = {
    module: distribution
    for distribution in ("numpy", "scipy", "scikit-learn", "pandas", "pyarrow")
    for module in modules_of(distribution)
}
IMPORTED = ("numpy", "pandas")  # importing the others takes too long


def describe(library: str) -> str:
    """A library's distribution and the version that is installed here."""
    distribution = DISTRIBUTIONS[library]
    return f"{distribution} {version(distribution)}"


def is_installed(library: str) -> bool:
    """Whether one of the libraries is installed here."""
    return library in DISTRIBUTIONS and _find(library) is not None


def has_module(dotted: str) -> bool:
    """Whether a library that is installed here has a module."""
    return _find(dotted) is not None


def has_name(module: str, name: str) -> bool:
    """Whether a module of a library has a name or a module; True if only importing it would tell."""
    if has_module(f"{module}.{name}"):
        return True
    if module in IMPORTED:
        with warnings.catch_warnings(action="ignore"):
            return hasattr(importlib.import_module(module), name)
    names = _names(module)
    return names is None or name in names


@cache
def _find(dotted: str) -> Path | None:
    """The file of a module, or the folder of a package. Nothing is imported, as Python's own search would."""
    parent, _, name = dotted.rpartition(".")
    if not parent:
        spec = PathFinder.find_spec(dotted)
        locations = spec.submodule_search_locations if spec else None
        return Path(next(iter(locations))) if locations else None
    folder = _find(parent)
    if folder is None or not folder.is_dir():
        return None
    candidates = (folder / f"{name}{suffix}" for suffix in ("", ".py", *EXTENSION_SUFFIXES))
    return next((path for path in candidates if path.exists()), None)


@cache
def _names(module: str) -> set[str] | None:
    """The names in a module's source; None for an extension, and if only importing it would tell."""
    path = _find(module)
    file = path / "__init__.py" if path and path.is_dir() else path
    if file is None or file.suffix != ".py" or not file.exists():
        return None
    script = parse_script(module, file.read_bytes())
    if script.problem or any("*" in statement.names for statement in script.imports):
        return None
    return script.top_level_names
