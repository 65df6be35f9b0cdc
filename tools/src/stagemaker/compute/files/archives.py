"""Packs jobs' output files into tar.gz archives, and unpacks archives without writing outside a folder."""

import contextlib
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from stagemaker import machine
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files.output_files import Announce, Check, CheckedReader, OutputFolder, ignore
from stagemaker.compute.processes.volume import Volume

CHUNK_SIZE = 1 << 18  # bytes that are unpacked at a time
MAX_HEADER_BYTES = 1 << 20  # maximum size of all headers before a file's content
MAX_PATH_LENGTH = 4096  # characters, as on Linux
MAX_GLOBAL_HEADERS = 100  # header values that apply to all following files
# the exceptions that tarfile and gzip raise when they read an invalid or hostile archive
ARCHIVE_ERRORS = (
    *(tarfile.TarError, zlib.error, OSError, EOFError),
    *(ValueError, LookupError, OverflowError, RecursionError),
)


def pack(
    folder: OutputFolder,
    archive: Path,
    volume: Volume,
    check: Check = lambda: None,
    announce: Announce = ignore,
) -> None:
    """Pack a folder's content into a tar.gz archive, as SageMaker packs a model. Absolute symbolic links are left out.

    check: called before each chunk; it must raise if the job must end. Raises JobFailed if the folder cannot be read or
    is larger than the volume, and OSError if the disk of this machine is full.
    """
    if not folder.exists() or not folder.path.is_dir():
        raise JobFailed(f"AlgorithmError: the folder {folder.name} was removed or replaced")
    announce(folder.check_volume(volume, check, packed=True))
    try:
        with tarfile.open(archive, mode="w:gz", compresslevel=1) as tar:
            for file in folder.files(check):
                member = tar.gettarinfo(os.path.join(folder.path, file.name), file.name)
                member.uid = member.gid = 0  # as on AWS, and not the account that runs the simulator
                member.uname = member.gname = ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                if member.isreg():
                    with file.open() as content:
                        tar.addfile(member, CheckedReader(content, member.size, check))
                elif not member.issym() or not os.path.isabs(member.linkname):
                    tar.addfile(member)
    except (OSError, tarfile.TarError) as error:
        if machine.is_disk_full(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise JobFailed(f"AlgorithmError: {folder.name} could not be packed: {reason}") from None


def unpack(archive: Path, folder: Path, volume: Volume, check: Check = lambda: None) -> None:
    """Unpack a tar archive, with or without gzip compression, into a folder. Nothing is written outside the folder.

    volume: the volume on which the content must fit. check: called before each part; it must raise if the job must end.
    Raises JobFailed if the archive is invalid, hostile or too large, and OSError if the disk of this machine is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = ""
    try:
        for tar, member in members(archive, check):
            name = member.name
            folders = sum(not os.path.lexists(folder / parent) for parent in Path(name).parents)
            if not volume.take(member.size, files=1 + folders):
                problem = f"Insufficient disk space: its contents are larger than {volume}"
                raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {problem}")
            tar.extract(member, folder, filter=_filter_member)
    except ARCHIVE_ERRORS as error:
        if machine.is_disk_full(error):
            raise
        raise JobFailed(f"ClientError: {archive.name} could not be unpacked: {_reason(error, name)}") from None


def _reason(error: Exception, name: str) -> str:
    """Return an error's message, without this machine's paths. name: the archive member that caused the error."""
    if isinstance(error, RecursionError):
        return "its headers are nested too deeply"
    if isinstance(error, tarfile.OutsideDestinationError | tarfile.LinkOutsideDestinationError):
        return f"{name[:200]!r} points outside its folder"
    if isinstance(error, OSError) and error.strerror:
        return f"{name[:200]!r}: {error.strerror}"
    return str(error)


def members(archive: Path, check: Check) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the members of a tar archive, with or without gzip compression.

    The caller must read each member before it requests the next. Raises one of ARCHIVE_ERRORS if the archive is invalid
    or hostile.
    """
    with open(archive, "rb") as file:
        is_compressed = file.read(2) == b"\x1f\x8b"
    with open_gzip(archive, check) if is_compressed else open(archive, "rb") as stream:
        content = _Content(stream, check)
        with tarfile.TarFile(fileobj=cast(IO[bytes], content), copybufsize=CHUNK_SIZE) as tar:
            while True:
                content.bytes_left = MAX_HEADER_BYTES
                member = tar.next()
                if member is None:
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


@contextlib.contextmanager
def open_gzip(path: Path, check: Check) -> Iterator[BinaryIO]:
    """Open a gzip file for reading. check: called for each part that is read, even if it contains no data.

    A file of 17 MB can consist of a million empty gzip members.
    """
    with open(path, "rb") as file:
        reader = CheckedReader(file, os.fstat(file.fileno()).st_size, check)
        with gzip.GzipFile(fileobj=cast(IO[bytes], reader)) as content:
            yield cast(BinaryIO, content)


class _Content:
    """The content of an archive, read in order.

    bytes_left: how many more bytes may be read. Without this limit, tarfile would read a header of any size at once.
    """

    def __init__(self, file: BinaryIO, check: Check):
        self._file, self._check = file, check
        self.bytes_left = MAX_HEADER_BYTES

    def read(self, size: int) -> bytes:
        self._check()
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise tarfile.ReadError(f"the headers of a file are larger than {MAX_HEADER_BYTES >> 10} KiB")
        return self._file.read(size)

    def seek(self, position: int) -> None:
        """Skip forward to a position."""
        if position < self._file.tell():
            raise tarfile.ReadError("its files are out of order")
        while (skipped_bytes := position - self._file.tell()) > 0:
            self._check()
            if not self._file.read(min(skipped_bytes, CHUNK_SIZE)):
                break

    def tell(self) -> int:
        return self._file.tell()


def _filter_member(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """Apply tarfile's filter, and reject paths through an earlier symbolic link. Some Python 3.12 releases accept them.

    Nothing outside the folder is checked, because error messages would reveal what is there.
    """
    filtered_member = tarfile.data_filter(member, folder)
    link_folder = os.path.dirname(filtered_member.name) if member.issym() else ""
    names = [filtered_member.name, *([os.path.join(link_folder, member.linkname)] if member.linkname else [])]
    for name in names:
        if any(Path(folder, place).is_symlink() for place in (Path(name), *Path(name).parents)):
            raise tarfile.ReadError(f"{member.name[:200]!r} leads through a symbolic link earlier in the archive")
    if member.islnk() and not os.path.exists(os.path.join(folder, member.linkname)):
        # tarfile would search all following members for the file
        raise tarfile.ReadError(f"{member.name[:200]!r} is a hard link to a file that is not earlier in the archive")
    return filtered_member
