"""Read the files in a job's output folder, without following symbolic links out of it or blocking on pipes."""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from stagemaker.archive_members import CheckedReader
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.processes.volume import Volume
from stagemaker.isolation.sandbox import ML

T = TypeVar("T")

CHUNK_SIZE = 1 << 20  # bytes that are copied at a time
MAX_FILES = 10_000  # files that can be uploaded from a folder; each upload takes 10 ms of time that all jobs share

StopCheck = Callable[[], None]  # called often, before each file and each part of one: raises if the work must end
Announce = Callable[[int], None]  # called with the size of a folder before its content is packed or uploaded


def ignore(*_: object) -> None:
    """Do nothing. The default for a StopCheck or Announce."""


@dataclass(frozen=True)
class OutputFile:
    """A regular file, a folder, or a symbolic link that does not lead out of the output folder.

    name: its path relative to the output folder. path: the path of the content (for a link, of its target). info: the
    content's stat result, or None for a broken link.
    """

    name: str
    path: str
    info: os.stat_result | None
    is_link: bool = False

    @property
    def is_folder(self) -> bool:
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)

    @property
    def size(self) -> int | None:
        """The size of a regular file in bytes, or None for anything else."""
        return self.info.st_size if self.info is not None and stat.S_ISREG(self.info.st_mode) else None

    def open(self) -> BinaryIO:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return open(_read_with_permission(self.path, 0o600, lambda path: os.open(path, flags)), "rb")


@dataclass(frozen=True)
class OutputFolder:
    """A job's output folder. Methods raise JobFailed if it cannot be read; the message contains no host paths.

    ml: the resolved host path of the job's /opt/ml. name: the output folder's path in the job.
    """

    ml: Path
    name: str

    @property
    def path(self) -> Path:
        return self.ml / self.name.removeprefix(ML).strip("/")

    def exists(self) -> bool:
        try:
            real_path = os.path.realpath(self.path, strict=True)
        except FileNotFoundError:
            real_path = os.path.realpath(self.path)  # it was removed, or is a broken symbolic link
        except OSError as error:
            raise self._make_failure(error) from None
        if real_path != str(self.path):
            raise JobFailed(f"AlgorithmError: the job replaced {self.name}, or a folder above it, with a symbolic link")
        return os.path.lexists(self.path)

    def files(self, raise_if_stopping: StopCheck) -> Iterator[OutputFile]:
        """Yield the files and folders below the folder, each folder before its contents.

        If the folder is in fact a file, yield it with an empty name. Skip pipes, sockets and links that lead outside.
        """
        folders = [""]
        try:
            if not self.path.is_dir():
                yield from filter(None, [self._file("")])
                return
            while folders:
                folder, subfolders = folders.pop(), []
                for name in sorted(_read_with_permission(os.path.join(self.path, folder), 0o700, os.listdir)):
                    raise_if_stopping()
                    file = self._file(os.path.join(folder, name))
                    if file and file.is_folder and not file.is_link:
                        subfolders.append(file.name)
                    if file:
                        yield file
                folders += reversed(subfolders)
        except OSError as error:
            raise self._make_failure(error) from None

    def copy(self, target: Path, raise_if_stopping: StopCheck) -> None:
        """Copy the contents to a new folder, preserving symbolic links."""
        target.mkdir()
        try:
            for file in self.files(raise_if_stopping):
                copy_path = target / file.name
                if file.is_link:
                    copy_path.symlink_to(os.readlink(self.path / file.name))
                elif file.is_folder:
                    copy_path.mkdir()
                else:
                    with file.open() as content, open(copy_path, "wb") as copy:
                        shutil.copyfileobj(CheckedReader(content, file.size or 0, raise_if_stopping), copy, CHUNK_SIZE)
                    shutil.copymode(file.path, copy_path)
        except OSError as error:
            raise self._make_failure(error) from None

    def measure_volume(self, volume: Volume, raise_if_stopping: StopCheck, is_archive: bool) -> int:
        """Return the content's size in bytes. Raises JobFailed if it does not fit on the volume.

        is_archive: whether a file with several hard links counts once, as in an archive, instead of once per link.
        """
        count = total = 0
        seen_files: set[tuple[int, int]] = set()
        for file in self.files(raise_if_stopping):
            if is_archive and file.info and file.info.st_nlink > 1 and not file.is_folder:
                identity = file.info.st_dev, file.info.st_ino
                if identity in seen_files:
                    continue
                seen_files.add(identity)
            count += 1
            total += 0 if is_archive and file.is_link else file.size or 0
            if not volume.has_room(total, count):
                raise JobFailed(f"AlgorithmError: No space left on device: {self.name} needs more than {volume}")
            if not is_archive and count > MAX_FILES:
                raise JobFailed(
                    f"ClientError: {self.name} contains more than {MAX_FILES:,} files, the maximum for an upload"
                )
        return total

    def _file(self, name: str) -> OutputFile | None:
        path = os.path.join(self.path, name).rstrip("/")
        info: os.stat_result | None = os.lstat(path)
        if info is None or stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
            return OutputFile(name, path, info)
        if not stat.S_ISLNK(info.st_mode):
            return None
        try:
            real_path = os.path.realpath(path, strict=True)
            info = os.stat(real_path)
        except (FileNotFoundError, NotADirectoryError):
            real_path, info = os.path.realpath(path), None
        is_inside = f"{real_path}/".startswith(f"{self.path}/")
        return OutputFile(name, real_path, info, is_link=True) if is_inside else None

    def _make_failure(self, error: OSError) -> JobFailed:
        reasons = {
            errno.ELOOP: "it contains a loop of symbolic links",
            errno.ENAMETOOLONG: "its folders are nested too deeply",
        }
        reason = reasons.get(error.errno or 0, error.strerror)
        return JobFailed(f"AlgorithmError: {self.name} could not be read: {reason}")


def _read_with_permission(path: str, mode: int, read: Callable[[str], T]) -> T:
    try:
        return read(path)
    except PermissionError:  # SageMaker's process may read all files
        os.chmod(path, mode)
        return read(path)
