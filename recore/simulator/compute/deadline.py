"""The time by which something must be done: one object, which is passed down to all that must keep it."""

import time


class Deadline:
    """A time limit that begins now. seconds: its length, for messages; infinite without a limit."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; negative afterwards."""
        return self._end - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.left <= 0
