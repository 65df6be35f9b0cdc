"""Fetch a job's output from CloudWatch Logs, and its memory use from CloudWatch."""

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker import interrupts

MAX_LOG_SIZE = 64 << 20  # characters of a stream that are kept
MAX_READS = 12  # maximum number of reads of a log that still grows after its job has ended


def write_log(
    logs: Any,
    kind: str,
    job: str,
    path: Path,
    delay: float,
    to_end: bool = False,
    max_size: int = MAX_LOG_SIZE,
    wait: Callable[[float], None] = interrupts.sleep,
) -> None:
    """Write a job's output to a file, or a message if there is no output.

    delay: seconds to wait for the last lines. to_end: whether to read again until no new lines arrive, so that a
    failure's reason does not depend on timing. max_size: the maximum number of characters of each stream.
    """
    part, size = path.with_suffix(".part"), -1
    for _ in range(MAX_READS if to_end and delay else 1):
        wait(delay)
        is_read = write_streams(logs, f"/aws/sagemaker/{kind}s", f"{job}/", part, max_size)
        if size >= 0 and not is_read:
            part.unlink()  # the previous read is more complete
            return
        part.replace(path)
        if not is_read or path.stat().st_size == size:
            return
        size = path.stat().st_size


def write_streams(logs: Any, group: str, prefix: str, path: Path, max_size: int = MAX_LOG_SIZE) -> bool:
    """Write the streams of a log group whose names begin with `prefix`, or the reason for missing output, to a file.

    Return whether the log could be read. max_size: the maximum number of characters of each stream.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = prefix.rstrip("/")
    with open(path, "w", encoding="utf-8") as file:
        try:
            streams = _streams(logs, group, prefix)
            for stream in streams:
                if len(streams) > 1:
                    file.write(f"==> {stream} <==\n")
                file.writelines(f"{line}\n" for line in _lines(logs, group, stream, max_size))
            if not streams:
                file.write(f"[{group} has no output of {name}]\n")
        except (ClientError, BotoCoreError) as error:
            file.write(f"[the log of {name} could not be read: {error}]\n")
            return False
    return True


def read_utilization(
    cloudwatch: Any, kind: str, job: str, since: datetime.datetime, metric_name: str = "MemoryUtilization"
) -> float | None:
    """Return a job's maximum memory use in % of its instance's memory, or None if CloudWatch has no value.

    metric_name: with "CPUUtilization", return the CPU use in % of one core.
    """
    metric = {"Namespace": f"/aws/sagemaker/{kind}s", "MetricName": metric_name}
    margin = datetime.timedelta(minutes=2)
    window = {"StartTime": since - margin, "EndTime": datetime.datetime.now(datetime.UTC) + margin}
    try:
        pages = cloudwatch.get_paginator("list_metrics").paginate(**metric, RecentlyActive="PT3H")
        hosts = [listed["Dimensions"] for page in pages for listed in page["Metrics"]]
        points = [
            point["Maximum"]
            for dimensions in hosts
            if any(dimension["Value"].startswith(f"{job}/") for dimension in dimensions)
            for point in cloudwatch.get_metric_statistics(
                **metric, **window, Dimensions=dimensions, Period=60, Statistics=["Maximum"]
            )["Datapoints"]
        ]
    except (ClientError, BotoCoreError):  # a role that may run jobs is not always allowed to read metrics
        return None
    return max(points, default=None)


def _streams(logs: Any, group: str, prefix: str) -> list[str]:
    try:
        pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix=prefix)
        return sorted(stream["logStreamName"] for page in pages for stream in page["logStreams"])
    except logs.exceptions.ResourceNotFoundException:  # no job of this kind has printed anything yet
        return []


def _lines(logs: Any, group: str, stream: str, max_size: int) -> Iterator[str]:
    """Yield a stream's lines. If there are too many, yield only its beginning and end, each up to half of max_size."""
    remaining, latest = max_size // 2, 0
    for event in _events(logs, group, stream, from_start=True):
        if remaining < 0 and event["timestamp"] > latest:
            break
        yield event["message"]
        remaining, latest = remaining - len(event["message"]) - 1, event["timestamp"]
    else:
        return
    end: list[str] = []
    remaining = max_size // 2
    for event in _events(logs, group, stream, from_start=False):
        if event["timestamp"] <= latest:
            break
        if remaining < 0:
            yield f"[lines omitted here; the complete log is {stream} in {group}]"
            break
        end.append(event["message"])
        remaining -= len(event["message"]) + 1
    yield from reversed(end)


def _events(logs: Any, group: str, stream: str, from_start: bool) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream, page by page; a repeated token marks the end."""
    request = {"logGroupName": group, "logStreamName": stream, "startFromHead": from_start}
    name = "nextForwardToken" if from_start else "nextBackwardToken"
    page, token = logs.get_log_events(**request), None
    while page[name] != token:
        yield from page["events"] if from_start else reversed(page["events"])
        token = page[name]
        page = logs.get_log_events(**request, nextToken=token)
