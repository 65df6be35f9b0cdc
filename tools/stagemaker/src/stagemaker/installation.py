"""Which packages a distribution requires, and how to install one that is missing. Standard library only."""

import contextlib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

DISTRIBUTIONS = ("stagemaker",)
PINNED = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==\s*([^\s;#]+))?")
EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


def pinned_versions(text: str) -> Iterator[tuple[str, str | None]]:
    """The packages in the lines of a requirements file, with their pinned versions, if any.

    Options, URLs and lines with a condition are skipped.
    """
    for line in text.splitlines():
        match = PINNED.match(line)
        if match and ";" not in line and "@" not in line:
            yield match[1], match[2]


def required_packages(distributions: Iterable[str] = DISTRIBUTIONS) -> dict[str, str | None]:
    """The packages that distributions require without an extra; none if they are not installed."""
    return dict(pinned_versions("\n".join(line for line in _requirements(distributions) if ";" not in line)))


def missing_packages(names: Iterable[str]) -> list[str]:
    return [name for name in names if installed_version(name) is None]


def installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def pip_command(*names: str, extra: str = "", distributions: Iterable[str] = DISTRIBUTIONS) -> str:
    """The command that installs packages here, at the distributions' versions, or those of one of their extras.

    If several distributions require a package, the version of the last one counts.
    """
    pinned = {line: line.partition(";")[0].strip() for line in _requirements(distributions)}
    by_name = {_normal(line): pin for line, pin in pinned.items()}
    lines = [by_name.get(_normal(name), name) for name in names]
    lines += [pin for line, pin in pinned.items() if extra and (match := EXTRA.search(line)) and match[1] == extra]
    return shlex.join([sys.executable, "-m", "pip", "install", *lines])


def _requirements(distributions: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            lines += metadata.requires(name) or []
    return lines


def _normal(requirement: str) -> str:
    match = PINNED.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1] if match else requirement).lower()
