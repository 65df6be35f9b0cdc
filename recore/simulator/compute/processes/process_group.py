"""The supervised processes of one job."""

import threading
from pathlib import Path

from recore.simulator.compute.failure import JobStopped
from recore.simulator.compute.processes.process import Ending, SupervisedProcess
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import Launch


class ProcessGroup:
    """Starts the processes of a job, and none after `stop` or `kill`. Thread-safe.

    stopping: set when no further process may start.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._processes: list[SupervisedProcess] = []
        self._lock = threading.Lock()

    def start(
        self, launch: Launch, folder: Path, seconds: float | None = None, instance: Instance | None = None
    ) -> SupervisedProcess:
        """Start a command. The caller reads its output and then calls `wait`. Raises JobStopped after `stop`.

        folder, seconds, instance: as in SupervisedProcess.
        """
        with self._lock:
            if self.stopping.is_set():
                raise JobStopped
            process = SupervisedProcess(launch, folder, seconds, instance)
            self._processes.append(process)
            return process

    def wait(self, process: SupervisedProcess) -> Ending:
        """Wait until one of the processes has ended."""
        ending = process.wait()
        with self._lock:
            self._processes.remove(process)
        return ending

    def stop(self) -> None:
        """Order every process to end, with time to do so."""
        for process in self._close():
            process.stop()

    def kill(self) -> None:
        """End every process at once."""
        for process in self._close():
            process.kill()

    def _close(self) -> list[SupervisedProcess]:
        """Let no further process start, and return those that run."""
        with self._lock:
            self.stopping.set()
            return list(self._processes)
