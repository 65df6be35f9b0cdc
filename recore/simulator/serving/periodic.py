"""A thread that does something every second while the simulator runs, and once more at its end."""

import threading
from collections.abc import Callable

from recore.simulator.jobs.platform import Platform
from recore.simulator.jobs.queue import Job

PERIOD = 1.0  # seconds


class Periodic:
    """Deliveries that nothing waits for. They begin with the first `start`; further ones do nothing.

    deliver: called from one thread only, and once more when the simulator ends.
    """

    def __init__(self, platform: Platform, name: str, deliver: Callable[[], None]):
        self._platform, self._name, self._deliver = platform, name, deliver
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        with self._lock:
            starts, self._started = not self._started, True
        if starts:
            self._platform.jobs.submit(self._name, self._run, computes=False)

    def _run(self, job: Job) -> None:
        while not job.stopping.wait(PERIOD):
            self._deliver()
        self._deliver()
