"""Evaluates find_packages() of a setup.py on a folder, as setuptools does, without running either."""

import ast
import os
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

PARAMETERS = {"where": ".", "exclude": (), "include": ("*",)}
ALWAYS_EXCLUDED = ("ez_setup", "*__pycache__")


def find_packages(value: ast.expr, folder: Path) -> list[str] | None:
    """The packages that an argument of setup() finds; None if it is not find_packages() with literal arguments.

    Symbolic links to folders are not followed.
    """
    if not isinstance(value, ast.Call) or ast.unparse(value.func) not in ("find_packages", "setuptools.find_packages"):
        return None
    try:
        named = {keyword.arg or "**": ast.literal_eval(keyword.value) for keyword in value.keywords}
        arguments = dict(zip(PARAMETERS, map(ast.literal_eval, value.args), strict=False)) | named
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None
    where, exclude, include = (arguments.get(name, default) for name, default in PARAMETERS.items())
    lists = all(isinstance(names, list | tuple | set) for names in (exclude, include))
    inside = isinstance(where, str) and "\0" not in where and not where.startswith("/") and ".." not in where.split("/")
    if len(value.args) > len(PARAMETERS) or not arguments.keys() <= PARAMETERS.keys() or not lists or not inside:
        return None
    return [
        name
        for name in sorted(_packages(folder / where))
        if _matches(name, include) and not _matches(name, {*exclude, *ALWAYS_EXCLUDED})
    ]


def _packages(root: Path) -> Iterator[str]:
    """The dotted names of the folders with an __init__.py, and of those in them."""
    for parent, folders, _ in os.walk(root):
        folders[:] = [name for name in folders if "." not in name and Path(parent, name, "__init__.py").is_file()]
        for name in folders:
            yield Path(parent, name).relative_to(root).as_posix().replace("/", ".")


def _matches(name: str, patterns: Collection[object]) -> bool:
    return any(isinstance(pattern, str) and fnmatchcase(name, pattern) for pattern in patterns)
