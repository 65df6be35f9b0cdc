"""What the platform knows of a job besides its status: its output by CloudWatch Logs, its memory by CloudWatch."""

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

LARGEST = 64 << 20  # characters of a stream that are kept


def write_log(logs: Any, kind: str, job: str, path: Path, lateness: float) -> None:
    """All that a job printed, into a file; where nothing arrived, that. lateness: seconds to wait for its last lines."""
    group = f"/aws/sagemaker/{kind}s"
    path.parent.mkdir(exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        try:
            time.sleep(lateness)
            streams = _streams(logs, group, f"{job}/")
            for stream in streams:
                file.write(f"==> {stream} <==\n" if len(streams) > 1 else "")
                file.writelines(f"{line}\n" for line in _lines(logs, group, stream))
            if not streams:
                file.write(f"[nothing of {job} arrived in {group}]\n")
        except (ClientError, BotoCoreError) as error:
            file.write(f"[the log of {job} cannot be read: {error}]\n")


def peak_memory(cloudwatch: Any, kind: str, job: str, since: datetime.datetime) -> float | None:
    """The highest share of its instance's memory that a job took, in per cent; None where CloudWatch does not tell."""
    metric = {"Namespace": f"/aws/sagemaker/{kind}s", "MetricName": "MemoryUtilization"}
    window = {"StartTime": since - datetime.timedelta(minutes=2), "EndTime": datetime.datetime.now(datetime.UTC)}
    window["EndTime"] += datetime.timedelta(minutes=2)
    try:
        pages = cloudwatch.get_paginator("list_metrics").paginate(**metric, RecentlyActive="PT3H")
        hosts = [found["Dimensions"] for page in pages for found in page["Metrics"]]
        points = [
            point["Maximum"]
            for dimensions in hosts
            if any(dimension["Value"].startswith(f"{job}/") for dimension in dimensions)
            for point in cloudwatch.get_metric_statistics(
                **metric, **window, Dimensions=dimensions, Period=60, Statistics=["Maximum"]
            )["Datapoints"]
        ]
    except (ClientError, BotoCoreError):  # a role that may run jobs need not be allowed to read metrics
        return None
    return max(points, default=None)


def _streams(logs: Any, group: str, prefix: str) -> list[str]:
    try:
        pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix=prefix)
        return sorted(stream["logStreamName"] for page in pages for stream in page["logStreams"])
    except logs.exceptions.ResourceNotFoundException:  # the first job of its kind has not printed yet
        return []


def _lines(logs: Any, group: str, stream: str) -> Iterator[str]:
    """A stream's lines, from the first: pages end where the token stays the same. Too many are cut, and that is said."""
    page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    token, left = None, LARGEST
    while page["nextForwardToken"] != token:
        for event in page["events"]:
            yield event["message"]
            left -= len(event["message"]) + 1
            if left < 0:
                yield f"[the rest of {stream} in {group} is not kept here]"
                return
        token = page["nextForwardToken"]
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, nextToken=token)
