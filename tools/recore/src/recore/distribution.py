"""The installation of recore: the template's files, the name of its command, and the repository that it came from.

A checkout has the template's files at its root. A wheel contains copies of the files that recore uses; hatch_build.py,
which puts them there, reads the list from this file.
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
INSTALLED = _COPIES.is_dir()  # by pip, not a checkout
TEMPLATE = _COPIES if INSTALLED else Path(__file__).parents[4]  # the folder with the template's files
PACKAGES = ("recore", "stagemaker")  # installed by pip from folders in tools/; submissions must not import them
PROGRAM = "recore" if Path(sys.argv[0]).stem == "recore" else "python -m recore"  # as the user started it


def shell_program() -> str:
    """Return the command that starts this program in the user's shell: PROGRAM, or a path if the shell finds another.

    `make run`, for example, uses an environment that may not be activated.
    """
    folder = Path(sys.executable).parent
    command = shutil.which(PROGRAM.split()[0])
    if command and Path(command).parent.resolve() == folder.resolve():
        return PROGRAM
    path = folder / "recore"
    with contextlib.suppress(OSError, ValueError):  # the working directory is gone, or the path is not in it
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


def setup_command(*names: str, extra: str = "") -> str:
    """Return the command that installs packages, or an extra, for this Python; by default all missing packages."""
    from stagemaker.installation import missing_packages, pip_command, required_packages

    if not INSTALLED:
        return f"make setup-{extra}" if extra else "make setup"
    required = required_packages(PACKAGES)
    chosen = names or ([] if extra else missing_packages(required) or required)
    return pip_command(*chosen, extra=extra, distributions=PACKAGES)


def install_command(origin: str | None, *options: str) -> str:
    """Return the pip command that installs recore and stagemaker anywhere. origin: the result of find_origin()."""
    folders = [f'"{origin or "git+ADDRESS"}#subdirectory=tools/{name}"' for name in reversed(PACKAGES)]
    return " ".join(["pip install", *options, *folders])


def find_origin() -> str | None:
    """Return the URL from which pip can install recore anywhere, such as git+https://host/owner/name.

    It is the URL that pip recorded (PEP 610), or in a checkout that of git's remote `origin`; None if other computers
    cannot use it.
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
    """Return the contents of direct_url.json of the installed package, empty if there is no such file."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        content = distribution("recore").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    return dict(json.loads(content)) if content else {}


def _remote_of(folder: Path) -> str:
    """Return the URL of a checkout's remote, "" if it has none or is not a checkout."""
    if not (folder / ".git").exists():  # git would look for one in the folders above
        return ""
    command = ["git", "-C", str(folder), "remote", "get-url", "origin"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _public(address: str) -> str | None:
    """Return the HTTP URL of a repository or an archive, without a user name; None for a local path."""
    if short := re.fullmatch(r"(?:[^@/:]+@)?([\w.-]+):(?!/)(.+)", address):  # git's short form, host:path
        address = f"ssh://{short[1]}/{short[2]}"
    parts = urlsplit(address)
    if parts.scheme not in ("https", "http", "ssh", "git") or not parts.hostname:
        return None
    if parts.scheme in ("ssh", "git"):
        return f"https://{parts.hostname}{parts.path}"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
