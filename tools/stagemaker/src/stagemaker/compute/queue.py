"""The job queue: each job runs in a separate thread, and jobs that compute wait for a free CPU core."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from stagemaker.compute.files.removal import remove
from stagemaker.compute.job import Job
from stagemaker.machine import count_cores
from stagemaker.text import printable_logger

logger = printable_logger(__name__)


class JobQueue:
    """The queue of a simulator's jobs. At most one job per core computes at a time; the others wait.

    Work that only waits for other jobs starts at once. If it were queued, it could keep those jobs from starting.
    """

    def __init__(self, folder: Path):
        self._folder = folder.resolve()  # without symbolic links, so that OutputFolder recognises a job's own links
        self._cores = count_cores()
        self._pool = ThreadPoolExecutor(self._cores, thread_name_prefix="job")
        self._threads: set[threading.Thread] = set()  # the threads that run work that does not compute
        self._jobs: dict[str, Job] = {}
        self._computing: set[Job] = set()
        self._queued_work: dict[str, tuple[Future[None], Callable[[], None]]] = {}
        self._closed = False
        self._lock = threading.Lock()

    def submit(self, arn: str, work: Callable[[Job], None], computes: bool = True) -> bool:
        """Queue a job's work, or start it immediately if `computes` is False.

        Return False if the queue is closed, otherwise True. Raises RuntimeError if no thread can be started.
        """
        job = Job(self._folder / f"job-{uuid.uuid4().hex[:12]}")

        def execute() -> None:
            with self._lock:
                self._queued_work.pop(arn, None)
                if self._jobs.get(arn) is not job:  # the pool keeps work even if it cannot start a thread for it
                    return
                if computes:
                    self._computing.add(job)
                    job.cores = max(1, self._cores // (len(self._computing) + len(self._queued_work)))
            try:
                work(job)
            except Exception:  # the pool would not report it, and a thread would report it only on stderr
                logger.exception("%s", arn)
            finally:
                job.kill()
                remove(job.path)
                with self._lock:
                    if self._jobs.get(arn) is job:  # not a new job with the name of this deleted one
                        del self._jobs[arn]
                    self._computing.discard(job)
                    self._threads.discard(threading.current_thread())

        with self._lock:
            if self._closed:
                return False
            self._jobs[arn] = job
            thread = threading.Thread(target=execute, name=arn)
            try:
                if computes:
                    self._queued_work[arn] = self._pool.submit(execute), execute
                else:
                    self._threads.add(thread)
                    thread.start()
            except RuntimeError:  # no other exception: after an interrupt, the work may still run
                self._threads.discard(thread)
                del self._jobs[arn]
                raise
        return True

    def position(self, arn: str) -> int:
        """Return a job's position in the queue, starting at 1, or 0 if it is not queued."""
        with self._lock:
            return list(self._queued_work).index(arn) + 1 if arn in self._queued_work else 0

    def stop(self, arn: str) -> None:
        """Stop a job. A queued job ends at once."""
        with self._lock:
            job, queued_work = self._jobs.get(arn), self._queued_work.get(arn)
        if job:
            job.stop()
        if queued_work and queued_work[0].cancel():
            queued_work[1]()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            jobs, threads = list(self._jobs.values()), list(self._threads)
        for job in jobs:
            job.is_interrupted = True
            job.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for thread in threads:
            if thread.ident:  # the thread has started
                thread.join()
