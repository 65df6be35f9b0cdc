"""Limits the metrics and logs that are kept: moto keeps them all in memory, and endpoints keep adding more.

Metrics get coarser with age and expire, as in CloudWatch. CloudWatch keeps logs forever; here, only the newest log
events are kept.
"""

import datetime
import functools
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend, MetricAggregatedDatum, MetricDatumBase
from moto.core.utils import utcnow
from moto.logs.models import LogEvent, LogsBackend, LogStream

from stagemaker.cloudwatch.evaluation import statistic, to_naive_utc

# (age, seconds): for data of at least this age, CloudWatch keeps one value per period of this many seconds
RESOLUTIONS = (
    (datetime.timedelta(days=63), 3600),
    (datetime.timedelta(days=15), 300),
    (datetime.timedelta(hours=3), 60),
)
EXPIRY = datetime.timedelta(days=455)
MAX_DATA_POINTS = 500_000  # about 300 MB
CLEANUP_DATA_POINTS = 10_000  # between two clean-ups
MAX_STREAM_BYTES = 64 << 20  # of memory for one log stream; more than a job's kept output needs
MAX_TOTAL_BYTES = 512 << 20  # of memory for all log streams
CLEANUP_BYTES = 32 << 20  # of events between two clean-ups
EVENT_OVERHEAD = 300  # bytes of memory that an event uses in addition to its message
TRIM_NOTE = "[earlier events are not kept]"


def install() -> None:
    """Limit the metrics and logs that moto keeps. Called once."""
    CloudWatchBackend.put_metric_data = _with_cleanup(  # type: ignore[method-assign]
        CloudWatchBackend.put_metric_data, CLEANUP_DATA_POINTS, _count, _age_metrics
    )
    LogsBackend.put_log_events = _with_cleanup(  # type: ignore[method-assign]
        LogsBackend.put_log_events, CLEANUP_BYTES, lambda events: sum(map(_size, events)), _trim_logs
    )


def age_data(data: Iterable[MetricDatumBase], now: datetime.datetime) -> list[MetricDatumBase]:
    """Return the metric data that CloudWatch would still have at the time `now`, at most the newest MAX_DATA_POINTS.

    now: a naive time in UTC.
    """
    recent_data: list[MetricDatumBase] = []
    data_by_period: dict[tuple[Any, ...], list[MetricDatumBase]] = {}
    for datum in data:
        time = to_naive_utc(datum.timestamp)
        seconds = next((seconds for age, seconds in RESOLUTIONS if now - time >= age), 0)
        if not seconds:
            recent_data.append(datum)
        elif now - time < EXPIRY:
            period = (time - datetime.datetime.min) // datetime.timedelta(seconds=seconds)
            dimensions = frozenset((dimension.name, dimension.value) for dimension in datum.dimensions)
            key = (datum.namespace, datum.name, dimensions, datum.unit, seconds, period)
            data_by_period.setdefault(key, []).append(datum)
    return [*map(_merge, data_by_period.values()), *recent_data][-MAX_DATA_POINTS:]


def _with_cleanup(
    method: Callable[..., Any], limit: int, measure: Callable[[Any], int], clean_up: Callable[[Any], None]
) -> Callable[..., Any]:
    """Wrap a backend method that stores its last argument, so that old data is removed regularly.

    limit: the amount of data between two clean-ups. measure: returns the amount of data in an argument. clean_up:
    removes old data from the backend.
    """
    lock, stored_amount = threading.Lock(), 0

    @functools.wraps(method)
    def store_and_clean(backend: Any, *arguments: Any) -> Any:
        nonlocal stored_amount
        result = method(backend, *arguments)
        with lock:
            stored_amount += measure(arguments[-1])
            if stored_amount >= limit:
                stored_amount = 0
                clean_up(backend)
        return result

    return store_and_clean


def _count(data: list[dict[str, Any]]) -> int:
    """Return how many data points moto stores for a request: a value with a count is stored that many times."""
    return sum(
        int(float(count)) for datum in data for count in datum.get("Counts") or [1] * len(datum.get("Values") or [1])
    )


def _age_metrics(backend: CloudWatchBackend) -> None:
    count = len(backend.metric_data)  # other threads may append data at the same time
    backend.metric_data[:count] = age_data(backend.metric_data[:count], utcnow())


def _merge(data: list[MetricDatumBase]) -> MetricDatumBase:
    """Merge the data of a period into one datum, with the time of the first datum."""
    if len(data) == 1:
        return data[0]
    first = data[0]
    # a statistic is None only if there is no data
    minimum, maximum, count, total = (
        statistic(data, name) or 0.0 for name in ("Minimum", "Maximum", "SampleCount", "Sum")
    )
    dimensions = [{"Name": str(dimension.name), "Value": str(dimension.value)} for dimension in first.dimensions]
    return MetricAggregatedDatum(
        first.namespace, first.name, minimum, maximum, count, total, dimensions, first.timestamp, first.unit
    )


def _trim_logs(backend: LogsBackend) -> None:
    """Remove the oldest events of each stream that takes too much memory.

    If all streams together take too much, events of the least recently written streams are removed.
    """
    streams = [stream for group in list(backend.groups.values()) for stream in list(group.streams.values())]
    remaining_bytes = MAX_TOTAL_BYTES
    for stream in sorted(streams, key=lambda stream: stream.last_ingestion_time or stream.creation_time, reverse=True):
        remaining_bytes -= _keep_newest(stream, min(MAX_STREAM_BYTES, remaining_bytes))


def _keep_newest(stream: LogStream, limit: int) -> int:
    """Keep the newest events that fit into `limit` bytes. Returns how many they use, or `limit` if any were removed."""
    size = 0
    for index, event in reversed(list(enumerate(stream.events))):
        size += _size(vars(event))
        if size > limit:
            note = LogEvent(event.ingestion_time, {"timestamp": event.timestamp, "message": TRIM_NOTE})
            stream.events[: index + 1] = [note]
            return limit
    return size


def _size(event: dict[str, Any]) -> int:
    """Return how many bytes of memory a log event uses."""
    return EVENT_OVERHEAD + sys.getsizeof(event["message"])
