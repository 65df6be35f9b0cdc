"""Reads files of a submission: no link is followed out of it, no pipe is waited for, no large file is read."""

import os
import stat
from pathlib import Path

from recore.evaluation import read_archive

LARGEST = 4 << 20  # bytes; scripts and the files beside them are far smaller
ENTRIES = 1000  # of a folder that are listed


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
        try:
            return (self.path / name).is_file()
        except OSError:  # a link that leads to itself
            return False

    def list_folder(self, name: str) -> list[str]:
        """The names of what is in a folder, sorted; empty if there is no such folder."""
        if self._archived is not None:
            start = f"{name}/" if name else ""
            inside = (file.removeprefix(start) for file in self._archived if file.startswith(start))
            return sorted({file.partition("/")[0] for file in inside})
        names: list[str] = []
        try:
            with os.scandir(self.path / name) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) == ENTRIES:
                        break
        except OSError:
            return []
        return sorted(names)

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
