"""The folder of a run, which is complete or absent."""

import errno
import itertools
import os
import shutil
from pathlib import Path

from recore.outputs import check_writable
from stagemaker import interrupts, locked

PART = ".part"  # the suffix of a run that is not complete yet
INCOMPLETE = "-without-run.json"  # the suffix of a run whose record could not be written


class RunFolder:
    """The folder of a run in progress: its name is temporary, and it is removed if it is not kept.

    target: its final name. Raises FileExistsError if that is in use, OSError if nothing can be written there.
    """

    def __init__(self, target: Path):
        self.target = target
        self._lock: locked.Locked | None = None
        if target.exists() or target.is_symlink():
            raise FileExistsError(f"{target} already exists; an earlier run is never replaced: choose another --out")
        check_writable(target)

    def __enter__(self) -> "RunFolder":
        self.target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with interrupts.deferred():
                self.path, self._lock = locked.make(self.target.parent, ".run-", PART)
                mask = os.umask(0)
                os.umask(mask)
                self.path.chmod(0o777 & ~mask)
        except BaseException:
            self._remove()
            raise
        return self

    def keep(self, complete: bool = True) -> Path:
        """Give the folder its final name, or a numbered one if that is in use by now. Returns the new path.

        complete: whether it contains run.json; otherwise the name says so.
        """
        name = self.target.name if complete else f"{self.target.name}{INCOMPLETE}"
        for number in itertools.count(1):
            path = self.target.with_name(name if number == 1 else f"{name}-{number}")
            try:
                if not path.exists() and not path.is_symlink():
                    return self.path.rename(path)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        raise AssertionError

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._lock:
            shutil.rmtree(self.path, ignore_errors=True)
            self._lock.close()
