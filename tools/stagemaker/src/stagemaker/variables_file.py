"""The file with a simulator's environment variables, from which shells read them."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

VARIABLE = "AWS_ENDPOINT_URL"  # one that a simulator always has
LONGEST = 1 << 20  # characters that are looked at


class VariablesFile:
    """A file that appears whole when its simulator is ready, and goes when it ends; a killed simulator leaves it.

    The simulator holds its lock. As a context manager, it first removes one that was left; raises OSError if it is that
    of a running simulator, or another file.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> "VariablesFile":
        try:
            # not a link, nor a device or a pipe, whose opening waits
            if not stat.S_ISREG(os.lstat(self._path).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
            with open(self._path, errors="replace") as left:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                content = left.read(LONGEST)
                if content and VARIABLE not in content:
                    raise OSError(errno.EEXIST, "it is not a file of a simulator's variables")
                if os.path.samestat(os.fstat(left.fileno()), os.lstat(self._path)):
                    self._path.unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError:
            remedy = "end it, or choose another file"
            raise OSError(f"{self._path}: the variables of a simulator that is running: {remedy}") from None
        except OSError as error:
            raise OSError(f"{self._path}: the file could not be replaced ({error.strerror})") from error
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the file, unless another one has taken its place."""
        if self._file:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                    self._path.unlink()
            self._file.close()

    def write(self, content: str) -> None:
        """Write the content, so that it appears whole. Raises OSError if this fails."""
        part = None
        try:
            descriptor, part = tempfile.mkstemp(prefix=f".{self._path.name}-", dir=self._path.parent, text=True)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._file.write(content)
            self._file.flush()
            os.replace(part, self._path)
        except OSError as error:
            if part:
                Path(part).unlink(missing_ok=True)
            raise OSError(f"{self._path}: the variables could not be written ({error.strerror})") from error
