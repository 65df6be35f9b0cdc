"""The folder of a submission as an archive, for the jobs that need more of it than what is uploaded."""

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

LARGEST_FILE = 8 << 20  # bytes: a project's sources are far smaller, and data and models are not needed
LARGEST = 64 << 20  # bytes of all files
MOST = 20_000  # files
LEFT_OUT = ("__pycache__", "build", "dist", "data", "model", "runs", "node_modules", "site-packages")


def pack_project(folder: Path) -> bytes:
    """A folder's files as a tar.gz, without hidden folders, data, models and what was built from it.

    Larger files, links that lead out of the folder and special files are left out.
    Raises ValueError where there is too much.
    """
    packed = io.BytesIO()
    size = 0
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, compresslevel=1) as file,
        tarfile.open(fileobj=file, mode="w") as tar,
    ):
        for count, path in enumerate(_files(folder)):
            content = path.read_bytes()
            size += len(content)
            if size > LARGEST or count > MOST:
                raise ValueError(f"{folder}: more than {LARGEST >> 20} MB or {MOST} files besides data and models")
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and path.resolve().is_relative_to(root) and path.stat().st_size <= LARGEST_FILE:
                yield path
