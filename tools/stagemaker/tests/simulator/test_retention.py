"""How long metrics and logs are kept, as seen through boto3."""

import datetime
import re
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from moto.logs.models import LogStream
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.services import retention

STATISTICS = ["SampleCount", "Sum", "Minimum", "Maximum"]
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class Metric:
    def __init__(self, client: Client):
        self.cloudwatch = client.simulator.client("cloudwatch")
        self.names = {"Namespace": f"namespace-{uuid.uuid4().hex}", "MetricName": "metric"}

    def put(self, data: list[dict[str, Any]]) -> None:
        for start in range(0, len(data), 1000):
            page = [{"MetricName": "metric", **datum} for datum in data[start : start + 1000]]
            self.cloudwatch.put_metric_data(Namespace=self.names["Namespace"], MetricData=page)

    def points(self, period: int, **filters: Any) -> list[dict[str, Any]]:
        response = self.cloudwatch.get_metric_statistics(
            **self.names,
            StartTime=NOW - datetime.timedelta(seconds=1000 * period),
            EndTime=NOW + datetime.timedelta(hours=1),
            Period=period,
            Statistics=STATISTICS,
            **filters,
        )
        points = sorted(response["Datapoints"], key=lambda point: point["Timestamp"])
        return [{name: point[name] for name in STATISTICS} for point in points]

    def count_data_points(self) -> int:
        data = cloudwatch_backends[ACCOUNT][REGION].metric_data
        return sum(datum.namespace == self.names["Namespace"] for datum in data)


def test_metrics_get_coarser_with_age_and_expire(client: Client) -> None:
    metric = Metric(client)
    hour = NOW.replace(minute=0, second=0)
    # for each unit, an age and the length in seconds of the periods whose values are merged at that age
    ages = {"hours": (4, 60), "days": (20, 300), "weeks": (12, 3600)}
    starts = [hour - datetime.timedelta(**{unit: age}) for unit, (age, _) in ages.items()]
    second = datetime.timedelta(seconds=1)
    series = {name: [{"Name": "d", "Value": name}] for name in "ab"}
    data: list[dict[str, Any]] = [
        {"Timestamp": start + index * second, "Value": float(index), "Dimensions": dimensions}
        for start in starts
        for index in range(1200)
        for dimensions in series.values()
    ]
    data += [{"Timestamp": NOW - index * second, "Value": 1.0} for index in range(100)]
    statistic_values = {"SampleCount": 3, "Sum": 6.0, "Minimum": 0.5, "Maximum": 4.0}
    data += [{"Timestamp": starts[0], "StatisticValues": statistic_values, "Dimensions": series["a"]}] * 2
    data += [{"Timestamp": NOW - datetime.timedelta(days=460), "Value": 7.0}]
    # once there is enough data, any request that puts data may trigger the clean-up
    metric.put(data)
    old_points = metric.points(86_400, Dimensions=series["a"])
    Metric(client).put([{"Values": [1.0], "Counts": [retention.CLEANUP_DATA_POINTS]}])
    new_points = metric.points(86_400, Dimensions=series["a"])
    assert new_points == old_points
    assert metric.count_data_points() == 2 * (20 + 4 + 1) + 100
    assert [point["SampleCount"] for point in new_points] == [1206.0, 1200.0, 1200.0][::-1]


def test_a_value_with_a_count_is_counted_that_many_times(client: Client) -> None:
    metric = Metric(client)
    time = NOW.replace(second=0) - datetime.timedelta(hours=4)
    metric.put([{"Timestamp": time, "Value": 1.0}] * 3)
    metric.put(
        [{"Values": [2.0, 3.0], "Counts": [retention.CLEANUP_DATA_POINTS / 2, retention.CLEANUP_DATA_POINTS / 2]}]
    )
    assert metric.count_data_points() == 1 + retention.CLEANUP_DATA_POINTS
    point, *_ = metric.points(60)
    assert (point["SampleCount"], point["Sum"]) == (3.0, 3.0)


def test_only_the_newest_data_points_are_kept() -> None:
    now = datetime.datetime(2026, 1, 1)
    data = [MetricDatum("n", "m", float(index), [], now, None) for index in range(25)]
    assert [datum.value for datum in retention.age_data(data, now, merge=max, limit=10)] == [
        float(index) for index in range(15, 25)
    ]


def test_the_newest_events_of_the_most_recently_written_streams_are_kept() -> None:
    group = SimpleNamespace(account_id=ACCOUNT, region=REGION, name="group", subscription_filters={})
    streams = [LogStream(group, name) for name in ("first", "second", "last")]
    messages = [f"{index:03} {'x' * 1000}" for index in range(300)]
    for stream, count in zip(streams, (40, 40, 300), strict=True):
        stream.put_log_events([{"timestamp": 1, "message": message} for message in messages[:count]])
    size = retention.event_size(messages[0])

    def remaining() -> list[list[str]]:
        return [[event.message for event in stream.events] for stream in streams]

    retention.trim_streams(streams, stream_bytes=100 * size, total_bytes=1000 * size)
    assert remaining() == [messages[:40], messages[:40], [retention.TRIM_NOTE, *messages[200:]]]
    retention.trim_streams(streams, stream_bytes=1000 * size, total_bytes=150 * size)
    assert remaining() == [
        [retention.TRIM_NOTE, *messages[31:40]],
        messages[:40],
        [retention.TRIM_NOTE, *messages[200:]],
    ]


def test_a_log_stream_that_takes_too_much_memory_loses_its_oldest_events(client: Client) -> None:
    """A clean-up runs after every 32 MB and keeps 64 MB of a stream, so every stream of 96 MB is shortened."""
    logs, group = client.logs, {"logGroupName": f"group-{uuid.uuid4().hex}"}
    logs.create_log_group(**group)
    time = int(1000 * datetime.datetime.now(datetime.UTC).timestamp())
    events = [{"timestamp": time, "message": f"message {'x' * 250_000}"}] * 4
    for name, megabytes in (("quiet", 1), ("busy", 110)):
        logs.create_log_stream(**group, logStreamName=name)
        for _ in range(megabytes):
            logs.put_log_events(**group, logStreamName=name, logEvents=events)
    first_words = [
        logs.get_log_events(**group, logStreamName=name, startFromHead=True, limit=1)["events"][0]["message"].split()[0]
        for name in ("quiet", "busy")
    ]
    assert first_words == ["message", retention.TRIM_NOTE.split()[0]]


def test_statistics_have_limits(client: Client) -> None:
    metric = Metric(client)
    metric.put([{"Timestamp": NOW - datetime.timedelta(hours=1), "Value": 1.0}])
    read = metric.cloudwatch.get_metric_statistics
    for period, days, code in (
        (60, 25_000, "InvalidParameterCombination"),
        (1, 25_000, "InvalidParameterCombination"),
        (60, 2, "InvalidParameterCombination"),
        (61, 1, "InvalidParameterValue"),
        (60, 1, None),
        (86_400 * 30, 25_000, None),
    ):
        window = {"StartTime": NOW - datetime.timedelta(days=days), "EndTime": NOW, "Period": period}
        request = {**metric.names, **window, "Statistics": ["Sum"]}
        if code is None:
            assert [point["Sum"] for point in read(**request)["Datapoints"]] == [1.0]
        else:
            assert re.search("exceeds the limit of 1440|Period must be", rejection(read, code=code, **request))


def test_data_of_several_metrics_are_read_at_once(client: Client) -> None:
    metric = Metric(client)
    start = NOW.replace(second=0) - datetime.timedelta(hours=2)
    for name, value in (("a", 1.0), ("b", 10.0)):
        dimensions = [{"Name": "d", "Value": name}]
        times = [start, start + datetime.timedelta(seconds=59), start + datetime.timedelta(seconds=300)]
        metric.put([{"Timestamp": time, "Value": value, "Dimensions": dimensions, "Unit": "Count"} for time in times])

    def query(name: str, period: int = 60, **members: Any) -> dict[str, Any]:
        stat = {"Metric": metric.names | members.pop("metric", {}), "Period": period, "Stat": "Sum"} | members
        return {"Id": name, "MetricStat": stat}

    one = {"Dimensions": [{"Name": "d", "Value": "a"}]}
    queries = [
        query("all"),
        query("one", metric=one) | {"ReturnData": False},
        query("other", Unit="Seconds"),
        query("hourly", 3600),
        {"Id": "same", "Expression": "one", "Label": "again"},
    ]
    window = {"StartTime": start, "EndTime": NOW, "ScanBy": "TimestampAscending"}
    results = metric.cloudwatch.get_metric_data(MetricDataQueries=queries, **window)["MetricDataResults"]
    assert {result["Id"]: result["Values"] for result in results} == {
        "all": [22.0, 11.0],
        "other": [],
        "hourly": [33.0],
        "same": [2.0, 1.0],
    }
    assert results[-1]["Label"] == "again"
    assert metric.cloudwatch.get_metric_data(MetricDataQueries=[], **window)["MetricDataResults"] == []
    assert (results[0]["Timestamps"][1] - results[0]["Timestamps"][0]).total_seconds() == 300
    decades = {"StartTime": datetime.datetime(1970, 1, 1), "EndTime": datetime.datetime(2038, 1, 1)}
    for request, limit in (
        ([query("q")], decades),
        ([query(f"q{n}", 1) for n in range(20)], window),
        ([query("q", 61)], window),
    ):
        with pytest.raises(ClientError, match=r"exceeds the limit of 100800|Period must be"):
            metric.cloudwatch.get_metric_data(MetricDataQueries=request, **limit)
