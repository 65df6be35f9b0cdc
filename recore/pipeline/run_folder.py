"""Where runs are kept: a folder for each, complete or absent."""

import errno
import itertools
import os
import shutil
from pathlib import Path
from types import TracebackType

from recore import locked

PART = ".part"  # what a run in the making is named by


class RunFolder:
    """A run's folder in the making: under a temporary name while the context lasts, gone after it if not kept.

    target: the name that it is to have. What runs that were killed left half beside it is removed. Raises
    FileExistsError where a run of this name is there.
    """

    def __init__(self, target: Path):
        self.target = target
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{target}: there already; an earlier run is never replaced, give --out another name")

    def __enter__(self) -> "RunFolder":
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._lock = locked.make(self.target.parent, ".run-", PART)
        os.umask(mask := os.umask(0))
        self.path.chmod(0o777 & ~mask)
        return self

    def keep(self) -> Path:
        """Give the folder its name, with a number where another run took it meanwhile; the folder."""
        for number in itertools.count(1):
            kept = self.target.with_name(self.target.name if number == 1 else f"{self.target.name}-{number}")
            try:
                if not kept.exists() and not kept.is_symlink():
                    return self.path.rename(kept)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        raise AssertionError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
