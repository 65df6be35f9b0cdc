"""CloudWatch: moto's backend, extended."""

import datetime
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.core.utils import utcnow

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.services import alarms, retention

MAX_STATISTICS_POINTS = 1440  # limit of GetMetricStatistics
MAX_DATA_POINTS = 100_800  # limit for all queries in a GetMetricData request
TOO_MANY_POINTS = (
    "You have requested up to {} datapoints, which exceeds the limit of {}. You may reduce the datapoints requested by "
    "increasing Period, or decreasing the time range."
)

Time = datetime.datetime
ALARM_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")


def _period_problem(period: Any) -> str | None:
    if not isinstance(period, int) or period < 1 or (period % 60 and period not in (1, 5, 10, 20, 30)):
        return f"The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not {str(period)[:20]}."
    return None


def _round_start(start: Time, periods: Iterable[int]) -> Time:
    """Round down a start time as CloudWatch does, according to the periods and the resolution of data of this age."""
    age = utcnow() - alarms.to_naive_utc(start)
    seconds = next((seconds for limit, seconds in retention.RESOLUTIONS if age > limit), min([60, *periods]))
    return start - datetime.timedelta(
        seconds=(60 * start.minute + start.second) % seconds, microseconds=start.microsecond
    )


def _point_excess(periods: Iterable[int], start: datetime.datetime, end: datetime.datetime, limit: int) -> str | None:
    seconds = (end - start).total_seconds()
    count = sum(int(-(-seconds // period)) for period in periods)
    return TOO_MANY_POINTS.format(count, limit) if count > limit else None


def _query_problem(queries: Iterable[Mapping[str, Any]], start: Time, end: Time) -> str | None:
    if start >= end:
        return "The parameter EndTime must be greater than StartTime."
    periods = [
        _period_of(query) for query in queries if "MetricStat" in query or query["Expression"].startswith("SELECT")
    ]
    problem = next(filter(None, map(_period_problem, periods)), None)
    return problem or _point_excess(periods, start, end, MAX_DATA_POINTS)


def _period_of(query: Mapping[str, Any]) -> Any:
    return query["MetricStat"].get("Period") if "MetricStat" in query else query.get("Period")


def _evaluate_first(find: Callable[..., Iterable[models.Alarm]]) -> Any:

    def evaluate_and_find(self: "CloudWatch", *arguments: Any) -> Iterable[models.Alarm]:
        with self.lock:
            data = list(self.metric_data)
            for alarm in list(self.alarms.values()):
                self.evaluate(alarm, data)
            return list(find(self, *arguments))

    return evaluate_and_find


class CloudWatch(models.CloudWatchBackend):
    """CloudWatch that evaluates alarms when they are read, checks requests, and makes old metrics coarser."""

    __module__ = models.CloudWatchBackend.__module__

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self.lock = threading.RLock()  # guards the alarms' states and the next two attributes
        self._state_ends: dict[str, datetime.datetime] = {}  # for each alarm, the end of a state that a request has set
        self._new_data_points = 0  # data points since the last clean-up

    def put_metric_alarm(self, **members: Any) -> models.Alarm:  # type: ignore[override]
        if problem := alarms.find_problem(members):
            raise ValidationError(problem)
        name = members["name"]
        with self.lock:
            old_alarm = self.alarms.get(name)
            alarm = super().put_metric_alarm(**members)
            if old_alarm is None:
                alarm.state_value = "INSUFFICIENT_DATA"  # CloudWatch's first state; moto's is OK
                self._state_ends.pop(name, None)
            else:
                vars(alarm).update({attribute: getattr(old_alarm, attribute) for attribute in ALARM_STATE})
            return alarm

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Set a state that lasts until CloudWatch would next evaluate the alarm."""
        with self.lock:
            alarm = self.alarms.get(alarm_name)
            super().set_alarm_state(alarm_name, reason, reason_data, state_value)  # fails for a missing alarm
            interval = 10 if alarm and alarm.period in alarms.HIGH_RESOLUTION else 60
            self._state_ends[alarm_name] = utcnow() + datetime.timedelta(seconds=interval)

    describe_alarms = _evaluate_first(models.CloudWatchBackend.describe_alarms)
    get_alarms_by_action_prefix = _evaluate_first(models.CloudWatchBackend.get_alarms_by_action_prefix)
    get_alarms_by_alarm_name_prefix = _evaluate_first(models.CloudWatchBackend.get_alarms_by_alarm_name_prefix)
    get_alarms_by_alarm_names = _evaluate_first(models.CloudWatchBackend.get_alarms_by_alarm_names)
    get_alarms_by_state_value = _evaluate_first(models.CloudWatchBackend.get_alarms_by_state_value)

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        if problem := retention.find_problem(metric_data):
            raise ValidationError(problem)
        super().put_metric_data(namespace, metric_data)
        with self.lock:
            self._new_data_points += retention.count_data_points(metric_data)
            if self._new_data_points >= retention.CLEANUP_DATA_POINTS:
                self._new_data_points = 0
                count = len(self.metric_data)  # other threads may append data at the same time
                self.metric_data[:count] = retention.age_data(self.metric_data[:count], utcnow(), _merge)

    def get_metric_statistics(
        self,
        namespace: str,
        metric_name: str,
        start_time: Time,
        end_time: Time,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[models.Statistics]:
        """Return statistics for periods that begin at the requested start; moto's begin at the first datum."""
        start, end = start_time.replace(microsecond=0), end_time.replace(microsecond=0)
        if start >= end:
            raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
        if problem := _period_problem(period):
            raise InvalidParameterValue(problem)
        if problem := _point_excess([period], start, end, MAX_STATISTICS_POINTS):
            raise InvalidParameterCombination(problem)
        start = _round_start(start, [period])
        metric = {"Namespace": namespace, "MetricName": metric_name, "Dimensions": dimensions}
        data = [datum for datum in self.get_all_metrics() if start <= datum.timestamp < end]
        data_by_period = _periods(_data_of({"Metric": metric, "Unit": unit}, data), start, period)
        return [_statistics(stats, time, data_by_period[time]) for time in sorted(data_by_period)]

    def get_metric_data(
        self, queries: list[dict[str, Any]], start_time: Time, end_time: Time, scan_by: str = "TimestampAscending"
    ) -> list[dict[str, Any]]:
        """Return the results of queries. The data are read only once; moto would read them for every period."""
        start, end = start_time.replace(microsecond=0), end_time.replace(microsecond=0)
        if problem := _query_problem(queries, start, end):
            raise ValidationError(problem)
        start = _round_start(start, [_period_of(query) or 60 for query in queries])
        data = [datum for datum in self.get_all_metrics() if start <= datum.timestamp < end]
        series: dict[str, dict[datetime.datetime, float]] = {}
        for query in queries:
            if "MetricStat" in query:
                selected_data, statistic = _data_of(query["MetricStat"], data), query["MetricStat"]["Stat"]
                series[query["Id"]] = _series(selected_data, start, _period_of(query), statistic)
            elif query["Expression"].startswith("SELECT"):  # moto supports nothing else in such queries
                series[query["Id"]] = _series(data, start, _period_of(query), "Sum")
        results = []
        for query in queries:
            points = series.get(query["Id"], series.get(query.get("Expression", ""), {}))
            times = sorted(points, reverse=scan_by == "TimestampDescending")
            label = query.get("Label") or _label(query)
            values = {"timestamps": times, "values": [points[time] for time in times], "status_code": "Complete"}
            if query.get("ReturnData", True):
                results.append({"id": query["Id"], "label": label, **values})
        return results

    def evaluate(self, alarm: models.Alarm, data: Iterable[models.MetricDatumBase]) -> None:
        now = utcnow()
        if alarms.unsimulated_feature(vars(alarm)) or now < self._state_ends.get(alarm.name, now):
            return
        points = [_statistic(period, alarm.statistic) for period in alarms.data_by_period(data, alarm, now)]
        if change := alarms.new_state(alarm, points):
            state, reason = change
            alarm.update_state(reason, "{}", state)


def _statistics(names: list[str], time: Time, data: list[models.MetricDatumBase]) -> models.Statistics:
    statistics = models.Statistics(names, time)
    statistics.metric_data, statistics.unit = data, data[-1].unit
    return statistics


def _statistic(data: list[models.MetricDatumBase], name: str) -> float | None:
    if not data:
        return None
    value = _statistics([name], data[0].timestamp, data).get_statistics_for_type(name)
    return None if value is None else float(value)


def _data_of(query: dict[str, Any], data: list[models.MetricDatumBase]) -> list[models.MetricDatumBase]:
    metric, unit = query["Metric"], query.get("Unit")
    dimensions = {(dimension["Name"], dimension["Value"]) for dimension in metric.get("Dimensions", [])}
    return [
        datum
        for datum in data
        if (datum.namespace, datum.name) == (metric["Namespace"], metric["MetricName"])
        and unit in (None, datum.unit)
        and (not dimensions or {(dimension.name, dimension.value) for dimension in datum.dimensions} == dimensions)
    ]


def _periods(data: list[models.MetricDatumBase], start: Time, period: int) -> dict[Time, list[models.MetricDatumBase]]:
    periods: dict[Time, list[models.MetricDatumBase]] = {}
    length = datetime.timedelta(seconds=period)
    for datum in data:
        periods.setdefault(start + (datum.timestamp - start) // length * length, []).append(datum)
    return periods


def _series(data: list[models.MetricDatumBase], start: Time, period: int, statistic: str) -> dict[Time, float]:
    values = {time: _statistic(period_data, statistic) for time, period_data in _periods(data, start, period).items()}
    return {time: value for time, value in values.items() if value is not None}


def _label(query: dict[str, Any]) -> str:
    statistic = query.get("MetricStat")
    return f"{statistic['Metric']['MetricName']} {statistic['Stat']}" if statistic else str(query["Id"])


def _merge(data: list[models.MetricDatumBase]) -> models.MetricDatumBase:
    datum = data[0]
    # a statistic is None only if there is no data
    minimum, maximum, count, total = (
        _statistic(data, name) or 0.0 for name in ("Minimum", "Maximum", "SampleCount", "Sum")
    )
    dimensions = [{"Name": str(dimension.name), "Value": str(dimension.value)} for dimension in datum.dimensions]
    return models.MetricAggregatedDatum(
        datum.namespace, datum.name, minimum, maximum, count, total, dimensions, datum.timestamp, datum.unit
    )


def _cloudwatch() -> CloudWatch:
    return models.cloudwatch_backends[ACCOUNT][REGION]  # type: ignore[return-value]


def alarm_state(name: str) -> tuple[str, str] | None:
    """Evaluate an alarm and return its state and the reason, or None if it does not exist."""
    backend = _cloudwatch()
    with backend.lock:
        if alarm := backend.alarms.get(name):
            backend.evaluate(alarm, list(backend.metric_data))
        return (alarm.state_value, alarm.state_reason) if alarm else None


def alarm_definition(name: str) -> dict[str, Any] | None:
    """Return the arguments with which `restore_alarms` can recreate an alarm, or None if it does not exist."""
    alarm = _cloudwatch().alarms.get(name)
    if alarm is None:
        return None
    names = inspect.signature(models.CloudWatchBackend.put_metric_alarm).parameters.keys() - {"self", "tags"}
    dimensions = [{"Name": dimension.name, "Value": dimension.value} for dimension in alarm.dimensions]
    return {member: getattr(alarm, member) for member in names} | {"dimensions": dimensions}


def restore_alarms(definitions: Iterable[dict[str, Any]]) -> None:
    """Recreate the alarms of an earlier simulator, except those whose names are already in use."""
    for definition in definitions:
        if definition["name"] not in _cloudwatch().alarms:
            _cloudwatch().put_metric_alarm(**definition)
