"""Jobs that run: a queue as wide as the machine, and one job's processes under a supervisor."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from recore.simulator.failure import JobStopped
from recore.simulator.instances import Instance
from recore.simulator.logs import JobLog
from recore.simulator.sandbox import Launch

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE = 10.0  # seconds from SIGTERM to SIGKILL
PROCESSES = 4096  # that a job may have at a time: more are a fork bomb


@dataclass(frozen=True)
class Ending:
    """How a command ended. code: its status, or None where a signal ended it.

    reason: "time", "memory", "processes", "stopped", or None where it ended by itself.
    """

    code: int | None
    signal: int | None
    reason: str | None
    seconds: float
    peak: int


@dataclass
class Job:
    """One job at work: a folder of its own, another for its server's socket, and the order to stop."""

    folder: Path
    sockets: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    _supervisors: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, launch: Launch, log: JobLog, seconds: float | None = None, instance: Instance | None = None
    ) -> Ending:
        """Run a command to its end. Raises JobStopped where the job is to stop before it starts."""
        process, reading = self.start(launch, seconds, instance)
        assert process.stdout is not None  # noqa: S101 - it is a pipe, see start
        try:
            log.read(process.stdout, process.poll)
        except BaseException:
            self.kill()
            self.ending(process, reading)
            raise
        return self.ending(process, reading)

    def start(
        self, launch: Launch, seconds: float | None = None, instance: Instance | None = None
    ) -> tuple["subprocess.Popen[bytes]", int]:
        """Start a command under a supervisor: the process, whose stdout is the job's output, and its events' pipe."""
        specification = asdict(launch) | {"seconds": seconds, "grace": GRACE, "processes": PROCESSES}
        specification |= {
            "bytes": instance.memory if instance else None,
            "cpus": instance.cpus if instance else None,
        }
        handle, path = tempfile.mkstemp(dir=self.folder)  # a file, for an argument can be too long
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(specification, file)
        reading, writing = os.pipe()
        try:
            with self._lock:
                if self.stopping.is_set():
                    raise JobStopped
                process = subprocess.Popen(
                    [sys.executable, "-P", str(SUPERVISOR), path, str(writing)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writing],
                    start_new_session=True,
                )
                self._supervisors.append(process)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return process, reading

    def ending(self, process: "subprocess.Popen[bytes]", reading: int) -> Ending:
        """Wait for what the supervisor says of the end."""
        with open(reading, "rb") as events:
            said = events.read()
        process.wait()
        with self._lock:
            self._supervisors.remove(process)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()
        if not said:  # the supervisor was killed, which without walls the job itself can do
            self._sweep()
            return Ending(None, 9, "stopped" if self.stopping.is_set() else None, 0.0, 0)
        outcome: dict[str, Any] = json.loads(said)
        return Ending(outcome["code"], outcome["signal"], outcome["reason"], outcome["seconds"], outcome["bytes"])

    def stop(self) -> None:
        """Order every process of the job to stop, and none to start."""
        self._order(b"stop\n")

    def kill(self) -> None:
        """End every process of the job at once."""
        self._order(b"kill\n")

    def _order(self, order: bytes) -> None:
        with self._lock:
            self.stopping.set()
            for process in self._supervisors:
                if process.stdin and not process.stdin.closed:
                    with contextlib.suppress(OSError, ValueError):  # it has ended, or was let go meanwhile
                        process.stdin.write(order)
                        process.stdin.flush()

    def _sweep(self) -> None:
        """Kill processes that no supervisor knows any more, by the job's folder in their environment."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if any(str(self.folder) in value for value in process.environ().values()):
                    process.kill()


class Jobs:
    """The queue: as many jobs at a time as there are cores, each in a thread and a folder of its own.

    sockets: where the folders of their servers' sockets are.
    """

    def __init__(self, folder: Path, sockets: Path):
        self._folder = folder.resolve()  # a path without links: objects.upload tells a job's own links by that
        self._sockets = sockets
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="job")
        self._running: dict[str, Job] = {}
        self._queued: dict[str, tuple[Future[None], Callable[[], None]]] = {}
        self._lock = threading.Lock()

    def submit(self, arn: str, work: Callable[[Job], None]) -> None:
        """Queue a job's work."""
        name = f"job-{uuid.uuid4().hex[:12]}"
        job = Job(self._folder / name, self._sockets / name)

        def run() -> None:
            with self._lock:
                self._queued.pop(arn, None)
            try:
                for folder in (job.folder, job.sockets):
                    folder.mkdir(0o700)
                work(job)
            finally:
                job.kill()
                for folder in (job.folder, job.sockets):
                    remove(folder)
                with self._lock:
                    self._running.pop(arn, None)

        with self._lock:
            self._running[arn] = job
            self._queued[arn] = self._pool.submit(run), run

    def stop(self, arn: str) -> None:
        """Order a job to stop; one that waits in the queue ends here and now."""
        with self._lock:
            job, queued = self._running.get(arn), self._queued.get(arn)
        if job:
            job.stop()
        if queued and queued[0].cancel():
            queued[1]()

    def close(self) -> None:
        """End all jobs; those that wait never start."""
        with self._lock:
            jobs = list(self._running.values())
        for job in jobs:
            job.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


def remove(folder: Path) -> None:
    """Remove a folder, also where a job took away its own right to."""
    with contextlib.suppress(RecursionError):  # of very deep folders
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for place, _, _ in os.walk(folder):  # from the top, and not through links
            with contextlib.suppress(OSError):
                os.chmod(place, 0o700)
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL)
