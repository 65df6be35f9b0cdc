"""The queue of jobs: each runs in a thread of its own, and those that compute wait for a free processor."""

import contextlib
import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from recore.simulator.compute.files.removal import remove
from recore.simulator.compute.job import Job

logger = logging.getLogger(__name__)


class JobQueue:
    """All jobs of a simulator. As many compute at a time as there are processors; the others wait.

    Work that does not compute itself, but waits for jobs that do, never waits in the queue: it could wait for ever.
    """

    def __init__(self, folder: Path):
        self._folder = folder.resolve()  # a path without links: by that OutputFolder recognises a job's own links
        self._computing = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="job")
        self._waiting = ThreadPoolExecutor(sys.maxsize, thread_name_prefix="work")  # for work that does not compute
        self._running: dict[str, Job] = {}
        self._queued: dict[str, tuple[Future[None], Callable[[], None]]] = {}
        self._held: list[Callable[[], None]] | None = None  # what begins when `held` ends
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, arn: str, work: Callable[[Job], None], computes: bool = True) -> bool:
        """Queue a job's work, or start it at once if it does not compute. Returns False after `close`.

        Raises RuntimeError if no thread can be started.
        """
        job = Job(self._folder / f"job-{uuid.uuid4().hex[:12]}")

        def run() -> None:
            with self._lock:
                self._queued.pop(arn, None)
                if self._running.get(arn) is not job:  # a pool keeps what it had no thread for
                    return
            try:
                work(job)
            except Exception:  # the pool would keep it to itself
                logger.exception("%s", arn)
            finally:
                job.kill()
                remove(job.place)
                with self._lock:
                    self._running.pop(arn, None)

        def begin() -> None:
            try:
                if computes:
                    self._queued[arn] = self._computing.submit(run), run
                else:
                    self._waiting.submit(run)
            except RuntimeError:  # not an interrupt, after which it may run
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
            jobs = list(self._running.values())
        for job in jobs:
            job.interrupted = True
            job.kill()
        for pool in (self._computing, self._waiting):
            pool.shutdown(wait=True, cancel_futures=True)
