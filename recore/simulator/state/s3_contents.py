"""Contents of S3's objects: all but small ones are in files, which are open only while they are read or written.

moto keeps contents of up to 5 MB in memory and each larger one in a file that stays open: a few thousand outputs of a
job would use up the memory of this machine, or all files that the simulator may open.
"""

import contextlib
import io
import secrets
import shutil
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

from moto.s3 import models

from recore import locked

SMALL = 4 << 10  # bytes; contents up to this size stay in memory: the rest of moto's object takes as much


class Contents:
    """The folder for the contents while it is open. Before that, contents stay in memory; afterwards they are gone."""

    def __init__(self) -> None:
        self._opened: tuple[Path, locked.Locked] | None = None

    def open(self) -> None:
        """Create the folder. Raises OSError."""
        self._opened = locked.make(Path(tempfile.gettempdir()), "recore-objects-", "")

    def close(self) -> None:
        """Remove the folder, if there is one."""
        if self._opened:
            folder, lock = self._opened
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()
            self._opened = None

    def new_file(self) -> Path | None:
        """Return a path for a new file; None if there is no folder."""
        return self._opened[0] / secrets.token_hex(16) if self._opened else None


class Content:
    """One content, with the methods of a file that moto uses: `seek(0)`, then `read`, or `truncate` and one `write`.

    Each thread has its own position: moto reads without a lock when it computes an ETag.
    """

    _reading = threading.local()  # which content this thread reads, and its position

    def __init__(self, max_size: int = 0) -> None:
        self._memory = b""
        self._file: Path | None = None
        self._closed = False

    def seek(self, position: int) -> None:
        self._reading.content, self._reading.position = id(self), position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, by default all that follow. Raises ValueError after `close`."""
        if getattr(self._reading, "content", None) != id(self):
            self.seek(0)
        position = self._reading.position
        try:
            with open(self._file, "rb") if self._file else io.BytesIO(self._memory) as file:
                file.seek(position)
                content = file.read(size)
        except FileNotFoundError:
            if not self._closed:
                raise
        if self._closed:  # perhaps by another thread just now
            raise ValueError("the content is closed")
        self._reading.position = position + len(content)
        return content

    def truncate(self) -> None:
        self._remove()

    def write(self, content: bytes) -> None:
        """Keep a content. Raises OSError if the disk is full."""
        file = contents.new_file() if len(content) > SMALL else None
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
        self._closed = True
        self._remove()

    def _remove(self) -> None:
        file, self._file, self._memory = self._file, None, b""
        if file:
            with contextlib.suppress(OSError):
                file.unlink()


contents = Contents()
models.tempfile = SimpleNamespace(SpooledTemporaryFile=Content)  # type: ignore[attr-defined, assignment]
