"""Measures the memory of an instance that one command uses alone or several commands share.

The supervisor imports this, and starts for every command.
"""

import fcntl
import os
import struct

SHARE = struct.Struct("q")  # what one command uses, in the file that all of them write to


class MemoryUse:
    """The memory that one command uses, and that the other commands of the instance use.

    path: of the file that is shared with the others' supervisors; None if there are no others. limit: bytes, or
    None. peak: the most bytes that all had together.
    """

    def __init__(self, path: str | None, limit: int | None):
        self._limit, self._used, self._others, self.peak = limit, 0, [0], 0
        self._looks_over = 0  # how many times in a row it was over
        self._file = None if path is None else _own_share(path)

    def left(self) -> int | None:
        """The number of bytes that the other commands leave; None without a limit."""
        if self._file:
            descriptor, place = self._file
            content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            self._others = [share for (share,) in SHARE.iter_unpack(content[:place] + content[place + SHARE.size :])]
        return None if self._limit is None else max(self._limit - sum(self._others), 0)

    def record(self, used: int) -> None:
        """Record how many bytes the command has in memory."""
        self._used = used
        if self._file:
            os.pwrite(self._file[0], SHARE.pack(used), self._file[1])
        total = used + sum(self._others)
        self.peak = max(self.peak, total)
        self._looks_over = self._looks_over + 1 if self._limit and total > self._limit else 0

    def is_over(self) -> bool:
        """Whether the command must end: all together exceed the memory, and no other uses more than this one.

        If there are others it must be so twice in a row: only then have all of them measured exactly what they share.
        One command decides at a time, and leaves its memory to the others at once: otherwise two could end although one
        is enough.
        """
        if self._file is None:
            return self._looks_over >= 1
        if self._looks_over < 2:
            return False
        try:
            fcntl.flock(self._file[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another one decides: look again
            return False
        left = self.left()
        if left is None or self._used <= left or self._used < max(self._others, default=0):
            fcntl.flock(self._file[0], fcntl.LOCK_UN)
            return False
        self.close()  # the lock goes with the descriptor
        return True

    def close(self) -> None:
        """Remove the command's share."""
        if self._file:
            self.record(0)
            os.close(self._file[0])
            self._file = None


def _own_share(path: str) -> tuple[int, int]:
    """Add a share to the file. Returns a descriptor and the share's offset."""
    appending = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(appending, SHARE.pack(0))
        place = os.lseek(appending, 0, os.SEEK_CUR) - SHARE.size
    finally:
        os.close(appending)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC), place  # pwrite would append to a file opened for that
