"""How many submissions may run at a time, and how long the rest of them will take."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from recore.evaluation.step import Step
from stagemaker.machine import measure_memory

INSTANCE_MEMORY = 16 << 30  # bytes, of ml.m5.xlarge, whose share a step reports
USABLE = 0.9  # of this machine's memory


@dataclass
class Pace:
    """The pace of a round. jobs: how many may run at a time at most.

    No more start than fit into this machine's memory: until the first has ended, each may need all of its instance's;
    then, as much as those so far did. limited: whether the runs are on this machine.
    """

    jobs: int
    limited: bool = True
    memory: float = 0.0  # bytes that a run needed at most
    seconds: list[float] = field(default_factory=list)  # that each run took
    _running: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def at_a_time(self) -> int:
        if not self.limited:
            return self.jobs
        memory = self.memory if self.seconds else INSTANCE_MEMORY  # which a job cannot exceed
        return max(1, min(self.jobs, int(USABLE * measure_memory() / max(memory, 1))))

    @contextmanager
    def turn(self, stopping: threading.Event) -> Iterator[None]:
        """Wait until another run may start; or until the round stops."""
        with self._changed:
            while self._running >= self.at_a_time and not stopping.is_set():
                self._changed.wait(1)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def note(self, steps: Sequence[Step], seconds: float) -> None:
        """Take notice of a run that has ended."""
        with self._changed:
            self.memory = max(self.memory, peak_memory(steps))
            self.seconds.append(seconds)

    def describe(self, remaining: int) -> str:
        """How long the remaining submissions will take, in words, if they take as long as those so far."""
        mean = sum(self.seconds) / len(self.seconds)
        left = mean * remaining / min(self.at_a_time, remaining)
        time = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min" if left < 6000 else f"{left / 3600:.1f} h"
        memory = f", {self.memory / 2**30:.1f} GiB of memory" if self.memory else ""
        return f"about {time} for the other {remaining}, {self.at_a_time} at a time ({mean:.0f} s each{memory})"


def peak_memory(steps: Sequence[Step]) -> float:
    """The bytes of memory that the jobs of a run used at the same time at most: training, then all sides together."""
    by_side: dict[str, float] = {}
    for step in steps:
        side = step.name.partition(" ")[0]
        by_side[side] = max(by_side.get(side, 0.0), step.memory or 0.0)
    training = by_side.pop("train", 0.0)
    return INSTANCE_MEMORY * max(training, sum(by_side.values())) / 100
