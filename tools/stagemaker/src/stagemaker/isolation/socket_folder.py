"""A folder for model servers' Unix sockets. Its path is short enough for sockets, even if TMPDIR is too long."""

import itertools
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stagemaker import locked

PREFIX = "stagemaker-sockets-"
NAME = "http"  # the socket's name in its server's folder
MAX_PATH_BYTES = 107  # maximum length of a Unix socket's path
NUMBERS = itertools.count()  # for the names of the servers' folders
SUFFIX_BYTES = len(f"/{PREFIX}12345678/12345678/{NAME}")  # length of a socket's path below the parent folder


def make() -> tuple[Path, locked.FolderLock]:
    """Create and lock a folder in the first suitable parent. Raises OSError if no parent is suitable."""
    reasons = []
    for parent in parents():
        if len(os.fsencode(parent)) + SUFFIX_BYTES > MAX_PATH_BYTES:
            reasons.append(f"the path {parent} is too long")
            continue
        try:
            if not _is_safe(parent):
                reasons.append(f"other users could replace a folder in {parent}")
                continue
            return locked.make(parent, PREFIX, "")
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    reason = "; ".join(reasons)
    raise OSError(f"could not create a folder for the model servers' sockets ({reason}): set TMPDIR to a short path")


def server_folder(folder: Path) -> Path:
    return folder / f"{next(NUMBERS):08x}"


def parents() -> Iterator[Path]:
    """Yield the folder's possible parents in order of preference, with symbolic links resolved."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for parent in (tempfile.gettempdir(), runtime, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - made by mkdtemp
        yield Path(parent).resolve()


def _is_safe(parent: Path) -> bool:
    """Return whether no other user can rename or remove this user's files in a folder."""
    info = parent.stat()
    is_shared = info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not info.st_mode & stat.S_ISVTX
    return info.st_uid in (0, os.geteuid()) and not is_shared
