"""A thread pool for code whose threads may call pyarrow."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from stagemaker import interrupts


class ThreadPool(ThreadPoolExecutor):
    """A ThreadPoolExecutor that imports pyarrow in the main thread before any worker thread does.

    pyarrow 25 crashes the process if the thread that first imported it has ended (apache/arrow#50471).
    """

    def __init__(self, threads: int, name: str = "") -> None:
        import pyarrow  # noqa: F401

        super().__init__(threads, name)

    def submit[**P, T](self, function: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> Future[T]:
        """Submit a call. Interrupts are deferred, so that the pool cannot lose track of a thread that just started."""
        with interrupts.defer():
            return super().submit(function, *arguments, **options)
