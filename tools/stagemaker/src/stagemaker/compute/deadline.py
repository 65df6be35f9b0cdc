"""A deadline, which is passed to all code that must meet it."""

import time


class Deadline:
    """A time limit that starts at creation. seconds: its duration, which messages state; math.inf for no limit."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.seconds_left <= 0
