"""Checks of Python and of the packages that the requirements files name."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from recore.distribution import INSTALLED, setup_command
from recore.doctor.result import FAIL, NOTE, OK, Check
from recore.doctor.system import install_command

VERSION = (3, 12)
PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;#]+))?")
CONTAINER = ("requirements.txt", "requirements/container.txt")


def check_python(root: Path) -> Check:
    """Whether this is the right version of Python, and in a checkout the environment that `make` uses."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != VERSION:
        cost = "The container has Python 3.12: packages and pickles of another version are not compatible."
        return Check(
            "Python", FAIL, f"{version}, {sys.executable}", cost, f"{install_command('python')}; then {setup_command()}"
        )
    if not INSTALLED and Path(sys.prefix).resolve() != (root / ".venv").resolve():
        result = f"{version}, {sys.executable}, not the environment that `make` uses"
        cost = "Package versions may differ from those that are tested together."
        return Check("Python", NOTE, result, cost, "make setup; then . .venv/bin/activate")
    return Check("Python", OK, f"{version}, {sys.executable}")


def check_container_packages(root: Path) -> Check:
    """Whether the container's packages are installed at the container's versions."""
    required = {name: version for file in CONTAINER for name, version in read_requirements(root / file)}
    installed = {name: installed_version(name) for name in required}
    missing = [name for name, version in installed.items() if version is None]
    different = [
        f"{name} {installed[name]} instead of {version}"
        for name, version in required.items()
        if version and installed[name] and installed[name] != version
    ]
    if missing:
        cost = "Jobs run with this environment's packages, and fail if they import one of these."
        return Check("container", FAIL, f"not installed: {', '.join(missing)}", cost, setup_command())
    if different:
        cost = "A model may train, load or score differently in the container."
        return Check(
            "container", NOTE, "; ".join(different), cost, f"{setup_command()}, after the edit of requirements.txt"
        )
    return Check("container", OK, f"{len(required)} packages at the container's versions")


def check_recore_packages(root: Path) -> Check:
    """Whether the packages that recore itself needs are installed."""
    required = [name for name, _ in read_requirements(root / "requirements/recore.txt")]
    if missing := [name for name in required if installed_version(name) is None]:
        cost = "The commands that import these end with an error."
        return Check("packages", FAIL, f"not installed: {', '.join(missing)}", cost, setup_command())
    return Check("packages", OK, f"all {len(required)} that recore needs")


def read_requirements(path: Path) -> Iterator[tuple[str, str | None]]:
    """The packages of a requirements file with their pinned versions, if any; nothing if the file is missing.

    Options, URLs and lines with a condition are skipped.
    """
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        match = PINNED.match(line)
        if match and ";" not in line and "@" not in line:
            yield match[1], match[2]


def installed_version(name: str) -> str | None:
    """The version of a package in this environment, or None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
