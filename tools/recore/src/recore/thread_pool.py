"""The thread pool for all code of recore whose threads may call pyarrow."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from stagemaker import interrupts


class ThreadPool(ThreadPoolExecutor):
    """A ThreadPoolExecutor for the main thread, which imports pyarrow before any of the pool's threads does.

    pyarrow 25 crashes a process if the thread that imported it first has ended (apache/arrow#50471).
    """

    def __init__(self, threads: int, name: str = "") -> None:
        import pyarrow  # noqa: F401

        super().__init__(threads, name)

    def submit[**P, T](self, function: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> Future[T]:
        """As ThreadPoolExecutor's; an interrupt waits, because the pool would not know a thread that just started."""
        with interrupts.deferred():
            return super().submit(function, *arguments, **options)
