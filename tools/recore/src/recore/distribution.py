"""The installation of recore: the template's files, the command's name, and the source repository.

A checkout has the template's files at its root. A wheel contains copies of the files that recore uses; hatch_build.py
reads the list from here and adds the copies.
"""

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COPIES = "template_files"  # the folder in the package recore that contains the copies
TEMPLATE_FILES = (  # files and folders of the template that recore uses
    *(".dockerignore", ".python-version", ".unearthed_challenge.json", "Dockerfile", "MANIFEST.in", "estimators.py"),
    *("examples/pls", "examples/xgboost", "predict.py", "preprocess.py", "requirements.txt", "score.py", "setup.py"),
    *("submission.yml", "tests/contract", "train.py"),
    "tools/stagemaker/src/stagemaker/container",  # for the Dockerfile
)
_COPIES = Path(__file__).with_name(COPIES)
INSTALLED = _COPIES.is_dir()  # installed by pip, not a checkout
TEMPLATE = _COPIES if INSTALLED else Path(__file__).parents[4]  # the folder with the template's files
PACKAGES = ("recore", "stagemaker")  # packages in tools/, which submissions must not import
PROGRAM = "recore" if Path(sys.argv[0]).stem == "recore" else "python -m recore"  # how the user started it


def shell_program() -> str:
    """Return the command that starts this program in the user's shell: PROGRAM, or a path if PROGRAM is not on PATH.

    For example, `make run` uses an environment that may not be activated.
    """
    folder = Path(sys.executable).parent
    command = shutil.which(PROGRAM.split()[0])
    if command and Path(command).parent.resolve() == folder.resolve():
        return PROGRAM
    path = folder / "recore"
    with contextlib.suppress(OSError, ValueError):  # the working directory no longer exists, or the path is not in it
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


def setup_command(*names: str, extra: str = "") -> str:
    """Return the command that installs packages, an extra or, by default, all missing packages in this environment."""
    from stagemaker.installation import missing_packages, pip_command, required_packages

    if not INSTALLED:
        return f"make setup-{extra}" if extra else "make setup"
    required = required_packages(PACKAGES)
    packages = names or ([] if extra else missing_packages(required) or required)
    return pip_command(*packages, extra=extra, distributions=PACKAGES)


def install_command(origin: str | None, *options: str) -> str:
    """Return a pip command that installs recore and stagemaker on any computer. origin: find_origin()'s result."""
    folders = [f'"{origin or "git+ADDRESS"}#subdirectory=tools/{name}"' for name in reversed(PACKAGES)]
    return " ".join(["pip install", *options, *folders])


def find_origin() -> str | None:
    """Return a URL from which pip can install recore on any computer, such as git+https://host/owner/name.

    This is the URL that pip recorded (PEP 610) or, in a checkout, the URL of the remote `origin`. Returns None if other
    computers cannot use it.
    """
    if not INSTALLED:
        public = _hide_private_address(_find_remote(TEMPLATE))
        return f"git+{public}" if public else None
    recorded = _recorded_origin()
    address = str(recorded.get("url", ""))
    if "dir_info" in recorded:  # the folder tools/recore in a checkout
        address = _find_remote(Path(unquote(urlsplit(address).path)).parents[1])
    public = _hide_private_address(address)
    if public is None or ("archive_info" in recorded and "subdirectory" not in recorded):
        return None
    if "archive_info" in recorded:
        return public
    commit = recorded.get("vcs_info", {}).get("commit_id")
    return f"git+{public}" + (f"@{commit}" if commit else "")


def _recorded_origin() -> dict[str, Any]:
    """Return the contents of the installed package's direct_url.json, or {} if the file does not exist."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        content = distribution("recore").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    return dict(json.loads(content)) if content else {}


def _find_remote(folder: Path) -> str:
    """Return the URL of a checkout's remote, or "" if it has none or the folder is not a checkout."""
    if not (folder / ".git").exists():  # git would also look in the parent folders
        return ""
    return run_git(folder, "remote", "get-url", "origin").decode("utf-8", "replace").strip()


def run_git(folder: Path, *words: str) -> bytes:
    """Return the output of a Git command in a folder, or b"" if Git is not installed or does not respond."""
    try:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, timeout=10).stdout
    except (OSError, subprocess.TimeoutExpired):
        return b""


def _hide_private_address(address: str) -> str | None:
    """Return the HTTP or HTTPS URL, without a user name, of a repository or archive, or None for a local path."""
    if ssh_match := re.fullmatch(r"(?:[^@/:]+@)?([\w.-]+):(?!/)(.+)", address):  # git's short form, host:path
        address = f"ssh://{ssh_match[1]}/{ssh_match[2]}"
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
        return None
    if parts.scheme in ("ssh", "git"):
        return f"https://{parts.hostname}{parts.path}"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
