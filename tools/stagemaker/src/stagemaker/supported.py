"""Check that a program supports the platform and the Python version. Python 3.8 must be able to parse this file."""

from __future__ import annotations

import sys

FIRST_VERSION = (3, 11)


def require_supported(
    program: str, set_up: str, first: tuple[int, int] = FIRST_VERSION, last: tuple[int, int] | None = None
) -> None:
    """On Windows, or if Python is too old or too new, print one line and exit with status 2.

    set_up: how to get a supported Python. first, last: the first and last supported versions; last=None: no limit.
    """
    if sys.platform == "win32":  # files are locked and jobs are stopped in ways that Windows does not have
        problem = "Windows is not supported: use Linux, macOS, or Windows with WSL 2, which `wsl --install` in "
        problem += "PowerShell installs"
    elif sys.version_info[:2] < first or (last and sys.version_info[:2] > last):
        required, version = ".".join(map(str, first)), ".".join(map(str, sys.version_info[:3]))
        suffix = "" if first == last else " or later"
        problem = f"Python {required}{suffix} is required, but {sys.executable} is Python {version}: {set_up}"
    else:
        return
    print(f"{program}: {problem}", file=sys.stderr)
    sys.exit(2)
