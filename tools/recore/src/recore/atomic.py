"""Replace files and folders completely or not at all."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from stagemaker import locked


@contextlib.contextmanager
def replace_paths(*paths: Path) -> Iterator[list[Path]]:
    """Yield a temporary path for each of `paths`. On exit, the files and folders there replace `paths`.

    After any exception, including an interrupt, the paths keep their earlier contents. Pass folders before files: a
    file is replaced in one step, but a folder must first be moved away.
    Missing parent folders are created, and temporary files of killed processes are removed.
    """
    parent = paths[0].absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    temporary, lock = locked.make(parent, f".{paths[0].name}.", ".part")
    new_paths = [temporary / f"new-{number}" for number in range(len(paths))]
    old_paths = [temporary / f"old-{number}" for number in range(len(paths))]
    try:
        yield new_paths
        _rename(paths, new_paths, old_paths)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        lock.close()


def _rename(paths: Sequence[Path], new_paths: Sequence[Path], old_paths: Sequence[Path]) -> None:
    try:
        for path, new_path, old_path in zip(paths, new_paths, old_paths, strict=True):
            if path.is_dir() and new_path.is_dir():  # a file never replaces a folder
                path.rename(old_path)
            new_path.replace(path)
    except BaseException:
        if new_paths[-1].exists():
            for path, old_path in zip(paths, old_paths, strict=True):
                if old_path.exists():
                    shutil.rmtree(path, ignore_errors=True)
                    old_path.rename(path)
        raise
