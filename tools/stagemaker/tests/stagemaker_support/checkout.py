"""This checkout of stagemaker, and programs that its tests run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = ROOT / "src/stagemaker/container"


def environment() -> dict[str, str]:
    """Return this process's environment without variables that set folders or Python options."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))}


def full_disk_environment() -> dict[str, str]:
    """Return an environment for a process whose disk is full: Python writes no compiled modules.

    Otherwise, Python would write part of a module, which no later process could import.
    """
    return environment() | {"PYTHONDONTWRITEBYTECODE": "1"}


def run(*command: object, cwd: Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments in `command`. timeout: the limit in seconds. variables: additional variables."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
