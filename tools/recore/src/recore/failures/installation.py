"""Hints for a job that could not install requirements.txt: the line at fault."""

import platform
import re
from pathlib import Path

from packaging.utils import canonicalize_name

from recore.failures.old_pins import old_pins_hint
from recore.failures.package_names import meant_package
from recore.failures.submission_files import requirements_of

INSTALLING = "requirements.txt could not be installed: "  # in the reason of a job that ended before its script started
NOT_FOUND = re.compile(r"ERROR: No matching distribution found for ([\w.-]+)")  # as pip words it


def installation_hint(reason: str, submission: Path) -> str | None:
    """What to do about a failed installation; None if its reason does not lead to a line of the file.

    submission: its folder or archive.
    """
    lines = requirements_of(submission)
    if hint := old_pins_hint(lines):
        return hint
    name = canonicalize_name(missing[1]) if (missing := NOT_FOUND.search(reason)) else None
    line = next((line for line in lines if name and line.name == name), None)
    if line is None or name is None:
        return None
    asks = f"requirements.txt, line {line.number}, asks for `{line.text}`:"
    if package := meant_package(name):
        return f"{asks} the package is called {package}."
    python = ".".join(platform.python_version_tuple()[:2])
    return (
        f"{asks} correct the name or the version. pip finds no wheel of it for Python {python}: it may be misspelt, "
        "withdrawn or made for other versions of Python, or the index cannot be reached."
    )
