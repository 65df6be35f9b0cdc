"""AWS's other services: moto, with what it lacks. This is the only module that imports moto.

`install` changes moto when the simulator starts. CloudWatch and Logs are subclasses of moto's backends, put into its
registries. For the rest moto has no hook, so `install` replaces names in its modules: the sessions that look up regions
and services, the class of the mapping from a bucket's keys to its objects, and the files with objects' contents.

All this leans on moto's inside, which any release may change, so `test_private_parts.py` pins the version.
"""

import contextlib
import datetime
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import moto.core.base_backend
import moto.core.utils
import moto.s3.models
from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import (
    Alarm,
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatumBase,
    Statistics,
    cloudwatch_backends,
)
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.core.utils import utcnow
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend, logs_backends
from moto.logs.responses import LogsResponse
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeKey, s3_backends
from moto.s3.utils import _VersionedKeyStore

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.protocol.session import simulator_botocore_session, simulator_session
from stagemaker.services import alarm_requests, alarm_states, retention, s3_changes
from stagemaker.services.s3_contents import Content

# the key of the WSGI environment under which moto expects the original names of headers with an underscore
UNDERSCORED_NAMES = PRESERVED_HEADER_NAMES_ENVIRON_KEY
ALARM_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")
CHECKSUM_ATTRIBUTES = ("checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts")


def install() -> None:
    """Change moto, for the rest of this process. Calling this again changes nothing."""
    # moto's sessions would fail if the user's configuration were invalid
    moto.core.base_backend.Session = simulator_session  # type: ignore[attr-defined]
    moto.core.utils.Session = simulator_botocore_session  # type: ignore[attr-defined]
    moto.s3.models._VersionedKeyStore = WatchedKeys  # type: ignore[attr-defined]
    moto.s3.models.tempfile = SimpleNamespace(SpooledTemporaryFile=Content)  # type: ignore[attr-defined, assignment]
    cloudwatch_backends.backend = CloudWatch
    logs_backends.backend = Logs


def reset() -> None:
    """Delete everything that the services have stored."""
    moto_api_backend.reset()


class Dispatcher(DomainDispatcherApplication):
    """moto's WSGI application for all services."""

    def __init__(self) -> None:
        super().__init__(_create_application)
        # without this cache, moto would list its folder of services for each request, and requests for small objects
        # would take twice as long
        self.get_backend_for_host = lru_cache(1000)(super().get_backend_for_host)  # type: ignore[method-assign]


def _create_application(service: Any) -> Any:
    """Create moto's application for a service, without Flask's debug mode, which keeps past requests in memory.

    Errors are still raised, as in debug mode.
    """
    application = create_backend_app(service)
    application.config |= {"DEBUG": False, "PROPAGATE_EXCEPTIONS": True}
    return application


class CloudWatch(CloudWatchBackend):
    """Alarms are evaluated whenever their state is read, requests are checked, and old metrics get coarser."""

    __module__ = CloudWatchBackend.__module__  # next to which moto looks for the URLs of the service

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._lock = threading.RLock()  # of the alarms' states and the next two attributes
        self._held_until: dict[str, datetime.datetime] = {}  # by alarm: when a state that was set by request ends
        self._new_data_points = 0  # since the last clean-up

    def put_metric_alarm(self, **members: Any) -> Alarm:  # type: ignore[override]
        """Create or update an alarm. An update keeps its state."""
        if problem := alarm_requests.find_problem(members):
            raise ValidationError(problem)
        name = members["name"]
        with self._lock:
            old_alarm = self.alarms.get(name)
            alarm = super().put_metric_alarm(**members)
            if old_alarm is None:
                alarm.state_value = "INSUFFICIENT_DATA"  # CloudWatch's first state; moto's is OK
                self._held_until.pop(name, None)
            else:
                vars(alarm).update({attribute: getattr(old_alarm, attribute) for attribute in ALARM_STATE})
            return alarm

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        """Set a state that lasts until CloudWatch would evaluate the alarm again."""
        with self._lock:
            alarm = self.alarms.get(alarm_name)
            super().set_alarm_state(alarm_name, reason, reason_data, state_value)  # fails if there is no alarm
            interval = 10 if alarm and alarm.period in alarm_requests.HIGH_RESOLUTION else 60
            self._held_until[alarm_name] = utcnow() + datetime.timedelta(seconds=interval)

    def describe_alarms(self) -> Iterable[Alarm]:
        return self._evaluate_and_find(super().describe_alarms)

    def get_alarms_by_action_prefix(self, action_prefix: str) -> Iterable[Alarm]:
        return self._evaluate_and_find(super().get_alarms_by_action_prefix, action_prefix)

    def get_alarms_by_alarm_name_prefix(self, name_prefix: str) -> Iterable[Alarm]:
        return self._evaluate_and_find(super().get_alarms_by_alarm_name_prefix, name_prefix)

    def get_alarms_by_alarm_names(self, alarm_names: list[str]) -> Iterable[Alarm]:
        return self._evaluate_and_find(super().get_alarms_by_alarm_names, alarm_names)

    def get_alarms_by_state_value(self, target_state: str) -> Iterable[Alarm]:
        return self._evaluate_and_find(super().get_alarms_by_state_value, target_state)

    def state_of(self, name: str) -> tuple[str, str] | None:
        """Evaluate an alarm and return its state and the reason, or None if it does not exist."""
        with self._lock:
            alarm = self.alarms.get(name)
            if alarm is None:
                return None
            self._evaluate(alarm, list(self.metric_data))
            return alarm.state_value, alarm.state_reason

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        if problem := retention.find_problem(metric_data):
            raise ValidationError(problem)
        super().put_metric_data(namespace, metric_data)
        with self._lock:
            self._new_data_points += retention.count_data_points(metric_data)
            if self._new_data_points >= retention.CLEANUP_DATA_POINTS:
                self._new_data_points = 0
                count = len(self.metric_data)  # other threads may append data at the same time
                self.metric_data[:count] = retention.age_data(self.metric_data[:count], utcnow(), _merge)

    def _evaluate_and_find(self, find: Callable[..., Iterable[Alarm]], *arguments: Any) -> Iterable[Alarm]:
        with self._lock:
            data = list(self.metric_data)
            for alarm in list(self.alarms.values()):
                self._evaluate(alarm, data)
            return list(find(*arguments))

    def _evaluate(self, alarm: Alarm, data: Iterable[MetricDatumBase]) -> None:
        now = utcnow()
        if alarm_states.unsimulated_feature(vars(alarm)) or now < self._held_until.get(alarm.name, now):
            return
        points = [_statistic(period, alarm.statistic) for period in alarm_states.data_by_period(data, alarm, now)]
        change = alarm_states.changed_state(alarm, points)
        if change:
            state, reason = change
            alarm.update_state(reason, "{}", state)


def _statistic(data: list[MetricDatumBase], name: str) -> float | None:
    """Return a statistic of metric data, such as Sum, or None if there is no data."""
    if not data:
        return None
    statistics = Statistics([name], data[0].timestamp)
    statistics.metric_data = data
    value = statistics.get_statistics_for_type(name)
    return None if value is None else float(value)


def _merge(data: list[MetricDatumBase]) -> MetricDatumBase:
    """Merge the data of a period into one datum, with the time of the first datum."""
    first = data[0]
    # a statistic is None only if there is no data
    minimum, maximum, count, total = (
        _statistic(data, name) or 0.0 for name in ("Minimum", "Maximum", "SampleCount", "Sum")
    )
    dimensions = [{"Name": str(dimension.name), "Value": str(dimension.value)} for dimension in first.dimensions]
    return MetricAggregatedDatum(
        first.namespace, first.name, minimum, maximum, count, total, dimensions, first.timestamp, first.unit
    )


def _cloudwatch() -> CloudWatch:
    """Return the service in the simulator's account and region, after `install`."""
    return cloudwatch_backends[ACCOUNT][REGION]  # type: ignore[return-value]


def alarm_state(name: str) -> tuple[str, str] | None:
    """Evaluate an alarm and return its state and the reason, or None if it does not exist."""
    return _cloudwatch().state_of(name)


def alarm_definition(name: str) -> dict[str, Any] | None:
    """Return the arguments with which `restore_alarms` can recreate an alarm, or None if it does not exist."""
    alarm = _cloudwatch().alarms.get(name)
    if alarm is None:
        return None
    names = inspect.signature(CloudWatchBackend.put_metric_alarm).parameters.keys() - {"self", "tags"}
    dimensions = [{"Name": dimension.name, "Value": dimension.value} for dimension in alarm.dimensions]
    return {member: getattr(alarm, member) for member in names} | {"dimensions": dimensions}


def restore_alarms(definitions: Iterable[dict[str, Any]]) -> None:
    """Recreate the alarms of an earlier simulator, except those whose names are already in use."""
    for definition in definitions:
        if definition["name"] not in _cloudwatch().alarms:
            _cloudwatch().put_metric_alarm(**definition)


class Logs(LogsBackend):
    """Only the newest log events are kept, and FilterLogEvents respects logStreamNamePrefix."""

    def __init__(self, region_name: str, account_id: str):
        super().__init__(region_name, account_id)
        self._lock = threading.Lock()
        self._new_bytes = 0  # since the last clean-up

    @property
    def url_paths(self) -> Any:
        return {"/$": LogsResponses.dispatch}

    def put_log_events(self, log_group_name: str, log_stream_name: str, log_events: list[dict[str, Any]]) -> Any:
        result = super().put_log_events(log_group_name, log_stream_name, log_events)
        with self._lock:
            self._new_bytes += sum(retention.event_size(event["message"]) for event in log_events)
            if self._new_bytes >= retention.CLEANUP_BYTES:
                self._new_bytes = 0
                groups = list(self.groups.values())
                retention.trim_streams([stream for group in groups for stream in list(group.streams.values())])
        return result


class LogsResponses(LogsResponse):
    """moto's operations of CloudWatch Logs. One object handles one request."""

    _matching_streams: list[str] | None = None

    def filter_log_events(self) -> str:
        """Replace the prefix, which moto ignores, with the names of matching streams."""
        prefix = self._get_param("logStreamNamePrefix")
        if prefix is not None:
            if self._get_param("logStreamNames"):
                constraint = "A request can have either logStreamNames or logStreamNamePrefix, not both"
                raise InvalidParameterException(constraint=constraint, parameter="logStreamNamePrefix", value=prefix)
            group = self.logs_backend.groups.get(self._get_param("logGroupName"))
            names = [name for name in (group.streams if group else ()) if name.startswith(prefix)]
            # an empty list would select all streams; the prefix itself is not the name of a stream
            self._matching_streams = names or [prefix]
        return super().filter_log_events()

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        if param_name == "logStreamNames" and self._matching_streams:
            return self._matching_streams
        return super()._get_param(param_name, if_none)


class WatchedKeys(_VersionedKeyStore):
    """moto's mapping from a bucket's keys to its objects, whose changes are noted."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        s3_changes.note(self, key)

    def setlist(self, key: str, list_: Any) -> None:
        super().setlist(key, list_)
        s3_changes.note(self, key)

    def pop(self, key: str) -> None:  # type: ignore[override]
        super().pop(key)
        s3_changes.note(self, key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        s3_changes.note(self, key)


def s3_buckets() -> dict[str, Any]:
    """Return all of moto's buckets by name. Names are unique across accounts."""
    backends = [backend for account in list(s3_backends.values()) for backend in list(account.values())]
    return {name: bucket for backend in backends for name, bucket in backend.buckets.copy().items()}


def make_s3_bucket(name: str, account: str, partition: str, region: str) -> Any:
    """Return a bucket, which is created if it does not exist."""
    backend = s3_backends[account][partition]
    return backend.buckets[name] if name in backend.buckets else backend.create_bucket(name, region)


def read_s3_object(bucket: str, key: str) -> tuple[bytes, dict[str, Any]] | None:
    """Return an object's content and attributes, or None if it does not exist. Other requests may replace it meanwhile.

    Raises OSError if the content cannot be read.
    """
    for _ in range(1000):
        moto_bucket = s3_buckets().get(bucket)
        moto_object = moto_bucket.keys.get(key) if moto_bucket else None
        if not isinstance(moto_object, FakeKey):  # the key does not exist or is a delete marker
            return None
        with contextlib.suppress(ValueError):  # moto closes the content before it replaces or removes the object
            return moto_object.value, {
                "metadata": dict(moto_object.metadata),
                "storage": moto_object.storage_class,
                "etag": moto_object._etag,  # None if moto has not computed it yet, which another thread may be doing
                "time": moto_object.last_modified,
                "checksum": {name: getattr(moto_object, name) for name in CHECKSUM_ATTRIBUTES},
            }
        time.sleep(0.001)
    raise OSError(f"s3://{bucket}/{key}: the content could not be read from moto: upload the object again")


def put_s3_object(bucket: Any, key: str, value: bytes, attributes: Mapping[str, Any]) -> None:
    """Put an object that `read_s3_object` has returned into one of moto's buckets."""
    moto_object = s3_backends[bucket.account_id][bucket.partition].put_object(
        bucket.name, key, value, storage=attributes["storage"], etag=attributes["etag"], disable_notification=True
    )
    moto_object.set_metadata(attributes["metadata"])
    moto_object.last_modified = attributes["time"]
    for name, checksum in attributes["checksum"].items():
        setattr(moto_object, name, checksum)
