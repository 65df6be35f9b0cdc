"""Computes the state of an alarm from the data points of its metric, according to CloudWatch's documented rules.

Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

import datetime
import operator
from collections.abc import Callable, Iterable, Sequence

from moto.cloudwatch.models import Alarm, Dimension, MetricDatumBase, Statistics

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
EXTRA_PERIODS = 2  # in the evaluation range, beyond EvaluationPeriods, as in the guide's examples

Points = Sequence[float | None]  # a value for each period of the evaluation range, oldest first; None if missing


def alarm_state(
    points: Points,
    comparison: str,
    threshold: float,
    *,
    periods: int,
    datapoints_to_alarm: int,
    treatment: str = "missing",
) -> str | None:
    """Return the state of an alarm, or None if its state does not change.

    points: the values of `periods` + EXTRA_PERIODS periods. periods: EvaluationPeriods. datapoints_to_alarm:
    DatapointsToAlarm. treatment: TreatMissingData.
    """
    breaches = [None if value is None else COMPARISONS[comparison](value, threshold) for value in points]
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


def data_points(data: Iterable[MetricDatumBase], alarm: Alarm, now: datetime.datetime) -> Points:
    """Return the alarm's statistic for each period of its evaluation range, oldest first; None for missing data.

    now: the end of the last period, a naive time in UTC, like moto's.
    """
    periods: list[list[MetricDatumBase]] = [[] for _ in range(alarm.evaluation_periods + EXTRA_PERIODS)]
    dimensions = _pairs(alarm.dimensions)
    for datum in data:
        if datum.name != alarm.metric_name or datum.namespace != alarm.namespace:
            continue
        age = (now - to_naive_utc(datum.timestamp)).total_seconds() // alarm.period
        has_unit = alarm.unit is None or datum.unit == alarm.unit
        if 0 <= age < len(periods) and has_unit and _pairs(datum.dimensions) == dimensions:
            periods[-1 - int(age)].append(datum)
    return [statistic(period, alarm.statistic) for period in periods]


def statistic(data: list[MetricDatumBase], name: str) -> float | None:
    """Return a statistic of metric data, such as Sum, or None if there is no data."""
    if not data:
        return None
    statistics = Statistics([name], data[0].timestamp)
    statistics.metric_data = data
    value = statistics.get_statistics_for_type(name)
    return None if value is None else float(value)


def to_naive_utc(time: datetime.datetime) -> datetime.datetime:
    """Return a time as a naive time in UTC, like moto's."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _pairs(dimensions: list[Dimension]) -> set[tuple[str | None, str | None]]:
    return {(dimension.name, dimension.value) for dimension in dimensions}
