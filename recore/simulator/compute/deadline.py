"""The time by which something must be done, as one object that everything on the way is given."""

import time


class Deadline:
    """A time limit that begins now. seconds: all of it, for messages; infinite without a limit."""

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
