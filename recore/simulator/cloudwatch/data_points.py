"""The data points that an alarm is evaluated on, from the metric data that moto keeps."""

import datetime
from collections.abc import Iterable

from moto.cloudwatch.models import Alarm, Dimension, MetricDatumBase, Statistics

from recore.simulator.cloudwatch.evaluation import EXTRA


def data_points(data: Iterable[MetricDatumBase], alarm: Alarm, now: datetime.datetime) -> list[float | None]:
    """The alarm's statistic in each period of its evaluation range, oldest first; None where there are no data.

    The last period ends now. now: in UTC, without a time zone, as moto's times are.
    """
    periods: list[list[MetricDatumBase]] = [[] for _ in range(alarm.evaluation_periods + EXTRA)]
    dimensions = _pairs(alarm.dimensions)
    for datum in data:
        if datum.name != alarm.metric_name or datum.namespace != alarm.namespace:
            continue
        age = (now - in_utc(datum.timestamp)).total_seconds() // alarm.period
        has_unit = alarm.unit is None or datum.unit == alarm.unit
        if 0 <= age < len(periods) and has_unit and _pairs(datum.dimensions) == dimensions:
            periods[-1 - int(age)].append(datum)
    return [_statistic(period, alarm.statistic) for period in periods]


def _statistic(data: list[MetricDatumBase], name: str) -> float | None:
    if not data:
        return None
    statistics = Statistics([name], data[0].timestamp)
    statistics.metric_data = data
    value = statistics.get_statistics_for_type(name)
    return None if value is None else float(value)


def _pairs(dimensions: list[Dimension]) -> set[tuple[str | None, str | None]]:
    return {(dimension.name, dimension.value) for dimension in dimensions}


def in_utc(time: datetime.datetime) -> datetime.datetime:
    """A time in UTC, without a time zone, as moto's times without one are."""
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time
