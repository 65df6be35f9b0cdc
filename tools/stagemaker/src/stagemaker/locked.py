"""Folders that are locked while the process that created them runs, so that abandoned folders are recognised."""

import contextlib
import fcntl
import glob
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

RANDOM_PART = 8 * "[0-9a-f]"  # a pattern for the random part of a name; folders of other programs must not match
TEMPORARY = ".temporary"  # the suffix of folders for temporary files


class FolderLock:
    """An attempt to lock a folder. is_held: whether it succeeded. The kernel releases the lock when the process exits.

    is_unsupported: whether the file system lacks locks.
    """

    _descriptor = -1

    def __init__(self, folder: Path):
        self.is_held = self.is_unsupported = False
        try:
            with contextlib.suppress(FileNotFoundError):  # another process may remove it at the same time
                self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.is_held = True
        except BlockingIOError:  # another process holds it
            pass
        except OSError:
            if self._descriptor < 0:
                raise
            self.is_unsupported = True

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1  # first, so that it is not closed twice after an interrupt
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:  # after an interrupt, nothing else may close it
        self.close()


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[str]:
    """Yield a new folder for temporary files, and remove it on exit.

    prefix: the folder name's prefix, which begins with the program's name. All folders of the program's killed
    processes are removed first.
    """
    parent = Path(tempfile.gettempdir())
    remove_abandoned(parent, f"{prefix.partition('-')[0]}-*{RANDOM_PART}{TEMPORARY}")
    folder, lock = make(parent, prefix, TEMPORARY)
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.close()


def make(parent: Path, prefix: str, suffix: str) -> tuple[Path, FolderLock]:
    """Create a locked folder, after removing matching folders whose processes have exited."""
    remove_abandoned(parent, f"{glob.escape(prefix)}{RANDOM_PART}{suffix}")
    while True:
        folder = parent / f"{prefix}{secrets.token_hex(4)}{suffix}"
        folder.mkdir(0o700)
        lock = FolderLock(folder)
        # before it was locked, another process could have removed it as abandoned
        if (lock.is_held or lock.is_unsupported) and folder.is_dir():
            return folder, lock
        lock.close()


def remove_abandoned(parent: Path, pattern: str) -> None:
    """Remove this user's folders whose names match a pattern and whose processes have exited."""
    for folder in parent.glob(pattern):
        with contextlib.suppress(OSError):  # another process may remove it at the same time
            if folder.lstat().st_uid == os.geteuid():
                lock = FolderLock(folder)
                if lock.is_held:
                    shutil.rmtree(folder, ignore_errors=True)
                lock.close()


@contextlib.contextmanager
def hold_lock(
    lock: threading.Lock, on_wait: Callable[[], None], raise_if_stopping: Callable[[], None]
) -> Iterator[None]:
    """Hold a lock within the context. on_wait: called once if another thread holds it."""
    if not lock.acquire(blocking=False):
        on_wait()
        while not lock.acquire(timeout=0.2):
            raise_if_stopping()
    try:
        yield
    finally:
        lock.release()
