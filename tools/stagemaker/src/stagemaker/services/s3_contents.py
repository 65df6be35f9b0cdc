"""The contents of S3 objects. Large contents are in files, which are open only while they are read or written.

moto keeps contents of up to 5 MB in memory and larger ones in files that stay open: a few thousand outputs of a job
would exhaust the memory or the limit on open files.
"""

import contextlib
import io
import secrets
import shutil
import tempfile
import threading
from pathlib import Path

from stagemaker import locked

MAX_BYTES_IN_MEMORY = 4 << 10  # the rest of moto's object takes about as much memory as this content


class Contents:
    """The folder for the contents. Before `open`, contents stay in memory. `close` deletes the folder and its files."""

    def __init__(self) -> None:
        self._locked_folder: tuple[Path, locked.FolderLock] | None = None

    def open(self) -> None:
        """Create the folder. Raises OSError if this fails."""
        self._locked_folder = locked.make(Path(tempfile.gettempdir()), "stagemaker-objects-", "")

    def close(self) -> None:
        if self._locked_folder:
            folder, lock = self._locked_folder
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()
            self._locked_folder = None

    def new_file(self) -> Path | None:
        """Return the path of a new file, or None if the folder does not exist."""
        return self._locked_folder[0] / secrets.token_hex(16) if self._locked_folder else None


class Content:
    """The content of one object, with the file methods that moto uses: `seek(0)` and `read`, or `truncate` and `write`.

    Each thread has its own position, because moto reads without a lock when it computes an ETag. Replaced or deleted
    contents remain until the last request that reads them has ended.
    """

    _thread_local = threading.local()  # the content that this thread is reading, and the position in it

    def __init__(self, max_size: int = 0) -> None:
        self._memory = b""
        self._file: Path | None = None

    def seek(self, position: int) -> None:
        self._thread_local.content, self._thread_local.position = id(self), position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, by default all remaining ones."""
        if getattr(self._thread_local, "content", None) != id(self):
            self.seek(0)
        position = self._thread_local.position
        with open(self._file, "rb") if self._file else io.BytesIO(self._memory) as file:
            file.seek(position)
            content = file.read(size)
        self._thread_local.position = position + len(content)
        return content

    def truncate(self) -> None:
        self._remove()

    def write(self, content: bytes) -> None:
        """Store the content. Raises OSError if the disk is full."""
        file = contents.new_file() if len(content) > MAX_BYTES_IN_MEMORY else None
        if file is None:
            self._memory = content
            return
        self._file = file
        try:
            file.write_bytes(content)
        except BaseException:
            self._remove()
            raise

    def close(self) -> None:
        """Do nothing, because moto closes contents that another request may be reading."""

    def __del__(self) -> None:
        self._remove()

    def _remove(self) -> None:
        file, self._file, self._memory = self._file, None, b""
        if file:
            with contextlib.suppress(OSError):
                file.unlink()


contents = Contents()
