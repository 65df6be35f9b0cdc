"""When a tuning job is complete before it has made all its training jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

IMPROVEMENT = 0.01  # of the best objective: what is less is no improvement
CONVERGED_AFTER = 10  # jobs in a row that bring no improvement


def not_improving(objectives: Sequence[float], maximize: bool) -> list[int]:
    """After each job, in the order in which they ended, how many in a row have not improved the best objective."""
    counts: list[int] = []
    best, count = None, 0
    for objective in objectives:
        value = objective if maximize else -objective
        if best is None or value - best > IMPROVEMENT * abs(best):
            count, best = 0, value
        else:
            count += 1
        counts.append(count)
    return counts


def convergence(objectives: Sequence[float], maximize: bool) -> int | None:
    """The position of the job after which the objective had converged, or None."""
    counts = not_improving(objectives, maximize)
    return next((place for place, count in enumerate(counts) if count >= CONVERGED_AFTER), None)


def is_complete(criteria: Mapping[str, Any], objectives: Sequence[float], maximize: bool) -> bool:
    """Whether a request's TuningJobCompletionCriteria are met by the objectives, in the order of the jobs' ends."""
    target = criteria.get("TargetObjectiveMetricValue")
    if target is not None and any(value >= target if maximize else value <= target for value in objectives):
        return True
    most = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
    if most is not None and any(count >= most for count in not_improving(objectives, maximize)):
        return True
    enabled = criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled"
    return enabled and convergence(objectives, maximize) is not None
