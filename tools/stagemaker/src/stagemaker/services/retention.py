"""Limit the memory that metrics and logs use; moto would keep all of them.

Metrics get coarser with age and expire, as in CloudWatch. Unlike in CloudWatch, only the newest log events are kept.
"""

import copy
import datetime
import sys
from collections.abc import Callable, Iterable
from typing import Any

from stagemaker.services.alarms import to_naive_utc

# (age, seconds): for data of at least this age, CloudWatch keeps one value per period of this many seconds
RESOLUTIONS = (
    (datetime.timedelta(days=63), 3600),
    (datetime.timedelta(days=15), 300),
    (datetime.timedelta(hours=3), 60),
)
EXPIRY = datetime.timedelta(days=455)
MAX_DATA_POINTS = 500_000  # about 300 MB
MAX_TOTAL_COUNT = 100_000  # maximum sum of the counts in one request
CLEANUP_DATA_POINTS = 10_000  # new data points that trigger a clean-up
MAX_STREAM_BYTES = 64 << 20  # memory for one log stream; more than a job's kept output needs
MAX_TOTAL_BYTES = 512 << 20  # memory for all log streams
CLEANUP_BYTES = 32 << 20  # new bytes of events that trigger a clean-up
EVENT_OVERHEAD = 300  # bytes of memory that an event uses in addition to its message
TRIM_NOTE = "[earlier events were discarded]"


def age_data(
    data: Iterable[Any], now: datetime.datetime, merge: Callable[[list[Any]], Any], limit: int = MAX_DATA_POINTS
) -> list[Any]:
    """Return the metric data that CloudWatch would still have at the time `now`, at most the newest `limit`.

    data: moto's objects. now: a naive time in UTC. merge: merges the data of a period into one datum.
    """
    recent_data: list[Any] = []
    data_by_period: dict[tuple[Any, ...], list[Any]] = {}
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
    old_data = [merge(period) if len(period) > 1 else period[0] for period in data_by_period.values()]
    return [*old_data, *recent_data][-limit:]


def find_problem(data: Iterable[dict[str, Any]]) -> str | None:
    """Return why metric data is rejected, or None. Counts are limited: moto stores each value that many times."""
    total = sum(float(count) for datum in data for count in datum.get("Counts") or [])
    is_allowed = total <= MAX_TOTAL_COUNT  # not for NaN
    return None if is_allowed else f"Counts that add up to more than {MAX_TOTAL_COUNT:,} are not simulated"


def count_data_points(data: Iterable[dict[str, Any]]) -> int:
    """Return how many data points moto stores for the metric data of a request."""
    return sum(
        int(float(count)) for datum in data for count in datum.get("Counts") or [1] * len(datum.get("Values") or [1])
    )


def trim_streams(
    streams: Iterable[Any], stream_bytes: int = MAX_STREAM_BYTES, total_bytes: int = MAX_TOTAL_BYTES
) -> None:
    """Remove the oldest events of each moto log stream that uses too much memory.

    If all streams together use too much, events of the least recently written streams are removed.
    """
    remaining_bytes = total_bytes
    for stream in sorted(streams, key=lambda stream: stream.last_ingestion_time or stream.creation_time, reverse=True):
        remaining_bytes -= _keep_newest(stream, min(stream_bytes, remaining_bytes))


def event_size(message: str) -> int:
    return EVENT_OVERHEAD + sys.getsizeof(message)


def _keep_newest(stream: Any, limit: int) -> int:
    """Keep the newest events that fit into `limit` bytes. Return their size, or `limit` if any were removed."""
    size = 0
    for index, event in reversed(list(enumerate(stream.events))):
        size += event_size(event.message)
        if size > limit:
            note = copy.copy(event)
            note.message = TRIM_NOTE
            stream.events[: index + 1] = [note]
            return limit
    return size
