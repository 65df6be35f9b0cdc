"""Make methods run once, each in its own thread, when their result is first requested."""

import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import wraps
from typing import Any

from recore.thread_pool import ThreadPool, result_of

THREADS = 32  # more than there are experiments: most of them wait for a job


def experiment[S: SharedResults, T](method: Callable[[S], T]) -> Callable[[S], T]:
    """Make a method run once, in its own thread, when it is first called. Each call waits for the result."""

    @wraps(method)
    def wait_for_result(experiments: S) -> T:
        result: T = result_of(experiments._start(method))
        return result

    return wait_for_result


class SharedResults:
    """Base class for classes whose methods are experiments. Several threads may call the methods."""

    def __init__(self) -> None:
        self._pool = ThreadPool(THREADS, "experiment")
        self._futures: dict[str, Future[Any]] = {}
        self._lock = threading.Lock()

    def _start(self, method: Callable[..., object]) -> Future[Any]:
        """Start the experiment unless it has already been started, and return its future."""
        method = inspect.unwrap(method)
        with self._lock:
            if method.__name__ not in self._futures:
                self._futures[method.__name__] = self._pool.submit(method, self)
            return self._futures[method.__name__]
