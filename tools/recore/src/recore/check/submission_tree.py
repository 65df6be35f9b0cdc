"""Read a submission's files without following links out of its folder, waiting for pipes, or reading large files.

Also pack the folder as an archive, for jobs that need more than the uploaded files.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from recore.evaluation import SubmissionFiles, read_archive

MAX_FILE_SIZE = 4 << 20  # bytes; scripts and the files next to them are far smaller
MAX_ENTRIES = 1000  # files that are listed in a folder
MAX_PACKED_FILE = 8 << 20  # bytes; a project's sources are far smaller, and data and models are not needed
MAX_PACKED = 64 << 20  # bytes of all files
MAX_FILES = 20_000
EXCLUDED_FOLDERS = ("__pycache__", "build", "dist", "data", "model", "runs", "node_modules", "site-packages")


class UnreadableFile(ValueError):
    """A file of the submission cannot be read; the message is the reason, without the file's name."""


class SubmissionTree:
    """The files in a submission, by POSIX path. A submission is a folder or the src.tar.gz of `unearthed build`.

    Raises FileNotFoundError if the submission does not exist, and ValueError if an archive is invalid.
    """

    def __init__(self, path: Path):
        if not path.exists():
            raise FileNotFoundError(f"{path}: the submission does not exist")
        self.path = path
        self._archived = None if path.is_dir() else dict(read_archive(path))

    @property
    def is_folder(self) -> bool:
        return self._archived is None

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of an archive's files in bytes, or an empty dict for a folder."""
        return {name: len(content) for name, content in (self._archived or {}).items()}

    def exists(self, name: str) -> bool:
        """Return whether anything has this name: a file, a folder, a pipe, or a broken link."""
        if self._archived is not None:
            return name in self._archived or any(file.startswith(f"{name}/") for file in self._archived)
        return os.path.lexists(self.path / name)

    def is_file(self, name: str) -> bool:
        if self._archived is not None:
            return name in self._archived
        with suppress(OSError):  # a link that leads to itself
            return (self.path / name).is_file()
        return False

    def list_folder(self, name: str) -> list[str]:
        """Return the sorted names in a folder, or an empty list if the folder does not exist."""
        if self._archived is not None:
            prefix = f"{name}/" if name else ""
            subpaths = (file.removeprefix(prefix) for file in self._archived if file.startswith(prefix))
            return sorted({file.partition("/")[0] for file in subpaths})
        with suppress(OSError), os.scandir(self.path / name) as entries:
            return sorted(entry.name for entry in islice(entries, MAX_ENTRIES))
        return []

    def read(self, name: str) -> bytes:
        """Return the content of a file. Raises UnreadableFile if it is missing, not regular, or larger than 4 MB."""
        if self._archived is not None:
            content = self._archived.get(name)
            if content is None:
                raise UnreadableFile("it does not exist")
        else:
            content = self._read_from_folder(name)
        if len(content) > MAX_FILE_SIZE:
            raise UnreadableFile(f"it is larger than {MAX_FILE_SIZE >> 20} MB")
        return content

    def _read_from_folder(self, name: str) -> bytes:
        path = self.path / name
        try:
            if not path.resolve().is_relative_to(self.path.resolve()):
                raise UnreadableFile("it is a symbolic link to a path outside the submission")
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFile("it is not a regular file")
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                return file.read(MAX_FILE_SIZE + 1)
        except FileNotFoundError:
            raise UnreadableFile("it does not exist") from None
        except OSError as error:
            raise UnreadableFile(f"it cannot be read ({error.strerror})") from None
        except RuntimeError:
            raise UnreadableFile("it is a symbolic link that leads to itself") from None


def pack_project(folder: Path) -> bytes:
    """Pack a folder as a tar.gz, without hidden folders, data, models and build output.

    Also exclude large and special files, and links that leave the folder. Raises ValueError if the rest is too large.
    """
    files: dict[str, bytes] = {}
    size = 0
    for path in _files(folder):
        content = files[path.relative_to(folder).as_posix()] = path.read_bytes()
        size += len(content)
        if size > MAX_PACKED or len(files) > MAX_FILES:
            limits = f"{MAX_PACKED >> 20} MB or {MAX_FILES} files"
            raise ValueError(f"{folder}: the folder contains more than {limits}, not counting data and models")
    return SubmissionFiles(folder, files).archive


def _files(folder: Path) -> Iterator[Path]:
    root = folder.resolve()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in EXCLUDED_FOLDERS)
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and path.resolve().is_relative_to(root) and path.stat().st_size <= MAX_PACKED_FILE:
                yield path
