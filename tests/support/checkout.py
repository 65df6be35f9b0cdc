"""Locate this checkout, run its scripts as processes, and copy it."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MODULES = re.search(r"py_modules=(\[.*?\])", (ROOT / "setup.py").read_text(), re.DOTALL)
UPLOADED_FILES = tuple(f"{name}.py" for name in (ast.literal_eval(_MODULES[1]) if _MODULES else []))
SCRIPTS = (*UPLOADED_FILES, "predict.py", "score.py")


def environment() -> dict[str, str]:
    """Return this process's environment without variables that set folders or Python options."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "PYTHON"))}


def full_disk_environment() -> dict[str, str]:
    """Return an environment for a process on a full disk, in which Python writes no compiled modules.

    Otherwise, Python would produce a partly written module that no later process could import.
    """
    return environment() | {"PYTHONDONTWRITEBYTECODE": "1"}


def run(*command: object, cwd: Path, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder. timeout: the time limit in seconds. variables: additional environment variables."""
    arguments = [sys.executable, *map(str, command)]
    return subprocess.run(
        arguments, cwd=cwd, env=environment() | variables, capture_output=True, text=True, timeout=timeout
    )


def copy_scripts(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or SCRIPTS:
        shutil.copy(ROOT / name, folder / name)
    return folder


def copy_checkout(folder: Path) -> Path:
    """Copy the files that are or could be under version control, with their modification times."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(command, cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return folder
