"""Read the members of untrusted tar archives without letting headers, sizes or sparse maps exhaust the memory."""

import contextlib
import errno
import gzip
import os
import tarfile as tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

if not hasattr(tarfile, "data_filter"):  # before Python 3.11.4, as in Debian 12
    from backports import tarfile as tarfile  # type: ignore[import-not-found,no-redef]

CHUNK_SIZE = 1 << 18  # bytes that are read at a time
MAX_HEADER_BYTES = 1 << 20  # maximum size of all headers before a file's content
MAX_PADDING = 64 << 20  # bytes after the last file
MAX_PATH_LENGTH = 4096  # characters, as on Linux
MAX_GLOBAL_HEADERS = 100  # header values that apply to all following files
# the exceptions that tarfile and gzip raise when they read an invalid or hostile archive
ARCHIVE_ERRORS = (
    *(tarfile.TarError, zlib.error, OSError, EOFError),
    *(ValueError, LookupError, OverflowError, RecursionError),
)


def read_members(
    archive: Path, raise_if_stopping: Callable[[], None] = lambda: None, read_to_end: bool = False
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members of a plain or gzip-compressed tar archive. Each must be read before the next is requested.

    read_to_end: whether to read to the end of the file, which verifies the checksum. Raises one of ARCHIVE_ERRORS.
    """
    with open(archive, "rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    with open_gzip(archive, raise_if_stopping) if is_compressed else open(archive, "rb") as stream:
        content = _Content(stream, raise_if_stopping)
        with tarfile.TarFile(fileobj=cast(IO[bytes], content), copybufsize=CHUNK_SIZE) as tar:
            while True:
                content.bytes_left = MAX_HEADER_BYTES
                member = tar.next()
                if member is None:
                    if read_to_end:
                        _read_padding(stream, raise_if_stopping)
                    return
                pieces: list[tuple[int, int]] = member.sparse or []  # type: ignore[assignment]
                if member.size < 0 or any(offset + size > member.size for offset, size in pieces):
                    raise tarfile.ReadError(f"the size of {member.name[:200]!r} is wrong")
                if max(len(member.name), len(member.linkname)) > MAX_PATH_LENGTH:
                    raise tarfile.ReadError(f"the name or the link target of {member.name[:200]!r} is too long")
                if len(tar.pax_headers) > MAX_GLOBAL_HEADERS:
                    raise tarfile.ReadError("it has too many global headers")
                content.bytes_left = max(tar.offset - member.offset_data, 0)
                yield tar, member
                tar.members = []  # type: ignore[attr-defined] # tarfile would keep them all: there may be millions


def _read_padding(stream: IO[bytes], raise_if_stopping: Callable[[], None]) -> None:
    for _ in range(MAX_PADDING // CHUNK_SIZE):
        raise_if_stopping()
        if not stream.read(CHUNK_SIZE):
            return
    raise tarfile.ReadError(f"more than {MAX_PADDING >> 20} MiB of data follow the last file")


def remove_owner(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return a copy of a member, owned by root as on AWS, with mode 755 for folders and executables, else 644."""
    mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member.replace(uid=0, gid=0, uname="", gname="", mode=mode, deep=False)


@contextlib.contextmanager
def open_gzip(path: Path, raise_if_stopping: Callable[[], None]) -> Iterator[BinaryIO]:
    """Open a gzip file; `raise_if_stopping` is called before each chunk, because a small file can be slow to read."""
    with open(path, "rb") as file:
        reader = CheckedReader(file, os.fstat(file.fileno()).st_size, raise_if_stopping)
        with gzip.GzipFile(fileobj=cast(IO[bytes], reader)) as content:
            yield cast(BinaryIO, content)


class _Content:
    """The content of an archive, read sequentially. bytes_left: the number of bytes that tarfile may still read."""

    def __init__(self, file: BinaryIO, raise_if_stopping: Callable[[], None]):
        self._file, self._raise_if_stopping = file, raise_if_stopping
        self.bytes_left = MAX_HEADER_BYTES

    def read(self, size: int) -> bytes:
        self._raise_if_stopping()
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise tarfile.ReadError(f"the headers of a file are larger than {MAX_HEADER_BYTES >> 10} KiB")
        return self._file.read(size)

    def seek(self, position: int) -> None:
        if position < self._file.tell():
            raise tarfile.ReadError("its members are out of order")
        while (skipped_bytes := position - self._file.tell()) > 0:
            self._raise_if_stopping()
            if not self._file.read(min(skipped_bytes, CHUNK_SIZE)):
                break

    def tell(self) -> int:
        return self._file.tell()


class CheckedReader:
    """A reader of a file of known size, which calls `raise_if_stopping` before each chunk."""

    def __init__(self, file: BinaryIO, size: int, raise_if_stopping: Callable[[], None]):
        self._file, self._bytes_left, self._raise_if_stopping = file, size, raise_if_stopping

    def read(self, size: int = -1) -> bytes:
        """Read the next bytes. Raises OSError if the file has become shorter, or errors of `raise_if_stopping`."""
        self._raise_if_stopping()
        chunk = self._file.read(self._bytes_left if size < 0 else min(size, self._bytes_left))
        if not chunk and self._bytes_left and size:
            raise OSError(errno.EIO, "a file was truncated while it was being read")
        self._bytes_left -= len(chunk)
        return chunk
