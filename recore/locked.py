"""A folder that a process works in: locked as long as the process lives, so that what a killed one left is known."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path


class Locked:
    """A folder's lock, held if nobody else has it. The kernel lets it go with the process."""

    def __init__(self, folder: Path):
        self.held = False
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.held = True

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def make(parent: Path, prefix: str, suffix: str) -> tuple[Path, Locked]:
    """A new folder of this process, after those of processes that are gone were removed: they are told by their names.

    Only folders of this user are removed, or locked for a moment: the parent may be one that all users share.
    """
    for left in parent.glob(f"{prefix}*{suffix}"):
        with contextlib.suppress(OSError):  # another process removes it at the same time
            if left.lstat().st_uid == os.geteuid():
                lock = Locked(left)
                if lock.held:
                    shutil.rmtree(left, ignore_errors=True)
                lock.close()
    while True:  # another process could take it for one that was left, before it is locked
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
        lock = Locked(folder)
        if lock.held and folder.is_dir():
            return folder, lock
        lock.close()
