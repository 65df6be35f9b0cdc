"""When a training job of a tuning job is stopped early."""

import itertools
import statistics
from collections.abc import Sequence

NEEDED = 3  # jobs that came as far: with fewer of them a median says little


def running_averages(values: Sequence[float]) -> list[float]:
    """The average of the first value, of the first two, and so on."""
    return [total / count for count, total in enumerate(itertools.accumulate(values), 1)]


def is_worse_than_median(step: int, value: float, others: Sequence[Sequence[float]], maximize: bool) -> bool:
    """Whether a job's value number `step`, from 1 on, is worse than the median of the others' averages up to there.

    others: the running averages of jobs that have ended; those that did not come as far do not count. This is the
    median stopping rule of Golovin et al., Google Vizier (2017), with the last value, as SageMaker documents it.
    """
    averages = [other[step - 1] for other in others if len(other) >= step]
    if len(averages) < NEEDED:
        return False
    median = statistics.median(averages)
    return value < median if maximize else value > median
