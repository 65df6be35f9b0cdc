"""Limit the number of submissions that run at the same time, and estimate the remaining time."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from recore.evaluation.step import Step
from stagemaker.machine import measure_memory

INSTANCE_MEMORY = 16 << 30  # bytes, of ml.m5.xlarge; a step's memory is a share of this
USABLE_FRACTION = 0.9  # share of the computer's memory


@dataclass
class Pace:
    """The pace of a round. jobs: the maximum number of submissions that run at the same time.

    A local run starts only if it fits into the computer's memory. It is assumed to need as much as the largest run so
    far or, until the first run has ended, all of its instance's memory. limited: whether the runs are local.
    """

    jobs: int
    limited: bool = True
    memory: float = 0.0  # maximum bytes that a run has used
    seconds: list[float] = field(default_factory=list)  # durations of the runs
    _running: int = 0
    _condition: threading.Condition = field(default_factory=threading.Condition)

    @property
    def max_running(self) -> int:
        if not self.limited:
            return self.jobs
        memory = self.memory if self.seconds else INSTANCE_MEMORY  # a job cannot exceed it
        return max(1, min(self.jobs, int(USABLE_FRACTION * measure_memory() / max(memory, 1))))

    @contextmanager
    def wait_for_turn(self, stopping: threading.Event) -> Iterator[None]:
        """Return a context manager that waits until another run may start, or the round stops."""
        with self._condition:
            while self._running >= self.max_running and not stopping.is_set():
                self._condition.wait(1)
            self._running += 1
        try:
            yield
        finally:
            with self._condition:
                self._running -= 1
                self._condition.notify_all()

    def add_run(self, steps: Sequence[Step], seconds: float) -> None:
        """Record a finished run."""
        with self._condition:
            self.memory = max(self.memory, peak_memory(steps))
            self.seconds.append(seconds)

    def format_remaining(self, remaining: int) -> str:
        """Return a phrase with the estimated time for the remaining submissions, judging by the mean duration."""
        mean = sum(self.seconds) / len(self.seconds)
        wait = mean * remaining / min(self.max_running, remaining)
        time = f"{wait:.0f} s" if wait < 100 else f"{wait / 60:.0f} min" if wait < 6000 else f"{wait / 3600:.1f} h"
        memory = f", {self.memory / 2**30:.1f} GiB of memory" if self.memory else ""
        return f"about {time} for the other {remaining}, {self.max_running} at a time ({mean:.0f} s each{memory})"


def peak_memory(steps: Sequence[Step]) -> float:
    """Return a run's peak memory in bytes: of the training job or, if larger, of all later jobs together."""
    by_split: dict[str, float] = {}
    for step in steps:
        split = step.name.partition(" ")[0]
        by_split[split] = max(by_split.get(split, 0.0), step.memory or 0.0)
    training = by_split.pop("train", 0.0)
    return INSTANCE_MEMORY * max(training, sum(by_split.values())) / 100
