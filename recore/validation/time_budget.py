"""The time that a validation may take on the clock; optional fits that would end later are skipped."""

import time

WRITING = 4.0  # seconds that are kept for the page, or a tenth of a shorter budget


class TimeBudget:
    """A number of minutes that begins when this object is created."""

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * minutes - min(WRITING, 6 * minutes)
        self._started = time.monotonic()

    def allows(self, seconds: float) -> bool:
        """Whether work that takes so long would end within the budget if it began now."""
        return self.elapsed() + seconds <= self.seconds

    def elapsed(self) -> float:
        """The seconds used so far."""
        return time.monotonic() - self._started
