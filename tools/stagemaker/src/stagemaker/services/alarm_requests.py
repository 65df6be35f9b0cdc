"""The checks that CloudWatch documents for PutMetricAlarm; moto itself accepts every alarm."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from stagemaker.services.alarm_states import COMPARISONS, TREATMENTS

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
HIGH_RESOLUTION = (10, 20, 30)  # periods in seconds; other periods are multiples of a minute
HOUR, DAY = 3600, 86_400


def find_problem(alarm: Mapping[str, Any]) -> str | None:
    """Return what is invalid about an alarm for a single metric, or None. alarm: arguments of put_metric_alarm."""
    if alarm.get("rule") is None and not alarm.get("metric_data_queries"):
        return next(_problems(alarm), None)
    return None


def _problems(alarm: Mapping[str, Any]) -> Iterator[str]:
    if not (alarm.get("metric_name") and alarm.get("namespace")):
        yield "An alarm requires MetricName and Namespace"
    if (alarm.get("statistic") is None) == (alarm.get("extended_statistic") is None):
        yield "An alarm requires either Statistic or ExtendedStatistic"
    if alarm.get("statistic") not in (None, *STATISTICS):
        yield f"Statistic must be one of {', '.join(STATISTICS)}"
    if alarm.get("comparison_operator") not in COMPARISONS:
        yield f"ComparisonOperator must be one of {', '.join(COMPARISONS)} for an alarm with a static threshold"
    threshold = alarm.get("threshold")
    if not isinstance(threshold, int | float) or not math.isfinite(threshold):
        yield "Threshold must be a finite number"
    if alarm.get("treat_missing_data") not in (None, *TREATMENTS):
        yield f"TreatMissingData must be one of {', '.join(TREATMENTS)}"
    yield from _period_problems(alarm["period"], alarm["evaluation_periods"], alarm.get("datapoints_to_alarm"))


def _period_problems(period: Any, count: Any, datapoints_to_alarm: Any) -> Iterator[str]:
    if not isinstance(period, int) or period < 1 or (period % 60 and period not in HIGH_RESOLUTION):
        yield "Period must be 10, 20, 30 or a multiple of 60"
    elif not isinstance(count, int) or count < 1:
        yield "EvaluationPeriods must be at least 1"
    elif period * count > (7 * DAY if period >= HOUR else DAY):
        yield "EvaluationPeriods multiplied by Period must be at most a day, or 7 days if Period is an hour or more"
    elif datapoints_to_alarm is not None and not (
        isinstance(datapoints_to_alarm, int) and 1 <= datapoints_to_alarm <= count
    ):
        yield "DatapointsToAlarm must be between 1 and EvaluationPeriods"
