"""The environments that were made for images: which there are, their size, and the removal of those not needed."""

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
    folder = cache_folder()
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def size_of(folder: Path) -> int:
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it may just be removed
                size += os.lstat(os.path.join(path, name)).st_blocks * 512
    return size


def remove_unneeded(everything: bool) -> Iterator[tuple[Path, bool]]:
    """Remove environments, and yield each with whether it was removed: not if it is in use or being made.

    everything: also those that this version would make again. Raises OSError.
    """
    needed = {packages.folder for packages in package_sets()}
    for folder in environments():
        if everything or folder not in needed or not (folder / READY).is_file():
            yield folder, _remove(folder)


def _remove(folder: Path) -> bool:
    with contextlib.ExitStack() as held:
        for path, flags in ((lock_file(folder), os.O_CREAT | os.O_RDWR), (folder / READY, os.O_RDONLY)):
            try:
                descriptor = os.open(path, flags, 0o600)
            except FileNotFoundError:  # READY of an incomplete one
                continue
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        (folder / READY).unlink(missing_ok=True)  # what is removed by halves is no environment
        shutil.rmtree(folder)  # and not the locked file, for which another process may wait
        return True
