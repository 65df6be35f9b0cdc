"""Start and stop a job's commands, each under a supervisor."""

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import psutil

from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import Launch
from stagemaker.program_variables import program_variables

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE_SECONDS = 10.0  # seconds from SIGTERM to SIGKILL
READ_SIZE = 1 << 16  # bytes that are read from a pipe at a time
MAX_PROCESSES = 4096  # processes that a command may have at a time: more would be a fork bomb
# seconds after which an overdue supervisor is killed: a job without a sandbox can suspend its supervisor
OVERDUE_SECONDS = 20.0


@dataclass(frozen=True)
class Ending:
    """The end of a command. code: its exit status, or None if a signal ended it. seconds: its duration.

    reason: "time", "memory", "disk", "processes", "stopped", or None if the supervisor did not end it. peak: the peak
    memory, in bytes, of all commands on its instance. cpu_seconds: the CPU time of all its processes.
    """

    code: int | None
    signal: int | None
    reason: str | None
    seconds: float
    peak: int
    cpu_seconds: float = 0.0

    @property
    def hit_instance_limit(self) -> bool:
        return self.reason in ("memory", "disk", "processes")


class SupervisedProcess:
    """A command and its supervisor, which ends all of the command's processes once the command ends or must stop.

    folder: the job's folder; processes with its path in their environment belong to the job. instance: the command's
    limits. output: the combined stdout and stderr.
    """

    def __init__(self, launch: Launch, folder: Path, seconds: float = math.inf, instance: Instance | None = None):
        self._folder, self._was_stopped = folder, False
        self._lock = threading.Lock()  # guards the pipe for orders: `wait` closes it
        no_limits = dict.fromkeys(("memory", "cpus", "volume", "memory_use")) | {"folders": []}
        specification = asdict(launch) | (asdict(instance) if instance else no_limits)
        specification |= {"grace": GRACE_SECONDS, "processes": MAX_PROCESSES}
        specification |= {"seconds": seconds if seconds < math.inf else None}
        self._start_time = time.monotonic()
        self._latest_end = self._start_time + seconds + GRACE_SECONDS + OVERDUE_SECONDS
        handle, path = tempfile.mkstemp(dir=folder)  # the specification could be too long for an argument
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(specification, file, default=str)  # paths become strings
        self._events, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(SUPERVISOR), path, str(write_end)],
                env=program_variables(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[write_end],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._events)
            raise
        finally:
            os.close(write_end)
        self._orders, self.output = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def poll(self) -> int | None:
        """Return the supervisor's exit status, or None while it runs. Kill the supervisor if it is overdue."""
        if time.monotonic() > self._latest_end:
            self._process.kill()
        return self._process.poll()

    def stop(self) -> None:
        self._order(b"stop\n", GRACE_SECONDS)

    def kill(self) -> None:
        self._order(b"kill\n", 0)

    def wait(self) -> Ending:
        """Wait until all processes of the command have ended. Must be called only once."""
        with open(self._events, "rb", buffering=0) as events:
            line = self._read(events)
        with self._lock:
            for pipe in (self._orders, self.output):
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            return Ending(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            # the supervisor was killed, or a job without a sandbox wrote to the pipe
            self._sweep()
            now = time.monotonic()
            reason = "stopped" if self._was_stopped else "time" if now > self._latest_end else None
            return Ending(None, 9, reason, now - self._start_time, 0)

    def _read(self, events: IO[bytes]) -> bytes:
        """Read until the supervisor exits, not to EOF: an unsandboxed job could keep the pipe open or write to it."""
        line = b""
        for part in read_parts(events, self.poll, 0.2):
            line += part
            if len(line) > select.PIPE_BUF:
                break
        while self.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        return line

    def _order(self, order: bytes, seconds: float) -> None:
        with self._lock:
            self._was_stopped = True
            self._latest_end = min(self._latest_end, time.monotonic() + seconds + OVERDUE_SECONDS)
            if not self._orders.closed:
                with contextlib.suppress(OSError):  # the supervisor has just ended
                    self._orders.write(order)
                    self._orders.flush()

    def _sweep(self) -> None:
        """Kill processes that outlived the supervisor. The job's folder in their environment identifies them."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if any(str(self._folder) in value for value in process.environ().values()):
                    process.kill()


def read_parts(pipe: IO[bytes], poll: Callable[[], int | None], seconds: float) -> Iterator[bytes]:
    """Yield parts read from a pipe, until it is closed, or until it is empty and `poll` does not return None.

    A part is empty if nothing arrived within `seconds`. Once `poll` no longer returns None, at most a pipe's capacity
    is read, because another process could write to the pipe forever.
    """
    poller, bytes_left = select.poll(), 16 * READ_SIZE
    poller.register(pipe, select.POLLIN)
    while bytes_left > 0:
        has_ended = poll() is not None
        is_readable = poller.poll(0 if has_ended else 1000 * seconds)
        part = os.read(pipe.fileno(), READ_SIZE) if is_readable else b""
        if not part and (is_readable or has_ended):
            return
        bytes_left -= len(part) if has_ended else 0
        yield part
