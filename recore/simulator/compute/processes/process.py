"""A command under its supervisor: how it starts, stops and ends."""

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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import Launch

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE = 10.0  # seconds from SIGTERM to SIGKILL
PROCESSES = 4096  # that a command may have at a time: more are a fork bomb
LATE = 20.0  # seconds after a supervisor had to end its command; a job without a sandbox can stop its supervisor


@dataclass(frozen=True)
class Ending:
    """How a command ended. code: its status, or None where a signal ended it.

    reason: "time", "memory", "disk", "processes", "stopped", or None where it ended by itself. seconds: its duration.
    peak: the most bytes that it had in memory, together with the commands that share its instance's. processor_seconds:
    of all its processes together.
    """

    code: int | None
    signal: int | None
    reason: str | None
    seconds: float
    peak: int
    processor_seconds: float = 0.0

    @property
    def is_at_limit(self) -> bool:
        """Whether a limit of the instance ended the command."""
        return self.reason in ("memory", "disk", "processes")


class SupervisedProcess:
    """A command that runs under a supervisor, which ends all its processes at its end or when it is ordered to stop.

    folder: of the job, known from the environment of its processes. seconds: the time limit, if any. instance: whose
    memory, processors and volume it may use. output: what it prints, stdout and stderr together.
    """

    output: IO[bytes]

    def __init__(self, launch: Launch, folder: Path, seconds: float | None = None, instance: Instance | None = None):
        self._folder, self._stopped = folder, False
        self._lock = threading.Lock()  # between an order and the end, which closes the pipe of orders
        specification = asdict(launch) | {
            "seconds": seconds,
            "grace": GRACE,
            "processes": PROCESSES,
            "bytes": instance.memory if instance else None,
            "memory_use": str(instance.memory_use) if instance and instance.memory_use else None,
            "cpus": instance.cpus if instance else None,
            "volume": instance.volume if instance else None,
            "folders": [str(place) for place in instance.folders] if instance else [],
        }
        self._begun = time.monotonic()
        self._latest = math.inf if seconds is None else self._begun + seconds + GRACE + LATE
        handle, path = tempfile.mkstemp(dir=folder)  # a file, as an argument can be too long
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(specification, file)
        self._events, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(SUPERVISOR), path, str(writing)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._events)
            raise
        finally:
            os.close(writing)
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.output = self._process.stdout

    def poll(self) -> int | None:
        """Return the supervisor's status, or None while it runs. A supervisor that is late is killed."""
        if time.monotonic() > self._latest:
            self._process.kill()
        return self._process.poll()

    def stop(self) -> None:
        """Send SIGTERM to all processes of the command, and SIGKILL after GRACE seconds."""
        self._order(b"stop\n", GRACE)

    def kill(self) -> None:
        """Kill all processes of the command at once."""
        self._order(b"kill\n", 0)

    def wait(self) -> Ending:
        """Wait until all processes of the command have ended. Called once."""
        with open(self._events, "rb", buffering=0) as events:
            line = self._read(events)
        with self._lock:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()
        try:
            outcome: dict[str, Any] = json.loads(line)
            members = ("code", "signal", "reason", "seconds", "bytes", "processor_seconds")
            return Ending(*(outcome[member] for member in members))
        except (ValueError, TypeError, LookupError):  # it was killed, or did not write this alone: no sandbox
            self._sweep()
            now = time.monotonic()
            reason = "stopped" if self._stopped else "time" if now > self._latest else None
            return Ending(None, 9, reason, now - self._begun, 0)

    def _read(self, events: IO[bytes]) -> bytes:
        """What the supervisor wrote by its end: a job without a sandbox could hold the pipe open, and write to it."""
        ready, line = select.poll(), b""
        ready.register(events, select.POLLIN)
        while True:
            over = self.poll() is not None
            is_readable = ready.poll(0 if over else 200)
            chunk = events.read(select.PIPE_BUF) if is_readable else b""
            line += chunk
            if (is_readable and not chunk) or (over and not is_readable) or len(line) > select.PIPE_BUF:
                break
        while self.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
        return line

    def _order(self, order: bytes, seconds: float) -> None:
        with self._lock:
            self._stopped = True
            self._latest = min(self._latest, time.monotonic() + seconds + LATE)
            orders = self._process.stdin
            if orders and not orders.closed:
                with contextlib.suppress(OSError):  # it has just ended
                    orders.write(order)
                    orders.flush()

    def _sweep(self) -> None:
        """Kill processes that no supervisor knows any more, is_readable by the job's folder in their environment."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if any(str(self._folder) in value for value in process.environ().values()):
                    process.kill()
