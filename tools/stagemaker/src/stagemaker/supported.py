"""Ends a program that starts where it cannot run. Every Python since 3.8 must be able to read this file."""

import sys

VERSION = (3, 12)  # of the container: packages and pickles of other versions are not compatible


def require_supported(program: str, set_up: str) -> None:
    """End with one line, and status 2, on Windows and in another Python. set_up: how to get the right Python."""
    if sys.platform == "win32":  # files are locked and jobs are stopped in ways that Windows does not have
        problem = "Windows is not supported: use Linux, macOS, or Windows with WSL 2, which `wsl --install` in "
        problem += "PowerShell installs"
    elif sys.version_info[:2] != VERSION:
        needed, version = ".".join(map(str, VERSION)), ".".join(map(str, sys.version_info[:3]))
        problem = f"Python {needed} is needed, and {sys.executable} is Python {version}: {set_up}"
    else:
        return
    print(f"{program}: {problem}", file=sys.stderr)
    sys.exit(2)
