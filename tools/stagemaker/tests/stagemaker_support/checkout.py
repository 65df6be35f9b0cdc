"""This checkout of stagemaker, and the environment in which tests run programs."""

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
    """Return an environment for a process whose disk may be full: Python writes no bytecode.

    Otherwise, it could write part of a bytecode file, which no later process could import.
    """
    return environment() | {"PYTHONDONTWRITEBYTECODE": "1"}


def run(*command: object, cwd: Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments. timeout: the limit in seconds. variables: additional environment variables."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
