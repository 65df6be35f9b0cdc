"""A thread pool for code whose threads may call pyarrow, and waits that an interrupt ends."""

from concurrent.futures import Future, ThreadPoolExecutor, wait

from stagemaker import interrupts

POLL_SECONDS = 0.2  # between checks for interrupts


class ThreadPool(ThreadPoolExecutor):
    """A ThreadPoolExecutor that imports pyarrow in the main thread before any worker thread does.

    pyarrow 25 crashes the process if the thread that first imported it has ended (apache/arrow#50471).
    """

    def __init__(self, threads: int, name: str = "") -> None:
        import pyarrow  # noqa: F401

        super().__init__(threads, name)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and wait for the threads. An interrupt ends the wait, but not the threads."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        for thread in self._threads if wait else ():
            while thread.is_alive():
                thread.join(POLL_SECONDS)
                interrupts.check()


def result_of[T](future: Future[T]) -> T:
    """Wait for a future and return its result. An interrupt ends the wait."""
    while not future.done():
        wait([future], POLL_SECONDS)
        interrupts.check()
    return future.result()
