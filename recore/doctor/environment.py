"""Python, and the packages that the requirements files name."""

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from recore.doctor.check import FAIL, NOTE, OK, Check
from recore.doctor.system import install

VERSION = (3, 12)
PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;#]+))?")
CONTAINER = ("requirements.txt", "requirements-container.txt")


def python(root: Path) -> Check:
    """Whether this Python is of the right version, and the environment's."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] != VERSION:
        cost = "The container has Python 3.12: packages and pickles of another version do not fit."
        return Check("Python", FAIL, f"{version}, {sys.executable}", cost, f"{install('python')}; then make setup")
    if Path(sys.prefix).resolve() != (root / ".venv").resolve():
        found = f"{version}, {sys.executable}, not the environment that `make` uses"
        cost = "Packages may have other versions than those that are tested together."
        return Check("Python", NOTE, found, cost, "make setup; then . .venv/bin/activate")
    return Check("Python", OK, f"{version}, {sys.executable}")


def container_packages(root: Path) -> Check:
    """Whether the container's packages are here at the container's versions."""
    wanted = {name: version for file in CONTAINER for name, version in requirements(root / file)}
    installed = {name: installed_version(name) for name in wanted}
    missing = [name for name, version in installed.items() if version is None]
    other = [
        f"{name} {installed[name]} instead of {version}"
        for name, version in wanted.items()
        if version and installed[name] and installed[name] != version
    ]
    if missing:
        cost = "Jobs run with this environment's packages, and end where they import one of these."
        return Check("container", FAIL, f"not installed: {', '.join(missing)}", cost, "make setup")
    if other:
        cost = "A model may train, load or score differently in the container."
        return Check("container", NOTE, "; ".join(other), cost, "make setup, after the edit of requirements.txt")
    return Check("container", OK, f"{len(wanted)} packages at the container's versions")


def recore_packages(root: Path) -> Check:
    """Whether what recore/ itself needs is installed."""
    wanted = [name for name, _ in requirements(root / "requirements-recore.txt")]
    if missing := [name for name in wanted if installed_version(name) is None]:
        cost = "The commands that import these end with an error."
        return Check("packages", FAIL, f"not installed: {', '.join(missing)}", cost, "make setup")
    return Check("packages", OK, f"all {len(wanted)} that recore needs")


def requirements(path: Path) -> Iterator[tuple[str, str | None]]:
    """A file's packages with their pinned version, where they have one; nothing where there is no such file.

    Lines that hold for some machines only, options and URLs are passed over.
    """
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        found = PINNED.match(line)
        if found and ";" not in line and "@" not in line:
            yield found[1], found[2]


def installed_version(name: str) -> str | None:
    """The version of a package in this environment, or None where it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
