"""A folder for the Unix sockets of models' servers, whose path is short enough for them whatever TMPDIR is."""

import itertools
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from recore import locked

PREFIX = "recore-sockets-"
NAME = "http"  # of a socket in the folder of its server
LONGEST = 107  # bytes of a Unix socket's path
NUMBERS = itertools.count()  # of servers' folders
BELOW = len(f"/{PREFIX}12345678/12345678/{NAME}")  # bytes of the path below the parent


def make() -> tuple[Path, locked.Locked]:
    """A new folder that only this user may enter, locked by this process; those of processes that are gone are removed.

    It is in the temporary folder where that path is short enough, otherwise in the first suitable one of `parents`.
    Raises OSError if no such folder can be made.
    """
    reasons = []
    for parent in parents():
        if len(os.fsencode(parent)) + BELOW > LONGEST:
            reasons.append(f"{parent} is too long")
            continue
        try:
            if not _is_safe(parent):
                reasons.append(f"in {parent} other users may replace it")
                continue
            return locked.make(parent, PREFIX, "")
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    raise OSError(f"no folder for the sockets of models' servers ({'; '.join(reasons)}): set TMPDIR to a short path")


def for_server(folder: Path) -> Path:
    """The path in such a folder of a new one, not made yet, for the socket of one server of this process."""
    return folder / f"{next(NUMBERS):08x}"


def parents() -> Iterator[Path]:
    """Where the folder may be, in the order of preference, links resolved."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for parent in (tempfile.gettempdir(), runtime, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 - made by mkdtemp
        yield Path(parent).resolve()


def _is_safe(parent: Path) -> bool:
    """Whether no other user may rename or remove what this one puts into a folder."""
    info = parent.stat()
    shared = info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not info.st_mode & stat.S_ISVTX
    return info.st_uid in (0, os.geteuid()) and not shared
