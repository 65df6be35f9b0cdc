"""Jobs that run: a queue as wide as the machine, and one job's processes under a supervisor."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recore.simulator.failure import JobStopped
from recore.simulator.logs import JobLog
from recore.simulator.sandbox import Launch

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE = 10.0  # seconds from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Ending:
    """How a command ended. code: its status, or None where a signal ended it. reason: "time", "memory", "stopped"."""

    code: int | None
    signal: int | None
    reason: str | None
    seconds: float
    peak: int


@dataclass
class Job:
    """One job at work: a folder of its own and the order to stop."""

    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    _supervisors: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, launch: Launch, log: JobLog, seconds: float | None = None, memory: int | None = None) -> Ending:
        """Run a command to its end. Raises JobStopped where the job is to stop before it starts."""
        process, reading = self.start(launch, seconds, memory)
        assert process.stdout is not None  # noqa: S101 - it is a pipe, see start
        log.read(process.stdout)
        return self.ending(process, reading)

    def start(
        self, launch: Launch, seconds: float | None = None, memory: int | None = None
    ) -> tuple["subprocess.Popen[bytes]", int]:
        """Start a command under a supervisor: the process, whose stdout is the job's output, and its events' pipe."""
        specification: dict[str, Any] = {"seconds": seconds, "bytes": memory, "grace": GRACE}
        specification |= {"command": launch.command, "environment": launch.environment, "folder": launch.folder}
        reading, writing = os.pipe()
        with self._lock:
            if self.stopping.is_set():
                os.close(reading)
                os.close(writing)
                raise JobStopped
            process = subprocess.Popen(
                [sys.executable, "-P", str(SUPERVISOR), json.dumps(specification), str(writing)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
            )
            self._supervisors.append(process)
        os.close(writing)
        return process, reading

    def ending(self, process: "subprocess.Popen[bytes]", reading: int) -> Ending:
        """Wait for what the supervisor says of the end."""
        with open(reading, "rb") as events:
            said = events.read()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if not said:
            return Ending(None, 9, "stopped" if self.stopping.is_set() else None, 0.0, 0)
        outcome: dict[str, Any] = json.loads(said)
        return Ending(outcome["code"], outcome["signal"], outcome["reason"], outcome["seconds"], outcome["bytes"])

    def stop(self) -> None:
        """Order every process of the job to stop, and none to start."""
        with self._lock:
            self.stopping.set()
            for process in self._supervisors:
                if process.stdin:
                    with contextlib.suppress(OSError, ValueError):
                        process.stdin.write(b"stop\n")
                        process.stdin.flush()

    def kill(self) -> None:
        """End every process of the job at once."""
        with self._lock:
            self.stopping.set()
            for process in self._supervisors:
                if process.stdin:
                    with contextlib.suppress(OSError, ValueError):
                        process.stdin.close()


class Jobs:
    """The queue: as many jobs at a time as there are cores, each in a thread and a folder of its own."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="job")
        self._running: dict[str, Job] = {}

    def submit(self, arn: str, work: Callable[[Job], None]) -> None:
        """Queue a job's work."""
        job = Job(Path(tempfile.mkdtemp(dir=self._folder)))
        self._running[arn] = job

        def run() -> None:
            try:
                work(job)
            finally:
                shutil.rmtree(job.folder, ignore_errors=True)
                self._running.pop(arn, None)

        self._pool.submit(run)

    def stop(self, arn: str) -> None:
        """Order a job to stop."""
        if job := self._running.get(arn):
            job.stop()

    def close(self) -> None:
        """End all jobs; those that wait never start."""
        for job in list(self._running.values()):
            job.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
