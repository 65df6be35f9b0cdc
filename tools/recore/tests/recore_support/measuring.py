"""Measure CPU time, for tests that compare how long two functions take."""

import time
from collections.abc import Callable


def cpu_seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """Call a function several times; return the lowest CPU time that a call took in this process, in seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)
