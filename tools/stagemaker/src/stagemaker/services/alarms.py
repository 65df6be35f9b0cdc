"""Compute the state of an alarm from its metric's data points, according to CloudWatch's documented rules.

moto accepts every alarm and never evaluates it. This module also checks requests to create alarms.

Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

import datetime
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
HIGH_RESOLUTION = (10, 20, 30)  # periods in seconds; other periods are multiples of a minute
HOUR, DAY = 3600, 86_400
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
EXTRA_PERIODS = 2  # periods in the evaluation range beyond EvaluationPeriods, as in the guide's examples
Points = Sequence[float | None]  # a value for each period of the evaluation range, oldest first; None if missing


def find_problem(alarm: Mapping[str, Any]) -> str | None:
    """Return the first problem with a single-metric alarm, or None. alarm: the arguments of put_metric_alarm."""
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
    period, count, to_alarm = alarm["period"], alarm["evaluation_periods"], alarm.get("datapoints_to_alarm")
    if not isinstance(period, int) or period < 1 or (period % 60 and period not in HIGH_RESOLUTION):
        yield "Period must be 10, 20, 30 or a multiple of 60"
    elif not isinstance(count, int) or count < 1:
        yield "EvaluationPeriods must be at least 1"
    elif period * count > (7 * DAY if period >= HOUR else DAY):
        yield "EvaluationPeriods multiplied by Period must be at most a day, or 7 days if Period is an hour or more"
    elif to_alarm is not None and not (isinstance(to_alarm, int) and 1 <= to_alarm <= count):
        yield "DatapointsToAlarm must be between 1 and EvaluationPeriods"


def alarm_state(alarm: Any, points: Points) -> str | None:
    """Return the state of a moto alarm, or None if its state does not change.

    points: a value or None for each of the EvaluationPeriods and the EXTRA_PERIODS before them, oldest first.
    """
    periods, treatment = alarm.evaluation_periods, alarm.treat_missing_data or "missing"
    datapoints_to_alarm, compare = alarm.datapoints_to_alarm or periods, COMPARISONS[alarm.comparison_operator]
    breaches = [None if value is None else compare(value, alarm.threshold) for value in points]
    existing_breaches = [breach for breach in breaches if breach is not None][-periods:]
    missing_count = periods - len(existing_breaches)
    breach_count = existing_breaches.count(True) + (missing_count if treatment == "breaching" else 0)
    if breach_count >= datapoints_to_alarm:
        return "ALARM"
    if missing_count == 0 or treatment in ("breaching", "notBreaching") or False in existing_breaches:
        return "OK"
    if treatment == "ignore":
        return None
    # If all existing data points are breaching and the oldest is at least `datapoints_to_alarm` periods old, missing
    # data points no longer delay the alarm: the guide calls this a premature alarm state.
    is_premature = True in breaches and len(breaches) - breaches.index(True) >= datapoints_to_alarm
    return "ALARM" if is_premature else "INSUFFICIENT_DATA"


def unsimulated_feature(alarm: Mapping[str, Any]) -> str:
    """Return the unsimulated feature that prevents an alarm's evaluation, or an empty string.

    alarm: the arguments of moto's put_metric_alarm.
    """
    if alarm["rule"] is not None:
        return "a composite alarm"
    if alarm["metric_data_queries"]:
        return "Metrics"
    if alarm["threshold_metric_id"] is not None:
        return "ThresholdMetricId"
    return "ExtendedStatistic" if alarm["extended_statistic"] else ""


def data_by_period(data: Iterable[Any], alarm: Any, now: datetime.datetime) -> list[list[Any]]:
    """Return an alarm's metric data for each period of its evaluation range, oldest first.

    data, alarm: moto's objects. now: the end of the last period, as a naive time in UTC.
    """
    periods: list[list[Any]] = [[] for _ in range(alarm.evaluation_periods + EXTRA_PERIODS)]
    dimensions = _dimension_pairs(alarm.dimensions)
    for datum in data:
        if datum.name != alarm.metric_name or datum.namespace != alarm.namespace:
            continue
        age = (now - to_naive_utc(datum.timestamp)).total_seconds() // alarm.period
        has_unit = alarm.unit is None or datum.unit == alarm.unit
        if 0 <= age < len(periods) and has_unit and _dimension_pairs(datum.dimensions) == dimensions:
            periods[-1 - int(age)].append(datum)
    return periods


def new_state(alarm: Any, points: Points) -> tuple[str, str] | None:
    """Return the new state of a moto alarm and the reason, or None if the state does not change."""
    state, periods = alarm_state(alarm, points), alarm.evaluation_periods
    if state in (None, alarm.state_value):
        return None
    values = ", ".join("missing" if value is None else f"{value:g}" for value in points[-10:])
    return state, (
        f"The alarm's condition is {alarm.comparison_operator} {alarm.threshold:g} for "
        f"{alarm.datapoints_to_alarm or periods} of {periods} data points. The last values of {alarm.metric_name}, "
        f"oldest first: {values}"
    )


def to_naive_utc(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _dimension_pairs(dimensions: Iterable[Any]) -> set[tuple[str | None, str | None]]:
    return {(dimension.name, dimension.value) for dimension in dimensions}
