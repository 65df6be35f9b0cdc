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
    "tools/src/stagemaker/container",  # for the Dockerfile
)
_COPIES = Path(__file__).with_name(COPIES)
INSTALLED = _COPIES.is_dir()  # whether this is a copy that pip installed, not a checkout
TEMPLATE = _COPIES if INSTALLED else Path(__file__).parents[3]  # the folder with the template's files
PACKAGES = ("recore", "stagemaker")  # what pip installs, and no submission may import
FOLDER = "tools"  # the folder of the repository that pip installs
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
    required = required_packages()
    return pip_command(*(names or ([] if extra else missing_packages(required) or required)), extra=extra)


def find_origin() -> str | None:
    """What `pip install` can be given on any machine to install this recore: git+https://host/owner/name and a folder.

    Of an installed recore, pip has recorded it (PEP 610); of a checkout, the address of git's remote `origin` is used.
    None if neither leads to an address that other machines can use.
    """
    recorded: dict[str, Any] = (
        _recorded_origin() if INSTALLED else {"url": (TEMPLATE / FOLDER).as_uri(), "dir_info": {}}
    )
    address = str(recorded.get("url", ""))
    if "dir_info" in recorded:
        address = _remote_of(Path(unquote(urlsplit(address).path)).parent)
    public = _public(address)
    if public is None:
        return None
    folder = f"#subdirectory={FOLDER}"
    if "archive_info" in recorded:
        return public + (folder if "subdirectory" in recorded else "")
    commit = recorded.get("vcs_info", {}).get("commit_id")
    return f"git+{public}" + (f"@{commit}" if commit else "") + folder


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
