"""The folder of a submission as an archive, for the jobs that need more of it than what is uploaded."""

import os
from collections.abc import Iterator
from pathlib import Path

from recore.evaluation import SubmissionFiles

LARGEST_FILE = 8 << 20  # bytes: a project's sources are far smaller, and data and models are not needed
LARGEST = 64 << 20  # bytes of all files
MOST = 20_000  # files
LEFT_OUT = ("__pycache__", "build", "dist", "data", "model", "runs", "node_modules", "site-packages")


def pack_project(folder: Path) -> bytes:
    """A folder's files as a tar.gz, without hidden folders, data, models and what was built from it.

    Larger files, links that lead out of the folder and special files are left out.
    Raises ValueError where there is too much.
    """
    files: dict[str, bytes] = {}
    size = 0
    for path in _files(folder):
        content = files[path.relative_to(folder).as_posix()] = path.read_bytes()
        size += len(content)
        if size > LARGEST or len(files) > MOST:
            raise ValueError(f"{folder}: more than {LARGEST >> 20} MB or {MOST} files besides data and models")
    return SubmissionFiles(folder, files).archive


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and path.resolve().is_relative_to(root) and path.stat().st_size <= LARGEST_FILE:
                yield path
