"""Evaluation of CloudWatch alarms: moto stores alarms but never compares their metrics with their thresholds.

An alarm is evaluated whenever a request or an endpoint update reads its state.
"""

import datetime
import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import moto.cloudwatch.models
from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend, MetricDatumBase, cloudwatch_backends
from moto.core.utils import utcnow

from stagemaker.cloudwatch.evaluation import alarm_state, data_points
from stagemaker.cloudwatch.validation import HIGH_RESOLUTION, check
from stagemaker.protocol.account import ACCOUNT, REGION

ALARM_METHODS = (  # methods of moto's backend that return alarms
    "describe_alarms",
    "get_alarms_by_action_prefix",
    "get_alarms_by_alarm_name_prefix",
    "get_alarms_by_alarm_names",
    "get_alarms_by_state_value",
)
MAX_TOTAL_COUNT = 100_000  # maximum sum of the counts in one request


@dataclass(frozen=True)
class AlarmState:
    value: str
    reason: str


class Alarm(moto.cloudwatch.models.Alarm):
    """A moto alarm that can be evaluated. Thread-safe.

    The class has the same name as moto's class, because moto's responses depend on that name.
    """

    def __init__(self, *arguments: Any, **members: Any):
        super().__init__(*arguments, **members)
        self.state_value = "INSUFFICIENT_DATA"  # CloudWatch's first state; moto's is OK
        self._held_until = datetime.datetime.min
        self._lock = threading.Lock()

    def update_state(self, reason: str, reason_data: str, state_value: str) -> None:
        """Set the state, as SetAlarmState does. The state lasts until CloudWatch would evaluate the alarm again."""
        with self._lock:
            super().update_state(reason, reason_data, state_value)
            interval = 10 if self.period in HIGH_RESOLUTION else 60
            self._held_until = self.state_updated_timestamp + datetime.timedelta(seconds=interval)

    def evaluate(self, data: Iterable[MetricDatumBase]) -> AlarmState:
        """Compare the metric with the threshold and return the resulting state."""
        with self._lock:
            if not self.unsimulated_feature() and utcnow() >= self._held_until:
                self._compare(data)
            return AlarmState(self.state_value, self.state_reason)

    def copy_state_from(self, old_alarm: "Alarm") -> None:
        """Copy the state of the alarm that this one replaces."""
        with old_alarm._lock:
            self.state_value, self.state_updated_timestamp = old_alarm.state_value, old_alarm.state_updated_timestamp
            self.state_reason, self.state_reason_data = old_alarm.state_reason, old_alarm.state_reason_data
            self.history, self._held_until = old_alarm.history, old_alarm._held_until

    def unsimulated_feature(self) -> str:
        """Return the feature that prevents the alarm's evaluation because it is not simulated, or an empty string."""
        if self.rule is not None:
            return "a composite alarm"
        if self.metric_data_queries:
            return "Metrics"
        if self.threshold_metric_id is not None:
            return "ThresholdMetricId"
        return "ExtendedStatistic" if self.extended_statistic else ""

    def definition(self) -> dict[str, Any]:
        """Return the arguments with which `restore` can recreate the alarm."""
        names = inspect.signature(CloudWatchBackend.put_metric_alarm).parameters.keys() - {"self", "tags"}
        members = {name: getattr(self, name) for name in names}
        dimensions = [{"Name": dimension.name, "Value": dimension.value} for dimension in self.dimensions]
        return members | {"dimensions": dimensions}

    def _compare(self, data: Iterable[MetricDatumBase]) -> None:
        points, periods = data_points(data, self, utcnow()), self.evaluation_periods
        datapoints_to_alarm, treatment = self.datapoints_to_alarm or periods, self.treat_missing_data or "missing"
        limits = {"periods": periods, "datapoints_to_alarm": datapoints_to_alarm}
        state = alarm_state(points, self.comparison_operator, self.threshold, **limits, treatment=treatment)
        if state is not None and state != self.state_value:
            values = ", ".join("missing" if value is None else f"{value:g}" for value in points[-10:])
            reason = (
                f"The alarm's condition is {self.comparison_operator} {self.threshold:g} for {datapoints_to_alarm} of "
                f"{periods} data points. The last values of {self.metric_name}, oldest first: {values}"
            )
            super().update_state(reason, "{}", state)


def install() -> None:
    """Make moto create and evaluate alarms of this module's class. Called once, before any alarm exists."""
    moto.cloudwatch.models.Alarm = Alarm  # type: ignore[misc]
    for name in ALARM_METHODS:
        setattr(CloudWatchBackend, name, _with_evaluation(getattr(CloudWatchBackend, name)))
    CloudWatchBackend.put_metric_alarm = _with_check(CloudWatchBackend.put_metric_alarm)  # type: ignore[method-assign]
    put_metric_data = _with_count_limit(CloudWatchBackend.put_metric_data)
    CloudWatchBackend.put_metric_data = put_metric_data  # type: ignore[method-assign]


def find(name: str) -> Alarm | None:
    """Return the alarm with this name, or None."""
    alarm = _backend().alarms.get(name)
    return alarm if isinstance(alarm, Alarm) else None


def state_of(name: str) -> AlarmState | None:
    """Evaluate an alarm and return its state, or None if it does not exist."""
    alarm = find(name)
    return alarm.evaluate(list(_backend().metric_data)) if alarm else None


def restore(definitions: Iterable[dict[str, Any]]) -> None:
    """Recreate the alarms of an earlier simulator, except those whose names are already in use."""
    for definition in definitions:
        if find(definition["name"]) is None:
            _backend().put_metric_alarm(**definition)


def _backend() -> CloudWatchBackend:
    return cloudwatch_backends[ACCOUNT][REGION]


def _with_evaluation(method: Callable[..., Iterable[Any]]) -> Callable[..., Iterable[Any]]:
    """Wrap a method of moto's backend that returns alarms, so that it evaluates all alarms first."""

    @functools.wraps(method)
    def evaluate_and_call(backend: CloudWatchBackend, *arguments: Any) -> Iterable[Any]:
        data = list(backend.metric_data)
        for alarm in list(backend.alarms.values()):
            if isinstance(alarm, Alarm):
                alarm.evaluate(data)
        return list(method(backend, *arguments))

    return evaluate_and_call


def _with_check(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap moto's put_metric_alarm, so that it checks the request and keeps the state of an alarm that it replaces."""

    @functools.wraps(method)
    def put(backend: CloudWatchBackend, **members: Any) -> Any:
        check(members)
        old_alarm = backend.alarms.get(members["name"])
        alarm = method(backend, **members)
        if isinstance(old_alarm, Alarm) and isinstance(alarm, Alarm):
            alarm.copy_state_from(old_alarm)
        return alarm

    return put


def _with_count_limit(method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap moto's put_metric_data to reject large counts, because moto stores a value as often as its count says."""

    @functools.wraps(method)
    def put(backend: CloudWatchBackend, namespace: str, metric_data: list[dict[str, Any]]) -> Any:
        total = sum(float(count) for datum in metric_data for count in datum.get("Counts") or [])
        if not total <= MAX_TOTAL_COUNT:  # also true for NaN
            raise ValidationError(f"Counts that add up to more than {MAX_TOTAL_COUNT:,} are not simulated")
        return method(backend, namespace, metric_data)

    return put
