"""Measures how much of an instance's memory is used by one command, or by several commands that share the memory.

This module must load quickly, because a supervisor is started for every command and imports it.
"""

import fcntl
import os
import struct

SHARE_FORMAT = struct.Struct("q")  # an entry in the shared file: the number of bytes that one command uses


class MemoryUse:
    """The memory that one command and the other commands on its instance use.

    path: the file that is shared with the other commands' supervisors; None if there are no other commands. limit: the
    maximum number of bytes that all commands together may use; None for no limit. peak: the peak memory of all commands
    together, in bytes.
    """

    def __init__(self, path: str | None, limit: int | None):
        self._limit, self._used_bytes, self._other_shares, self.peak = limit, 0, [0], 0
        self._consecutive_excesses = 0  # consecutive records of more than the limit
        self._file = None if path is None else _add_share(path)

    def bytes_left(self) -> int | None:
        """Return how many bytes the other commands leave for this one, or None if there is no limit."""
        if self._file:
            descriptor, offset = self._file
            content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            others = content[:offset] + content[offset + SHARE_FORMAT.size :]
            self._other_shares = [share for (share,) in SHARE_FORMAT.iter_unpack(others)]
        return None if self._limit is None else max(self._limit - sum(self._other_shares), 0)

    def record(self, used: int) -> None:
        """Record how many bytes of memory the command uses."""
        self._used_bytes = used
        if self._file:
            os.pwrite(self._file[0], SHARE_FORMAT.pack(used), self._file[1])
        total = used + sum(self._other_shares)
        self.peak = max(self.peak, total)
        self._consecutive_excesses = self._consecutive_excesses + 1 if self._limit and total > self._limit else 0

    def must_end(self) -> bool:
        """Return whether the command must end: all commands together exceed the limit, and none uses more than it.

        If there are other commands, the limit must be exceeded twice in a row, because only then have all of them
        measured shared memory exactly. The commands decide one at a time, and a command that must end removes its share
        at once, so that two commands do not end if one is enough.
        """
        if self._file is None:
            return self._consecutive_excesses >= 1
        if self._consecutive_excesses < 2:
            return False
        try:
            fcntl.flock(self._file[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another command is deciding: check again later
            return False
        bytes_left, used = self.bytes_left(), self._used_bytes
        if bytes_left is None or used <= bytes_left or used < max(self._other_shares, default=0):
            fcntl.flock(self._file[0], fcntl.LOCK_UN)
            return False
        self.close()  # this also releases the lock
        return True

    def close(self) -> None:
        if self._file:
            self.record(0)
            os.close(self._file[0])
            self._file = None


def _add_share(path: str) -> tuple[int, int]:
    """Add a share for this command to the file. Returns the file's descriptor and the share's offset in the file."""
    append_descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(append_descriptor, SHARE_FORMAT.pack(0))
        offset = os.lseek(append_descriptor, 0, os.SEEK_CUR) - SHARE_FORMAT.size
    finally:
        os.close(append_descriptor)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC), offset  # pwrite would append to a file opened with O_APPEND
