"""How long metrics and logs are kept: moto keeps all of them in memory, and endpoints add to them without end.

Metrics get coarser with age and expire, as CloudWatch's do. CloudWatch keeps logs for ever; here the newest are kept.
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

from recore.simulator.cloudwatch.data_points import in_utc

# from which age on CloudWatch has one value for so many seconds
RESOLUTIONS = (
    (datetime.timedelta(days=63), 3600),
    (datetime.timedelta(days=15), 300),
    (datetime.timedelta(hours=3), 60),
)
EXPIRY = datetime.timedelta(days=455)
MOST_DATA = 500_000  # some 300 MB
PUT_DATA = 10_000  # data between two looks
STREAM = 64 << 20  # bytes of memory for one log stream: more than the output that is kept of a job
STREAMS = 512 << 20  # for all
PUT_BYTES = 32 << 20  # bytes between two looks
EVENT = 300  # bytes of memory that an event takes beside its message
NOT_KEPT = "[earlier events are not kept]"


def install() -> None:
    """Have moto keep no more than that. Called once."""
    CloudWatchBackend.put_metric_data = _bounded(  # type: ignore[method-assign]
        CloudWatchBackend.put_metric_data, PUT_DATA, _count, _age_metrics
    )
    LogsBackend.put_log_events = _bounded(  # type: ignore[method-assign]
        LogsBackend.put_log_events, PUT_BYTES, lambda events: sum(map(_size, events)), _trim_logs
    )


def aged(data: Iterable[MetricDatumBase], now: datetime.datetime) -> list[MetricDatumBase]:
    """Metric data as CloudWatch still has them at a time, in UTC without a time zone; the newest of too many."""
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
    return [*map(_merged, together.values()), *kept][-MOST_DATA:]


def trim(streams: Iterable[LogStream]) -> None:
    """Remove the oldest events of a stream that takes too much memory; of all, those of streams unused for longest."""
    left = STREAMS
    for stream in sorted(streams, key=lambda stream: stream.last_ingestion_time or stream.creation_time, reverse=True):
        left -= _keep_newest(stream, min(STREAM, left))


def _bounded(
    method: Callable[..., Any], limit: int, measure: Callable[[Any], int], clean: Callable[[Any], None]
) -> Callable[..., Any]:
    """A method by which a backend of moto's takes data, its last argument, that cleans up now and then.

    limit: how much is taken between two times.
    """
    lock, taken = threading.Lock(), 0

    @functools.wraps(method)
    def bounded(backend: Any, *arguments: Any) -> Any:
        nonlocal taken
        answer = method(backend, *arguments)
        with lock:
            taken += measure(arguments[-1])
            if taken >= limit:
                taken = 0
                clean(backend)
        return answer

    return bounded


def _count(data: list[dict[str, Any]]) -> int:
    """How many data moto makes of those of a request: a value with a count becomes so many."""
    return sum(
        int(float(count)) for datum in data for count in datum.get("Counts") or [1] * len(datum.get("Values") or [1])
    )


def _age_metrics(backend: CloudWatchBackend) -> None:
    count = len(backend.metric_data)  # other threads append meanwhile
    backend.metric_data[:count] = aged(backend.metric_data[:count], utcnow())


def _merged(data: list[MetricDatumBase]) -> MetricDatumBase:
    """One datum for several of a period, at the time of the first."""
    if len(data) == 1:
        return data[0]
    sets = [_statistics(datum) for datum in data]
    return MetricAggregatedDatum(
        namespace=data[0].namespace,
        name=data[0].name,
        min_stat=min(least for least, _, _, _ in sets),
        max_stat=max(most for _, most, _, _ in sets),
        sample_count=sum(count for _, _, count, _ in sets),
        sum_stat=sum(total for _, _, _, total in sets),
        dimensions=[{"Name": str(dimension.name), "Value": str(dimension.value)} for dimension in data[0].dimensions],
        timestamp=data[0].timestamp,
        unit=data[0].unit,
    )


def _statistics(datum: MetricDatumBase) -> tuple[float, float, float, float]:
    """The least, the most, the number and the sum of a datum's values."""
    if isinstance(datum, MetricAggregatedDatum):
        return datum.min, datum.max, datum.sample_count, datum.sum
    value: float = datum.value  # type: ignore[attr-defined]
    return value, value, 1, value


def _trim_logs(backend: LogsBackend) -> None:
    trim([stream for group in list(backend.groups.values()) for stream in list(group.streams.values())])


def _keep_newest(stream: LogStream, most: int) -> int:
    """Keep as many events of a stream as fit into so many bytes of memory; returns how many bytes they take."""
    size = 0
    for place, event in reversed(list(enumerate(stream.events))):
        size += _size(vars(event))
        if size > most:
            note = LogEvent(event.ingestion_time, {"timestamp": event.timestamp, "message": NOT_KEPT})
            stream.events[: place + 1] = [note]
            return most
    return size


def _size(event: dict[str, Any]) -> int:
    """Bytes of memory that an event of a log takes."""
    return EVENT + sys.getsizeof(event["message"])
