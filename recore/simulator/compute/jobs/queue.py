"""Runs jobs, each in a thread and a folder of its own. Jobs that compute wait for a free processor."""

import contextlib
import math
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from recore.simulator.compute.deadline import Deadline
from recore.simulator.compute.jobs.failure import JobStopped, JobTimedOut
from recore.simulator.compute.jobs.logs import JobLog
from recore.simulator.compute.jobs.process import Ending, SupervisedProcess
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import Launch

SAVING = 60.0  # seconds in which what a stopped job left is uploaded


@dataclass
class Job:
    """A job that runs: its folder, its processes, its cancellation and its limits.

    place: where its folder is made. instance: whose memory, processors and volume its commands may use. interrupted:
    whether the job was ended because the simulator ends.
    """

    place: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    instance: Instance | None = None
    interrupted: bool = False
    deadline: Deadline = field(default_factory=lambda: Deadline(math.inf))  # of the job, or to save what it left
    _saving: bool = False
    _killed: bool = False
    _processes: list[SupervisedProcess] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def folder(self) -> Path:
        """The job's folder, made when the job first uses it: if that fails, the job reports it like its other errors.

        Raises OSError.
        """
        self.place.mkdir(0o700, exist_ok=True)
        return self.place

    def limit(self, seconds: float, instance: Instance) -> None:
        """Set the limits, and begin to count the time that all of the job may take."""
        self.deadline, self.instance = Deadline(seconds), instance

    @contextlib.contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the time of a part of the job, including the commands that it runs. Raises JobTimedOut."""
        before, self.deadline = self.deadline, Deadline(seconds)
        try:
            yield
            self.raise_if_stopping()
        finally:
            self.deadline = before

    def run(
        self, launch: Launch, log: JobLog, seconds: float | None = None, instance: Instance | None = None
    ) -> Ending:
        """Run a command to its end, at most for some seconds. Raises JobStopped where the job is to stop already.

        instance: whose memory, processors and volume it may use, by default the job's.
        """
        self.raise_if_stopping()
        left = self.deadline.left
        if seconds is not None or left < math.inf:
            seconds = min(left, math.inf if seconds is None else seconds)
        process = self.start(launch, seconds, instance or self.instance)
        try:
            log.read(process.output, process.poll)
        except BaseException:
            self.kill()
            self.wait(process)
            raise
        return self.wait(process)

    def start(
        self,
        launch: Launch,
        seconds: float | None = None,
        instance: Instance | None = None,
        folder: Path | None = None,
    ) -> SupervisedProcess:
        """Start a command, whose output the caller reads, and for whose end it calls `wait`. Raises JobStopped.

        folder: of the command, if it has one of its own in the job's.
        """
        with self._lock:
            if self.stopping.is_set():
                raise JobStopped
            process = SupervisedProcess(launch, folder or self.folder, seconds, instance)
            self._processes.append(process)
            return process

    def wait(self, process: SupervisedProcess) -> Ending:
        """Wait for the end of one of the job's processes."""
        ending = process.wait()
        with self._lock:
            self._processes.remove(process)
        return ending

    def raise_if_stopping(self) -> None:
        """Raise JobStopped if the job must stop, and JobTimedOut if its time is over."""
        if self._killed or (self.stopping.is_set() and not self._saving):
            raise JobStopped
        if self.deadline.is_over:
            limit = self.deadline.seconds
            raise JobTimedOut(f"The job was stopped: it ran longer than its MaxRuntimeInSeconds, {limit:g}")

    def save_what_is_left(self) -> None:
        """Give a job that was stopped, by request or by its time limit, some time to upload what it left."""
        self._saving, self.deadline = True, Deadline(SAVING)

    def stop(self) -> None:
        """Stop every process of the job. No further process can start."""
        for process in self._all_stopping():
            process.stop()

    def kill(self) -> None:
        """Kill every process of the job, and end the rest of its work."""
        self._killed = True
        for process in self._all_stopping():
            process.kill()

    def _all_stopping(self) -> list[SupervisedProcess]:
        with self._lock:
            self.stopping.set()
            return list(self._processes)


class JobQueue:
    """All jobs of a simulator. As many compute at a time as there are processors; the others wait.

    Work that does not compute itself, but waits for jobs that do, never waits in the queue: it could wait for ever.
    """

    def __init__(self, folder: Path):
        self._folder = folder.resolve()  # a path without links: OutputFolder tells a job's own links by that
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="job")
        self._threads: set[threading.Thread] = set()  # of work that does not compute
        self._running: dict[str, Job] = {}
        self._queued: dict[str, tuple[Future[None], Callable[[], None]]] = {}
        self._held: list[Callable[[], None]] | None = None  # what begins when `held` ends
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, arn: str, work: Callable[[Job], None], computes: bool = True) -> bool:
        """Queue a job's work, or start it at once if it does not compute. Returns False after `close`.

        Raises RuntimeError where no thread can be started.
        """
        job = Job(self._folder / f"job-{uuid.uuid4().hex[:12]}")

        def run() -> None:
            with self._lock:
                self._queued.pop(arn, None)
                if self._running.get(arn) is not job:  # the pool keeps what it had no thread for
                    return
            try:
                work(job)
            finally:
                job.kill()
                remove(job.place)
                with self._lock:
                    self._running.pop(arn, None)
                    self._threads.discard(threading.current_thread())

        def begin() -> None:
            thread = threading.Thread(target=run, name=arn)
            try:
                if computes:
                    self._queued[arn] = self._pool.submit(run), run
                else:
                    self._threads.add(thread)
                    thread.start()
            except RuntimeError:  # not an interrupt, after which it may run
                self._threads.discard(thread)
                del self._running[arn]
                raise

        with self._lock:
            if self._closed:
                return False
            self._running[arn] = job
            if self._held is None:
                begin()
            else:
                self._held.append(begin)
            return True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within the context no work begins. Submitted work begins at its end, unless it ends with an exception."""
        held: list[Callable[[], None]] = []
        self._held = held
        try:
            yield
        except BaseException:
            held.clear()
            raise
        finally:
            with self._lock:  # what another thread submits meanwhile is in the list, or begins by itself
                self._held = None
                for begin in held:
                    begin()

    def stop(self, arn: str) -> None:
        """Stop a job. A job that waits in the queue ends at once."""
        with self._lock:
            job, queued = self._running.get(arn), self._queued.get(arn)
        if job:
            job.stop()
        if queued and queued[0].cancel():
            queued[1]()

    def close(self) -> None:
        """End all jobs. Jobs that wait in the queue never start."""
        with self._lock:
            self._closed = True
            jobs, threads = list(self._running.values()), list(self._threads)
        for job in jobs:
            job.interrupted = True
            job.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for thread in threads:
            if thread.ident:  # it has started
                thread.join()


def remove(folder: Path, check: Callable[[], None] = lambda: None) -> None:
    """Remove a folder, even if it is very deep or the job removed its own permissions.

    By programs that hold few files open, however deep it is: those that this process may open are for all jobs. check:
    called now and then; it raises where this is not to be waited for.
    """
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if not os.path.lexists(folder):
            return
        with subprocess.Popen([*command, "--", str(folder)], stderr=subprocess.DEVNULL) as removing:
            try:
                check()
                while removing.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        removing.wait(0.2)
                    check()
            except BaseException:
                removing.kill()
                raise
