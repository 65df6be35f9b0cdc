"""Limits the metrics and logs that are kept: moto keeps all of them in memory, and endpoints keep adding to them.

Metrics get coarser with age and expire, as in CloudWatch. CloudWatch keeps logs forever; here only the newest are kept.
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

from recore.simulator.cloudwatch.evaluation import in_utc, statistic

# from each age on, CloudWatch keeps one value per period of this many seconds
RESOLUTIONS = (
    (datetime.timedelta(days=63), 3600),
    (datetime.timedelta(days=15), 300),
    (datetime.timedelta(hours=3), 60),
)
EXPIRY = datetime.timedelta(days=455)
MAX_DATA = 500_000  # data points, about 300 MB
PUT_DATA = 10_000  # data points between two clean-ups
STREAM = 64 << 20  # bytes of memory for one log stream, more than is kept of a job's output
STREAMS = 512 << 20  # bytes of memory for all log streams
PUT_BYTES = 32 << 20  # bytes of events between two clean-ups
EVENT = 300  # bytes of memory that an event needs in addition to its message
NOT_KEPT = "[earlier events are not kept]"


def install() -> None:
    """Limit the metrics and logs that moto keeps. Called once."""
    CloudWatchBackend.put_metric_data = _bounded(  # type: ignore[method-assign]
        CloudWatchBackend.put_metric_data, PUT_DATA, _count, _age_metrics
    )
    LogsBackend.put_log_events = _bounded(  # type: ignore[method-assign]
        LogsBackend.put_log_events, PUT_BYTES, lambda events: sum(map(_size, events)), _trim_logs
    )


def aged(data: Iterable[MetricDatumBase], now: datetime.datetime) -> list[MetricDatumBase]:
    """Return the metric data that CloudWatch would still have at the time `now`, but at most the newest MAX_DATA.

    now: a naive time in UTC.
    """
    kept: list[MetricDatumBase] = []
    together: dict[tuple[Any, ...], list[MetricDatumBase]] = {}
    for datum in data:
        time = in_utc(datum.timestamp)
        seconds = next((seconds for age, seconds in RESOLUTIONS if now - time >= age), 0)
        if not seconds:
            kept.append(datum)
        elif now - time < EXPIRY:
            period = (time - datetime.datetime.min) // datetime.timedelta(seconds=seconds)
            dimensions = frozenset((dimension.name, dimension.value) for dimension in datum.dimensions)
            key = (datum.namespace, datum.name, dimensions, datum.unit, seconds, period)
            together.setdefault(key, []).append(datum)
    return [*map(_merged, together.values()), *kept][-MAX_DATA:]


def _bounded(
    method: Callable[..., Any], limit: int, measure: Callable[[Any], int], clean: Callable[[Any], None]
) -> Callable[..., Any]:
    """Wrap a backend's method that stores its last argument, so that it cleans up regularly.

    limit: the amount of data between two clean-ups. measure: returns the amount of data in an argument.
    """
    lock, received = threading.Lock(), 0

    @functools.wraps(method)
    def bounded(backend: Any, *arguments: Any) -> Any:
        nonlocal received
        answer = method(backend, *arguments)
        with lock:
            received += measure(arguments[-1])
            if received >= limit:
                received = 0
                clean(backend)
        return answer

    return bounded


def _count(data: list[dict[str, Any]]) -> int:
    """Return how many data points moto stores for a request: a value with a count is stored that many times."""
    return sum(
        int(float(count)) for datum in data for count in datum.get("Counts") or [1] * len(datum.get("Values") or [1])
    )


def _age_metrics(backend: CloudWatchBackend) -> None:
    count = len(backend.metric_data)  # other threads may append data at the same time
    backend.metric_data[:count] = aged(backend.metric_data[:count], utcnow())


def _merged(data: list[MetricDatumBase]) -> MetricDatumBase:
    """Merge the data of a period into one datum, with the time of the first datum."""
    if len(data) == 1:
        return data[0]
    first = data[0]
    # statistics are None only without data
    least, most, count, total = (statistic(data, name) or 0.0 for name in ("Minimum", "Maximum", "SampleCount", "Sum"))
    dimensions = [{"Name": str(dimension.name), "Value": str(dimension.value)} for dimension in first.dimensions]
    return MetricAggregatedDatum(
        first.namespace, first.name, least, most, count, total, dimensions, first.timestamp, first.unit
    )


def _trim_logs(backend: LogsBackend) -> None:
    """Remove the oldest events of each stream that takes too much memory.

    If all streams together take too much, events of the least recently written streams are removed.
    """
    streams = [stream for group in list(backend.groups.values()) for stream in list(group.streams.values())]
    remaining = STREAMS
    for stream in sorted(streams, key=lambda stream: stream.last_ingestion_time or stream.creation_time, reverse=True):
        remaining -= _keep_newest(stream, min(STREAM, remaining))


def _keep_newest(stream: LogStream, limit: int) -> int:
    """Keep the newest events of a stream that fit into `limit` bytes of memory, and return how many bytes they use."""
    size = 0
    for index, event in reversed(list(enumerate(stream.events))):
        size += _size(vars(event))
        if size > limit:
            note = LogEvent(event.ingestion_time, {"timestamp": event.timestamp, "message": NOT_KEPT})
            stream.events[: index + 1] = [note]
            return limit
    return size


def _size(event: dict[str, Any]) -> int:
    """Return how many bytes of memory a log event uses."""
    return EVENT + sys.getsizeof(event["message"])
