"""The file from which shells read a simulator's environment variables."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

VARIABLE = "AWS_ENDPOINT_URL"  # one that a simulator always has
MAX_LENGTH = 1 << 20  # characters that are read


class VariablesFile:
    """A file that is written atomically when its simulator is ready, and removed when the simulator ends normally.

    The simulator locks the file. Entering the context removes an abandoned file, or raises OSError if a running
    simulator uses the file or if it does not contain a simulator's variables.
    """

    def __init__(self, path: Path):
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> "VariablesFile":
        try:
            # not a link, nor a device or a pipe, whose opening waits
            if not stat.S_ISREG(os.lstat(self._path).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            with open(self._path, errors="replace") as existing:
                fcntl.flock(existing, fcntl.LOCK_EX | fcntl.LOCK_NB)
                content = existing.read(MAX_LENGTH)
                if content and VARIABLE not in content:
                    raise OSError(errno.EEXIST, "it does not contain a simulator's variables")
                if os.path.samestat(os.fstat(existing.fileno()), os.lstat(self._path)):
                    self._path.unlink()
        except FileNotFoundError:
            pass
        except BlockingIOError:
            fix = "stop the simulator, or choose another file"
            raise OSError(f"{self._path}: a running simulator uses this file; {fix}") from None
        except OSError as error:
            raise OSError(f"{self._path}: the file could not be replaced ({error.strerror})") from error
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the file unless another one has replaced it."""
        if self._file:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                    self._path.unlink()
            self._file.close()

    def write(self, content: str) -> None:
        """Write the content atomically. Raises OSError if this fails."""
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
