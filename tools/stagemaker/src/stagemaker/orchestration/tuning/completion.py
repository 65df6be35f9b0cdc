"""Rules for stopping a training job early, or completing a tuning job before its last planned training job."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

MIN_IMPROVEMENT = 0.01  # relative to the best objective; a smaller gain does not count as an improvement
CONVERGENCE_JOBS = 10  # consecutive jobs without an improvement
MIN_JOBS_FOR_MEDIAN = 3  # at the same step; a median of fewer jobs would not be meaningful


def jobs_without_improvement(objectives: Sequence[float], maximize: bool) -> list[int]:
    """For each job, return how many consecutive jobs, up to and including it, did not improve the objective.

    objectives: the jobs' objectives, in the order in which the jobs ended.
    """
    counts: list[int] = []
    best, count = None, 0
    for objective in objectives:
        value = objective if maximize else -objective
        if best is None or value - best > MIN_IMPROVEMENT * abs(best):
            count, best = 0, value
        else:
            count += 1
        counts.append(count)
    return counts


def convergence(objectives: Sequence[float], maximize: bool) -> int | None:
    """Return the position of the job at which the objective converged, or None if it has not converged."""
    counts = jobs_without_improvement(objectives, maximize)
    return next((position for position, count in enumerate(counts) if count >= CONVERGENCE_JOBS), None)


def is_complete(criteria: Mapping[str, Any], objectives: Sequence[float], maximize: bool) -> bool:
    """Return whether the objectives, in the order in which the jobs ended, meet the TuningJobCompletionCriteria."""
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(value >= target if maximize else value <= target for value in objectives):
        return True
    limit = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if limit is not None and any(count >= limit for count in jobs_without_improvement(objectives, maximize)):
        return True
    is_enabled = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    return is_enabled and convergence(objectives, maximize) is not None


def running_averages(values: Sequence[float]) -> list[float]:
    """Return the running averages: the mean of the first value, of the first two, and so on."""
    return [total / count for count, total in enumerate(itertools.accumulate(values), 1)]


def is_worse_than_median(step: int, value: float, others: Sequence[Sequence[float]], maximize: bool) -> bool:
    """Return whether a job's value at a step is worse than the median of the other jobs' averages at that step.

    step: counted from 1. others: the running averages of ended jobs; jobs that did not reach the step are
    ignored. Source: the median stopping rule of Golovin et al., Google Vizier (2017), applied to the last value, as
    SageMaker documents.
    """
    averages = [other[step - 1] for other in others if len(other) >= step]
    if len(averages) < MIN_JOBS_FOR_MEDIAN:
        return False
    median = statistics.median(averages)
    return value < median if maximize else value > median
