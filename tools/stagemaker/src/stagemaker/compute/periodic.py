"""Background deliveries: every second while the simulator runs, and when it ends. Nothing waits for them."""

import logging
import threading
from collections.abc import Callable

from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform

logger = logging.getLogger(__name__)

PERIOD_SECONDS = 1.0  # seconds between deliveries
STEP_SECONDS = 0.02  # maximum seconds until an urgent delivery begins


class PeriodicDelivery:
    """Calls `deliver`, which must be thread-safe, a second after there is something to deliver.

    The first `notify` starts its thread. After the jobs have ended, each `notify` delivers at once.
    """

    def __init__(self, platform: Platform, name: str, deliver: Callable[[], None]):
        self._platform, self._name, self._deliver = platform, name, deliver
        self._lock = threading.Lock()
        self._is_running = False
        self._urgent = threading.Event()

    def notify(self, urgent: bool = False) -> None:
        """Announce that there is something to deliver, if urgent before the second is over."""
        if urgent:
            self._urgent.set()
        with self._lock:
            if not self._is_running:  # submit returns False once the queue is closed
                self._is_running = self._platform.jobs.submit(self._name, self._run, computes=False)
            is_running = self._is_running
        if not is_running:
            self._try_to_deliver()

    def _run(self, job: Job) -> None:
        waited_seconds = 0.0
        while not job.stopping.wait(STEP_SECONDS):
            waited_seconds += STEP_SECONDS
            if waited_seconds >= PERIOD_SECONDS or self._urgent.is_set():
                self._urgent.clear()
                waited_seconds = 0.0
                self._try_to_deliver()
        with self._lock:
            self._is_running = False
        self._try_to_deliver()

    def _try_to_deliver(self) -> None:
        try:
            self._deliver()
        except Exception:  # later deliveries are still tried
            logger.exception("%s", self._name)
