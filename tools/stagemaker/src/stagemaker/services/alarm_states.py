"""Computes the state of an alarm from the data points of its metric, according to CloudWatch's documented rules.

moto stores alarms but never compares their metrics with their thresholds.

Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

import datetime
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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


def unsimulated_feature(alarm: Mapping[str, Any]) -> str:
    """Return the feature that prevents an alarm's evaluation because it is not simulated, or an empty string.

    alarm: arguments of moto's put_metric_alarm.
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

    data, alarm: moto's. now: the end of the last period, a naive time in UTC, like moto's.
    """
    periods: list[list[Any]] = [[] for _ in range(alarm.evaluation_periods + EXTRA_PERIODS)]
    dimensions = _pairs(alarm.dimensions)
    for datum in data:
        if datum.name != alarm.metric_name or datum.namespace != alarm.namespace:
            continue
        age = (now - to_naive_utc(datum.timestamp)).total_seconds() // alarm.period
        has_unit = alarm.unit is None or datum.unit == alarm.unit
        if 0 <= age < len(periods) and has_unit and _pairs(datum.dimensions) == dimensions:
            periods[-1 - int(age)].append(datum)
    return periods


def changed_state(alarm: Any, points: Points) -> tuple[str, str] | None:
    """Return the new state of one of moto's alarms and its reason, or None if the state does not change."""
    periods = alarm.evaluation_periods
    datapoints_to_alarm, treatment = alarm.datapoints_to_alarm or periods, alarm.treat_missing_data or "missing"
    limits = {"periods": periods, "datapoints_to_alarm": datapoints_to_alarm}
    state = alarm_state(points, alarm.comparison_operator, alarm.threshold, **limits, treatment=treatment)
    if state in (None, alarm.state_value):
        return None
    values = ", ".join("missing" if value is None else f"{value:g}" for value in points[-10:])
    return state, (
        f"The alarm's condition is {alarm.comparison_operator} {alarm.threshold:g} for {datapoints_to_alarm} of "
        f"{periods} data points. The last values of {alarm.metric_name}, oldest first: {values}"
    )


def to_naive_utc(time: datetime.datetime) -> datetime.datetime:
    """Return a time as a naive time in UTC, like moto's."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _pairs(dimensions: Iterable[Any]) -> set[tuple[str | None, str | None]]:
    return {(dimension.name, dimension.value) for dimension in dimensions}
