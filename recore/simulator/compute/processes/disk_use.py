"""How much of the disk a job occupies, counted in the background while it runs."""

import contextlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import Container, Iterable, Iterator, Sequence

from recore.simulator.compute.processes.volume import Volume

EVERY = 1.0  # minimum seconds between counts
SHARE = 20  # the next count starts after this many times the duration of the last one, or earlier if the disk fills up
# du works at any depth, and follows no links even if the job changes folders during a count
COUNT = 'for folder; do cd "$folder" && echo "$(du -skx .)" "$(du -sx --inodes .)"; done'


class DiskUse:
    """Checks whether the files below some folders exceed the size of a volume.

    folders: their paths. None may contain another. They may be on different disks, and need not exist.

    The next count starts when the free space on the disks has decreased by the space that the volume had left. It also
    starts after some time in any case, because other programs may have freed as much space as the job has taken.
    """

    def __init__(self, folders: Sequence[str], volume: int):
        self._folders, self._volume = folders, Volume(volume)
        self._counting: subprocess.Popen[bytes] | None = None
        self._started = time.monotonic()
        self._earliest, self._next_count, self._enough = self._started, self._started + EVERY, self._free() - volume
        self._unnamed = 0

    def is_over(self, pids: Iterable[int]) -> bool:
        """Whether a count that has just ended exceeds the volume. Starts a count when one is due. pids: the job's."""
        try:
            return self._check(pids)
        except OSError:  # no process can be started at the moment
            return False

    def _check(self, pids: Iterable[int]) -> bool:
        now = time.monotonic()
        if self._counting is None:
            if now >= self._next_count or (now >= self._earliest and self._free() <= self._enough):
                devices = {os.stat(folder).st_dev for folder in self._existing()}
                self._started, self._unnamed = now, sum(unnamed(pids, devices))
                self._counting = subprocess.Popen(
                    ["/bin/sh", "-c", COUNT, "count", *self._folders],
                    cwd="/",
                    env={"PATH": os.defpath},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            return False
        if self._counting.poll() is None:
            return False
        lines = [line.split() for line in self._counting.communicate()[0].splitlines()]
        self._counting = None
        duration = now - self._started
        self._earliest, self._next_count = now + 5 * duration, now + max(EVERY, SHARE * duration)
        kilobytes, files = (sum(int(line[column]) for line in lines if len(line) > column) for column in (0, 2))
        size = (kilobytes << 10) + self._unnamed
        self._enough = self._free() - (self._volume.size - size)
        return not self._volume.has_room(size, files)

    def close(self) -> None:
        """End a count that is in progress."""
        if self._counting and self._counting.poll() is None:
            os.killpg(self._counting.pid, signal.SIGKILL)

    def _free(self) -> int:
        """The number of free bytes on the disks."""
        disks = {os.stat(folder).st_dev: os.statvfs(folder) for folder in self._existing()}
        return sum(disk.f_bfree * disk.f_frsize for disk in disks.values())

    def _existing(self) -> list[str]:
        return [folder for folder in self._folders if os.path.isdir(folder)]


def unnamed(pids: Iterable[int], devices: Container[int]) -> Iterator[int]:
    """Yield the sizes of deleted files that processes still have open on the devices. du cannot find such files."""
    seen = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # the process has ended, or this is not Linux
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    info = entry.stat()
                    has_no_name = stat.S_ISREG(info.st_mode) and info.st_nlink == 0 and info.st_dev in devices
                    if has_no_name and (info.st_dev, info.st_ino) not in seen:
                        seen.add((info.st_dev, info.st_ino))
                        yield 512 * info.st_blocks
