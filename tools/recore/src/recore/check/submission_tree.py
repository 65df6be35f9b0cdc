"""Reads files of a submission: no link is followed out of it, no pipe is waited for, no large file is read.

And its folder as an archive, for the jobs that need more of it than what is uploaded.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from recore.evaluation import SubmissionFiles, read_archive

LARGEST = 4 << 20  # bytes; scripts and the files beside them are far smaller
ENTRIES = 1000  # of a folder that are listed
PACKED_FILE = 8 << 20  # bytes: a project's sources are far smaller, and data and models are not needed
PACKED = 64 << 20  # bytes of all files
MOST = 20_000  # files
LEFT_OUT = ("__pycache__", "build", "dist", "data", "model", "runs", "node_modules", "site-packages")


class UnreadableFile(ValueError):
    """A file of the submission that cannot be read; the message says why, without the file's name."""


class SubmissionTree:
    """The files of a submission, a folder or the src.tar.gz that `unearthed build` leaves, by names with slashes.

    Raises FileNotFoundError if there is no such submission, ValueError if an archive is invalid.
    """

    def __init__(self, path: Path):
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such submission")
        self.path = path
        self._archived = None if path.is_dir() else dict(read_archive(path))

    @property
    def is_folder(self) -> bool:
        return self._archived is None

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of an archive's files, in bytes."""
        return {name: len(content) for name, content in (self._archived or {}).items()}

    def exists(self, name: str) -> bool:
        """Whether there is anything of that name: a file, a folder, a pipe, or a link to nothing."""
        if self._archived is not None:
            return name in self._archived or any(file.startswith(f"{name}/") for file in self._archived)
        return os.path.lexists(self.path / name)

    def is_file(self, name: str) -> bool:
        if self._archived is not None:
            return name in self._archived
        with suppress(OSError):  # of a link that leads to itself
            return (self.path / name).is_file()
        return False

    def list_folder(self, name: str) -> list[str]:
        """The names of what is in a folder, sorted; empty if there is no such folder."""
        if self._archived is not None:
            start = f"{name}/" if name else ""
            inside = (file.removeprefix(start) for file in self._archived if file.startswith(start))
            return sorted({file.partition("/")[0] for file in inside})
        with suppress(OSError), os.scandir(self.path / name) as entries:
            return sorted(entry.name for entry in islice(entries, ENTRIES))
        return []

    def read(self, name: str) -> bytes:
        """The content of a file. Raises UnreadableFile if it is missing, no regular file, or larger than 4 MB."""
        if self._archived is not None:
            content = self._archived.get(name)
            if content is None:
                raise UnreadableFile("it does not exist")
        else:
            content = self._read_from_folder(name)
        if len(content) > LARGEST:
            raise UnreadableFile(f"it is larger than {LARGEST >> 20} MB")
        return content

    def _read_from_folder(self, name: str) -> bytes:
        path = self.path / name
        try:
            if not path.resolve().is_relative_to(self.path.resolve()):
                raise UnreadableFile("it is a symbolic link to a path outside the submission")
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFile("it is not a regular file")
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read(LARGEST + 1)
        except FileNotFoundError:
            raise UnreadableFile("it does not exist") from None
        except OSError as error:
            raise UnreadableFile(f"it cannot be read ({error.strerror})") from None
        except RuntimeError:
            raise UnreadableFile("it is a symbolic link that leads to itself") from None


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
        if size > PACKED or len(files) > MOST:
            raise ValueError(f"{folder}: more than {PACKED >> 20} MB or {MOST} files besides data and models")
    return SubmissionFiles(folder, files).archive


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and path.resolve().is_relative_to(root) and path.stat().st_size <= PACKED_FILE:
                yield path
