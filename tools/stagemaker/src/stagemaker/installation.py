"""Required packages of a distribution, and the pip command for missing packages. Uses only the standard library."""

import contextlib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

DISTRIBUTIONS = ("stagemaker",)
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;#]+))?")
EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


def pinned_versions(content: str) -> Iterator[tuple[str, str | None]]:
    """Yield the packages in a requirements file with their pinned versions, if any.

    Options, URLs and lines with a condition are skipped.
    """
    for line in content.splitlines():
        match = REQUIREMENT.match(line)
        if match and ";" not in line and "@" not in line:
            yield match[1], match[2]


def required_packages(distributions: Iterable[str] = DISTRIBUTIONS) -> dict[str, str | None]:
    """Return the packages that installed distributions require without extras, and their pinned versions, if any."""
    return dict(pinned_versions("\n".join(line for line in _requirements(distributions) if ";" not in line)))


def missing_packages(names: Iterable[str]) -> list[str]:
    return [name for name in names if installed_version(name) is None]


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def pip_command(*names: str, extra: str = "", distributions: Iterable[str] = DISTRIBUTIONS) -> str:
    """Return the command that installs packages, or an extra's packages, at the versions that the distributions pin.

    If several distributions require a package, the last one determines its version.
    """
    pins = {line: line.partition(";")[0].strip() for line in _requirements(distributions)}
    by_name = {_normalise(line): pin for line, pin in pins.items()}
    lines = [by_name.get(_normalise(name), name) for name in names]
    lines += [pin for line, pin in pins.items() if extra and (match := EXTRA.search(line)) and match[1] == extra]
    return shlex.join([sys.executable, "-m", "pip", "install", *lines])


def _requirements(distributions: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            lines += metadata.requires(name) or []
    return lines


def _normalise(requirement: str) -> str:
    match = REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1] if match else requirement).lower()
