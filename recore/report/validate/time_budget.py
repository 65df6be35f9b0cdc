"""How long a validation may take: processor time, so that a busy machine skips no more fits than a quiet one."""

import contextlib
import time
from collections.abc import Iterable

WAITING = 10  # times the budget, on the clock: a submission that sleeps or waits uses no processor time


class TimeBudget:
    """The time used since this object was created, and whether optional fits may still begin.

    The processor time is that of this process, of the worker processes and of the processes that these have started.
    """

    def __init__(self, minutes: float, process_ids: Iterable[int]) -> None:
        self.minutes, self.process_ids = minutes, tuple(process_ids)
        self._started, self._processor_at_start = time.monotonic(), time.process_time()
        self.exhausted_by = ""  # the limit that was reached first, in words

    def is_exhausted(self) -> bool:
        if not self.exhausted_by:
            if self.processor_seconds() >= 60 * self.minutes:
                self.exhausted_by = f"{self.minutes:g} minutes of processor time were used"
            elif self.clock_seconds() >= 60 * self.minutes * WAITING:
                self.exhausted_by = (
                    f"{self.minutes * WAITING:g} minutes passed on the clock, of which only "
                    f"{self.processor_seconds():.0f} s were processor time (the submission waits, or the machine is "
                    "busy)"
                )
        return bool(self.exhausted_by)

    def clock_seconds(self) -> float:
        return time.monotonic() - self._started

    def processor_seconds(self) -> float:
        workers = sum(_seconds_of_tree(process_id) for process_id in self.process_ids)
        return time.process_time() - self._processor_at_start + workers


def _seconds_of_tree(process_id: int) -> float:
    """The processor time of a process and its descendants, also of those that have ended and were waited for."""
    import psutil

    seconds = 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(process_id)
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
                times = member.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
