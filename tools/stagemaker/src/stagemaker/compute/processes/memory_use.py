"""Measure the memory of commands that share an instance. Supervisors import this module, so it must load quickly."""

import fcntl
import os
import struct

SHARE_FORMAT = struct.Struct("q")  # an entry in the shared file: the number of bytes that one command uses


class MemoryUse:
    """The memory used by one command and by the other commands on its instance, in bytes.

    path: a file shared with the supervisors of the other commands, if any. limit: the limit on the total of all
    commands, if any. peak: the peak total of all commands.
    """

    def __init__(self, path: str | None, limit: int | None):
        self._limit, self._used_bytes, self._other_shares, self.peak = limit, 0, [0], 0
        self._consecutive_excesses = 0  # how often in a row the total exceeded the limit
        self._file = None if path is None else _add_share(path)

    def bytes_left(self) -> int | None:
        """Return how many bytes are left for this command, or None if there is no limit."""
        if self._file:
            descriptor, offset = self._file
            content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            others = content[:offset] + content[offset + SHARE_FORMAT.size :]
            self._other_shares = [share for (share,) in SHARE_FORMAT.iter_unpack(others)]
        return None if self._limit is None else max(self._limit - sum(self._other_shares), 0)

    def record(self, used_bytes: int) -> None:
        self._used_bytes = used_bytes
        if self._file:
            os.pwrite(self._file[0], SHARE_FORMAT.pack(used_bytes), self._file[1])
        total = used_bytes + sum(self._other_shares)
        self.peak = max(self.peak, total)
        self._consecutive_excesses = self._consecutive_excesses + 1 if self._limit and total > self._limit else 0

    def must_end(self) -> bool:
        """Return whether to end this command because all commands together exceed the limit and no other uses more.

        If there are several commands, they must exceed the limit twice in a row: only then has each measured its shared
        memory exactly. Only one decides at a time. If it must end, it removes its share at once, so that no other ends.
        """
        if self._file is None:
            return self._consecutive_excesses >= 1
        if self._consecutive_excesses < 2:
            return False
        try:
            fcntl.flock(self._file[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another command is deciding: check again later
            return False
        bytes_left, used_bytes = self.bytes_left(), self._used_bytes
        if bytes_left is None or used_bytes <= bytes_left or used_bytes < max(self._other_shares, default=0):
            fcntl.flock(self._file[0], fcntl.LOCK_UN)
            return False
        self.close()  # this also releases the lock
        return True

    def close(self) -> None:
        if self._file:
            self.record(0)
            os.close(self._file[0])
            self._file = None


def read_shares(path: str | os.PathLike[str]) -> list[int]:
    """Return the number of bytes that each command sharing this file uses, or 0 for a command that has ended."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:  # no command has started
        return []
    return [share for (share,) in SHARE_FORMAT.iter_unpack(content)]


def _add_share(path: str) -> tuple[int, int]:
    append_descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(append_descriptor, SHARE_FORMAT.pack(0))
        offset = os.lseek(append_descriptor, 0, os.SEEK_CUR) - SHARE_FORMAT.size
    finally:
        os.close(append_descriptor)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC), offset  # pwrite would append to a file opened with O_APPEND
