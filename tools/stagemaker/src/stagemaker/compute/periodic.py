"""Deliver items in the background, every second and when the simulator ends, without making callers wait."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from stagemaker.compute.job import Job
from stagemaker.compute.platform import Platform
from stagemaker.text import printable_logger

logger = printable_logger(__name__)

PERIOD_SECONDS = 1.0  # seconds between deliveries
STEP_SECONDS = 0.02  # maximum seconds until an urgent delivery begins
Item = TypeVar("Item")


class PeriodicDelivery(Generic[Item]):
    """Collects items, and calls `deliver` with them once a second, in order and in one thread at a time.

    The first item starts the thread. After the jobs have ended, each new item is delivered immediately.
    """

    def __init__(self, platform: Platform, name: str, deliver: Callable[[list[Item]], None]):
        self._platform, self._name, self._deliver = platform, name, deliver
        self._waiting_items: deque[Item] = deque()
        self._delivery_lock = threading.Lock()
        self._lock = threading.Lock()
        self._is_running = False
        self._urgent = threading.Event()

    def add(self, *items: Item, urgent: bool = False) -> None:
        """Add items to deliver. Urgent items are delivered without delay."""
        self._waiting_items.extend(items)
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
        with self._delivery_lock:
            items = [self._waiting_items.popleft() for _ in range(len(self._waiting_items))]
            try:
                if items:
                    self._deliver(items)
            except Exception:  # later deliveries are still tried
                logger.exception("%s", self._name)
