"""Read untrusted tar archives, with limits on bytes and members. Sparse files are rejected."""

import io
import os
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from recore.text import plain
from stagemaker import ARCHIVE_ERRORS, read_members

MAX_MEMBERS = 100_000
MAX_BYTES = 30 << 30  # unpacked; the volume size of a model's instance
SMALL_SIZE = 1 << 30  # unpacked bytes allowed for any archive
MAX_RATIO = 100  # maximum ratio of unpacked to packed bytes in larger archives
BLOCK = 512  # bytes

Members = Iterator[tuple[tarfile.TarInfo, io.BufferedReader | None]]


@contextmanager
def open_archive(path: Path, max_bytes: int = MAX_BYTES, problem: str = "") -> Iterator[Members]:
    """Yield an iterator over an archive's members, each with an open file, or None if it is not a regular file.

    A file can be read until the next member is requested. max_bytes: limit for the unpacked archive. problem: the start
    of error messages; the default contains the path. Raises ValueError, even while a file is read, if the archive is
    damaged, hostile or too large, and FileNotFoundError if it is missing.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is a folder, a pipe or a device, not a regular file")
        limit = min(max_bytes, max(SMALL_SIZE, MAX_RATIO * path.stat().st_size))
        yield _read_bounded(path, limit)
    except ARCHIVE_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:  # not caused by the archive, such as a full disk
            raise
        message = plain(" ".join(str(error).split()) or type(error).__name__)
        raise ValueError(f"{problem or f'{path}: the archive could not be read'}: {message}") from None


def read_files(path: Path, names: Collection[str], max_bytes: int, problem: str = "") -> dict[str, bytes]:
    """Return the contents of an archive's regular files with the given names. If a name repeats, the last file is used.

    problem: the start of error messages; the default contains the path. Raises ValueError if the archive is invalid or
    one of the files has more than `max_bytes` bytes.
    """
    files = {}
    with open_archive(path, problem=problem) as members:
        for member, content in members:
            name = os.path.normpath(member.name)
            if content is None or name not in names:
                continue
            if member.size > max_bytes:
                raise ValueError(f"{name} is larger than {max_bytes >> 20} MB")
            files[name] = content.read()
    return files


def _read_bounded(path: Path, limit: int) -> Members:
    for number, (tar, member) in enumerate(read_members(path, read_to_end=True), 1):
        if number > MAX_MEMBERS:
            raise ValueError(f"it has more than {MAX_MEMBERS:,} members")
        blocks = tar.offset - member.offset_data  # read on to the next member
        if member.issparse() or (member.isreg() and not 0 <= blocks - member.size < BLOCK):
            raise ValueError(f"{member.name[:200]!r} is a sparse file, or its size is wrong")
        if tar.offset > limit:
            raise ValueError(f"it unpacks to more than {limit >> 20} MB")
        yield member, cast(io.BufferedReader, tar.extractfile(member)) if member.isreg() else None
