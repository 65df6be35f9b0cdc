"""A running job: its folder, processes and deadline."""

import contextlib
import math
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobStopped, JobTimedOut
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.processes.process import Ending, SupervisedProcess
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import Launch


class Job:
    """A running job. instance: the limits of its commands. is_interrupted: whether the simulator ended it.

    cores: the number of CPU cores for the job, based on how many jobs were computing or waiting when it started. path:
    the job's folder, which `folder` creates. saving_seconds: the time limit for uploading the outputs of a stopped job.
    stopping: set when the job must stop. deadline: the deadline of the job or of its current part.
    """

    def __init__(self, path: Path, saving_seconds: float = 60.0):
        self.path, self.saving_seconds, self.stopping = path, saving_seconds, threading.Event()
        self._processes: list[SupervisedProcess] = []
        self._lock = threading.Lock()  # guards `_processes`, and `stopping` while a process is started
        self.deadline = Deadline(math.inf)
        self.instance: Instance | None = None
        self.cores = 1
        self.is_interrupted = self._is_saving = self._is_killed = False

    @cached_property
    def folder(self) -> Path:
        """The job's folder, created on first use. Raises OSError if that fails, which makes the job fail."""
        self.path.mkdir(0o700, exist_ok=True)
        return self.path

    @contextlib.contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        """Limit the duration of the part of the job that runs within the context. Raises JobTimedOut."""
        outer_deadline, self.deadline = self.deadline, Deadline(seconds)
        try:
            yield
            self.raise_if_stopping()
        finally:
            self.deadline = outer_deadline

    def run_process(
        self, launch: Launch, log: JobLog, seconds: float = math.inf, instance: Instance | None = None
    ) -> Ending:
        """Run a process until it ends, and log its output. Raises JobStopped if the job is already stopping.

        seconds: the process's time limit, within the job's deadline. instance: its limits, by default the job's.
        """
        self.raise_if_stopping()
        seconds_left = min(self.deadline.seconds_left, seconds)
        process = self.start_process(launch, self.folder, seconds_left, instance or self.instance)
        try:
            log.read(process.output, process.poll)
        except BaseException:
            self.kill()
            raise
        finally:
            ending = self.wait_for(process)
        return ending

    def start_process(
        self, launch: Launch, folder: Path, seconds: float, instance: Instance | None
    ) -> SupervisedProcess:
        """Start a command, whose output must be read before `wait_for`. Raises JobStopped if `stop` was called."""
        with self._lock:
            if self.stopping.is_set():
                raise JobStopped
            process = SupervisedProcess(launch, folder, seconds, instance)
            self._processes.append(process)
            return process

    def wait_for(self, process: SupervisedProcess) -> Ending:
        ending = process.wait()
        with self._lock:
            self._processes.remove(process)
        return ending

    def raise_if_stopping(self) -> None:
        """Raise JobStopped if the job must stop, or JobTimedOut if its time is up."""
        if self._is_killed or (self.stopping.is_set() and not self._is_saving):
            raise JobStopped
        if self.deadline.is_over:
            limit = self.deadline.seconds
            raise JobTimedOut(f"The job was stopped: it ran longer than its MaxRuntimeInSeconds of {limit:g}")

    def save_outputs(self) -> None:
        """Give a stopped or timed-out job `saving_seconds` to upload its outputs."""
        self._is_saving, self.deadline = True, Deadline(self.saving_seconds)

    def stop(self) -> None:
        """Ask the job's processes to exit within the grace period, and start no more processes."""
        for process in self._running():
            process.stop()

    def kill(self) -> None:
        self._is_killed = True
        for process in self._running():
            process.kill()

    def _running(self) -> list[SupervisedProcess]:
        with self._lock:
            self.stopping.set()
            return list(self._processes)
