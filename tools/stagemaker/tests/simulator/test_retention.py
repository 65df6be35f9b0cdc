"""How long metrics and logs are kept, as seen through boto3."""

import datetime
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.cloudwatch.models import MetricDatum, cloudwatch_backends
from stagemaker_support.simulator_client import Client

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.services import retention

STATISTICS = ["SampleCount", "Sum", "Minimum", "Maximum"]
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


class Metric:
    """A metric in a unique namespace."""

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
        return sorted(response["Datapoints"], key=lambda point: point["Timestamp"])

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
    data = [
        {
            "Timestamp": start + number * second,
            "Value": float(number),
            "Dimensions": [{"Name": "d", "Value": dimension}],
        }
        for start in starts
        for number in range(1200)
        for dimension in ("a", "b")
    ]
    data += [{"Timestamp": NOW - number * second, "Value": 1.0} for number in range(100)]
    statistic_values = {"SampleCount": 3, "Sum": 6.0, "Minimum": 0.5, "Maximum": 4.0}
    data += [
        {"Timestamp": starts[0], "StatisticValues": statistic_values, "Dimensions": [{"Name": "d", "Value": "a"}]}
    ] * 2
    data += [{"Timestamp": NOW - datetime.timedelta(days=460), "Value": 7.0}]
    # once there is enough data, any request that puts data may trigger the clean-up
    metric.put(data)
    before = metric.points(86_400, Dimensions=[{"Name": "d", "Value": "a"}])
    Metric(client).put([{"Value": 1.0}] * retention.CLEANUP_DATA_POINTS)
    after = metric.points(86_400, Dimensions=[{"Name": "d", "Value": "a"}])
    assert [{name: point[name] for name in STATISTICS} for point in after] == [
        {name: point[name] for name in STATISTICS} for point in before
    ]
    assert metric.count_data_points() == 2 * (20 + 4 + 1) + 100
    assert [point["SampleCount"] for point in after] == [1206.0, 1200.0, 1200.0][::-1]


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


def test_only_the_newest_data_points_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MAX_DATA_POINTS", 10)
    now = datetime.datetime(2026, 1, 1)
    data = [MetricDatum("n", "m", float(number), [], now, None) for number in range(25)]
    assert [datum.value for datum in retention.age_data(data, now, merge=max)] == [
        float(number) for number in range(15, 25)
    ]


class Stream:
    """A log stream in a unique log group; each of its events is 100 kB long."""

    def __init__(self, client: Client):
        self.logs, self.names = client.logs, {"logGroupName": f"group-{uuid.uuid4().hex}", "logStreamName": "stream"}
        self.logs.create_log_group(logGroupName=self.names["logGroupName"])
        self.logs.create_log_stream(**self.names)
        self.event_count = 0

    def put(self, megabytes: int) -> None:
        for _ in range(megabytes):
            time = int(1000 * datetime.datetime.now(datetime.UTC).timestamp())
            numbers = range(self.event_count, self.event_count + 10)
            events = [{"timestamp": time, "message": f"{number} {'x' * 100_000}"} for number in numbers]
            self.logs.put_log_events(**self.names, logEvents=events)
            self.event_count += 10

    def first_words(self) -> list[str]:
        """Return the first word of each event."""
        words, token = [], {}
        while True:
            page = self.logs.get_log_events(**self.names, startFromHead=True, limit=1000, **token)
            if not page["events"]:
                return words
            words += [event["message"].split()[0] for event in page["events"]]
            token = {"nextToken": page["nextForwardToken"]}


def test_the_newest_log_events_are_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MAX_STREAM_BYTES", 10 << 20)
    quiet_stream, busy_stream = Stream(client), Stream(client)
    quiet_stream.put(2)
    busy_stream.put(44)  # a clean-up runs every 32 MB, so one runs between 10 and 42 MB, wherever the count starts
    note, *numbers = busy_stream.first_words()
    assert note == retention.TRIM_NOTE.split()[0]
    assert numbers == [str(number) for number in range(440 - len(numbers), 440)]
    assert 100 <= len(numbers) < 440
    assert quiet_stream.first_words() == [str(number) for number in range(20)]


def test_the_most_recently_written_streams_are_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first_stream, second_stream, last_stream = Stream(client), Stream(client), Stream(client)
    first_stream.put(4)
    second_stream.put(4)
    monkeypatch.setattr(retention, "MAX_TOTAL_BYTES", 20 << 20)
    last_stream.put(70)  # enough for two clean-ups
    assert first_stream.first_words() == second_stream.first_words() == ["[earlier"]
    note, *numbers = last_stream.first_words()
    assert note == "[earlier"
    assert numbers == [str(number) for number in range(700 - len(numbers), 700)]


DECADES = {"StartTime": datetime.datetime(1970, 1, 1), "EndTime": datetime.datetime(2038, 1, 1)}


@pytest.mark.parametrize(
    ("period", "days", "code"),
    [
        (60, 25_000, "InvalidParameterCombination"),
        (1, 25_000, "InvalidParameterCombination"),
        (60, 2, "InvalidParameterCombination"),
        (61, 1, "InvalidParameterValue"),
        (60, 1, None),
        (86_400 * 30, 25_000, None),
    ],
)
def test_statistics_have_limits(client: Client, period: int, days: int, code: str | None) -> None:
    """A request for more is an error of CloudWatch, instead of hours of work."""
    metric = Metric(client)
    metric.put([{"Timestamp": NOW - datetime.timedelta(hours=1), "Value": 1.0}])
    window = {"StartTime": NOW - datetime.timedelta(days=days), "EndTime": NOW, "Period": period}
    request = {**metric.names, **window, "Statistics": ["Sum"]}
    if code is None:
        assert [point["Sum"] for point in metric.cloudwatch.get_metric_statistics(**request)["Datapoints"]] == [1.0]
    else:
        with pytest.raises(ClientError, match=r"exceeds the limit of 1440|Period must be") as failure:
            metric.cloudwatch.get_metric_statistics(**request)
        assert failure.value.response["Error"]["Code"] == code


def test_data_of_several_metrics_are_read_at_once(client: Client) -> None:
    metric = Metric(client)
    start = NOW - datetime.timedelta(hours=2)
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
    assert (results[0]["Timestamps"][1] - results[0]["Timestamps"][0]).total_seconds() == 300
    for rejected, limit in (
        ([query("q")], DECADES),
        ([query(f"q{n}", 1) for n in range(20)], window),
        ([query("q", 61)], window),
    ):
        with pytest.raises(ClientError, match=r"exceeds the limit of 100800|Period must be"):
            metric.cloudwatch.get_metric_data(MetricDataQueries=rejected, **limit)
