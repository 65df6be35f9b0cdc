"""How this recore was installed: where the template's files are, how the command is called, where it came from.

A checkout has the template's files at its root. A wheel holds copies of those that recore uses; hatch_build.py, which
puts them there, reads their list from this file.
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

COPIES = "template_files"  # the folder of the copies, in the package recore
TEMPLATE_FILES = (  # files and folders of the template that recore uses
    *(".dockerignore", ".python-version", ".unearthed_challenge.json", "Dockerfile", "MANIFEST.in", "estimators.py"),
    *("examples/pls", "examples/xgboost", "predict.py", "preprocess.py", "requirements.txt", "score.py", "setup.py"),
    *("submission.yml", "tests/contract", "train.py"),
    "tools/stagemaker/src/stagemaker/container",  # for the Dockerfile
)
_COPIES = Path(__file__).with_name(COPIES)
INSTALLED = _COPIES.is_dir()  # whether this is a copy that pip installed, not a checkout
TEMPLATE = _COPIES if INSTALLED else Path(__file__).parents[4]  # the folder with the template's files
PACKAGES = ("recore", "stagemaker")  # what pip installs, each from a folder in tools/, and no submission may import
PROGRAM = "recore" if Path(sys.argv[0]).stem == "recore" else "python -m recore"  # as the user started it


def shell_program() -> str:
    """The words that start this program in the user's shell: PROGRAM, or the command's path if the shell finds another.

    `make run`, for example, uses an environment that the user need not have activated.
    """
    folder = Path(sys.executable).parent
    found = shutil.which(PROGRAM.split()[0])
    if found and Path(found).parent.resolve() == folder.resolve():
        return PROGRAM
    path = folder / "recore"
    with contextlib.suppress(OSError, ValueError):  # the working directory is gone, or the path is not in it
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


def setup_command(*names: str, extra: str = "") -> str:
    """The command that installs packages, or those of an extra, for this Python; by default all that are missing."""
    from stagemaker.installation import missing_packages, pip_command, required_packages

    if not INSTALLED:
        return f"make setup-{extra}" if extra else "make setup"
    required = required_packages(PACKAGES)
    chosen = names or ([] if extra else missing_packages(required) or required)
    return pip_command(*chosen, extra=extra, distributions=PACKAGES)


def install_command(origin: str | None, *options: str) -> str:
    """The pip command that installs recore and stagemaker on any machine. origin: that of find_origin()."""
    folders = [f'"{origin or "git+ADDRESS"}#subdirectory=tools/{name}"' for name in reversed(PACKAGES)]
    return " ".join(["pip install", *options, *folders])


def find_origin() -> str | None:
    """The repository that pip can install recore from on any machine, such as git+https://host/owner/name.

    Of an installed recore, pip has recorded it (PEP 610); of a checkout, the address of git's remote `origin` is used.
    None if neither leads to an address that other machines can use.
    """
    if not INSTALLED:
        public = _public(_remote_of(TEMPLATE))
        return f"git+{public}" if public else None
    recorded = _recorded_origin()
    address = str(recorded.get("url", ""))
    if "dir_info" in recorded:  # a folder of a checkout, tools/recore
        address = _remote_of(Path(unquote(urlsplit(address).path)).parents[1])
    public = _public(address)
    if public is None or ("archive_info" in recorded and "subdirectory" not in recorded):
        return None
    if "archive_info" in recorded:
        return public
    commit = recorded.get("vcs_info", {}).get("commit_id")
    return f"git+{public}" + (f"@{commit}" if commit else "")


def _recorded_origin() -> dict[str, Any]:
    """direct_url.json of the installed package; empty if it has no such file."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution("recore").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    return dict(json.loads(text)) if text else {}


def _remote_of(folder: Path) -> str:
    """The address of a checkout's remote; empty if it has none or is not a checkout."""
    if not (folder / ".git").exists():  # git would look for one in the folders above
        return ""
    command = ["git", "-C", str(folder), "remote", "get-url", "origin"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _public(address: str) -> str | None:
    """The address of a repository or an archive by HTTP, without a user's name; None of a path on this machine."""
    if short := re.fullmatch(r"(?:[^@/:]+@)?([\w.-]+):(?!/)(.+)", address):  # git's own form, host:path
        address = f"ssh://{short[1]}/{short[2]}"
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
        return None
    if parts.scheme in ("ssh", "git"):
        return f"https://{parts.hostname}{parts.path}"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
