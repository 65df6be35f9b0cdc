"""List, measure and remove the environments that were created for images."""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from stagemaker.images.catalogue import package_sets
from stagemaker.images.package_set import READY, cache_folder, lock_file

NAME = re.compile(r"[\w.-]+-[0-9a-f]{12}")


def environments() -> list[Path]:
    """Return the folders that a set-up created, as its lock file shows, which it keeps."""
    folder = cache_folder()
    paths = [path for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(path for path in paths if path.is_dir() and not path.is_symlink() and lock_file(path).is_file())


def size_of(folder: Path) -> int:
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it may have just been removed
                size += os.lstat(os.path.join(path, name)).st_blocks * 512
    return size


def remove_environments(include_needed: bool) -> Iterator[tuple[Path, bool]]:
    """Remove environments, unless they are in use or being created. Yield each folder, and whether it was removed.

    include_needed: whether to remove even environments that this version would recreate. Raises OSError on failure.
    """
    needed = {packages.folder for packages in package_sets()}
    for folder in environments():
        if include_needed or folder not in needed or not (folder / READY).is_file():
            yield folder, _remove(folder)


def _remove(folder: Path) -> bool:
    with contextlib.ExitStack() as exit_stack:
        for path, flags in ((lock_file(folder), os.O_CREAT | os.O_RDWR), (folder / READY, os.O_RDONLY)):
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:  # an incomplete environment has no READY
                continue
            exit_stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        (folder / READY).unlink(missing_ok=True)  # first, so that a partly removed environment is not used
        shutil.rmtree(folder)  # but not the lock file, for which another process may wait
        return True
