"""Measure in the background how much disk space a running job occupies."""

import contextlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import Container, Iterable, Iterator, Sequence

from stagemaker.compute.processes.volume import Volume

MIN_INTERVAL = 1.0  # minimum seconds between counts
MAX_INTERVAL = 10.0  # seconds between quick counts of a job that has run for a long time
AGE_FACTOR = 0.2  # before that, the interval is this fraction of the time that the job has run
# the next count starts after this many times the duration of the last one, or earlier if the disk is filling up
PAUSE_FACTOR = 20
# du works at any depth, and follows no symbolic links, even if the job changes folders during a count
COUNT_SCRIPT = 'for folder; do cd "$folder" && echo "$(du -skx .)" "$(du -sx --inodes .)"; done'


class DiskUse:
    """Checks whether the files in some folders, none of which contains another, exceed the size of a volume.

    A measurement is due when the disks' free space has shrunk by as much as was left on the volume. It is also due at
    intervals, because other programs may free space and thus hide the shrinkage.
    """

    def __init__(self, folders: Sequence[str], volume: int):
        self._folders, self._volume = folders, Volume(volume)
        self._count_process: subprocess.Popen[bytes] | None = None
        self._job_start = self._start_time = time.monotonic()
        self._earliest_count, self._next_count = self._start_time, self._start_time + MIN_INTERVAL
        self._free_threshold = self._free_bytes() - volume
        self._unnamed_bytes = 0

    def exceeds_volume(self, pids: Iterable[int]) -> bool:
        """Return whether a measurement has just ended and found that the files exceed the volume.

        Start a measurement if one is due. pids: the IDs of the job's processes.
        """
        with contextlib.suppress(OSError):  # no process can be started at the moment
            return self._check(pids)
        return False

    def _check(self, pids: Iterable[int]) -> bool:
        now = time.monotonic()
        if self._count_process is None:
            if now >= self._next_count or (now >= self._earliest_count and self._free_bytes() <= self._free_threshold):
                devices = {os.stat(folder).st_dev for folder in self._existing_folders()}
                self._start_time, self._unnamed_bytes = now, sum(unnamed_file_sizes(pids, devices))
                self._count_process = subprocess.Popen(
                    ["/bin/sh", "-c", COUNT_SCRIPT, "count", *self._folders],
                    cwd="/",
                    env={"PATH": os.defpath},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            return False
        if self._count_process.poll() is None:
            return False
        lines = [line.split() for line in self._count_process.communicate()[0].splitlines()]
        self._count_process = None
        duration = now - self._start_time
        usual_interval = min(max(MIN_INTERVAL, AGE_FACTOR * (now - self._job_start)), MAX_INTERVAL)
        self._earliest_count, self._next_count = now + 5 * duration, now + max(usual_interval, PAUSE_FACTOR * duration)
        kilobytes, files = (sum(int(line[column]) for line in lines if len(line) > column) for column in (0, 2))
        size = (kilobytes << 10) + self._unnamed_bytes
        self._free_threshold = self._free_bytes() - (self._volume.size - size)
        return not self._volume.has_room(size, files)

    def close(self) -> None:
        if self._count_process and self._count_process.poll() is None:
            os.killpg(self._count_process.pid, signal.SIGKILL)

    def _free_bytes(self) -> int:
        disks = {os.stat(folder).st_dev: os.statvfs(folder) for folder in self._existing_folders()}
        return sum(disk.f_bfree * disk.f_frsize for disk in disks.values())

    def _existing_folders(self) -> list[str]:
        return [folder for folder in self._folders if os.path.isdir(folder)]


def unnamed_file_sizes(pids: Iterable[int], devices: Container[int]) -> Iterator[int]:
    """Yield the sizes of deleted files that processes still have open, which du cannot find."""
    seen_files = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # the process has ended, or this is not Linux
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    info = entry.stat()
                    has_no_name = stat.S_ISREG(info.st_mode) and info.st_nlink == 0 and info.st_dev in devices
                    if has_no_name and (info.st_dev, info.st_ino) not in seen_files:
                        seen_files.add((info.st_dev, info.st_ino))
                        yield 512 * info.st_blocks
