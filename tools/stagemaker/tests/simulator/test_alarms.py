"""Reading an alarm's state evaluates its metric's data points as CloudWatch's guide describes."""

import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client, counter, rejection

from stagemaker.services.alarms import TREATMENTS, alarm_state
from stagemaker.services.moto_inside import cloudwatch

ALARM = {"Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0}
ALARM |= {"ComparisonOperator": "GreaterThanThreshold"}


def alarm(comparison: str, periods: int, datapoints_to_alarm: int = 1, treatment: str = "missing") -> SimpleNamespace:
    return SimpleNamespace(
        comparison_operator=comparison,
        threshold=5.0,
        evaluation_periods=periods,
        datapoints_to_alarm=datapoints_to_alarm,
        treat_missing_data=treatment,
    )


def parse_points(states: str) -> list[float | None]:
    """Convert the guide's notation to data points: X is breaching, 0 is not breaching, and - is missing."""
    return [{"X": 10.0, "0": 0.0, "-": None}[point] for point in states.split()]


@pytest.mark.parametrize(
    ("datapoints_to_alarm", "periods", "states"),
    [
        # Both tables of the guide. The states are in the order of TREATMENTS: missing, ignore, breaching, notBreaching.
        (3, "0 - X - X", "OK OK OK OK"),
        (3, "0 - - - -", "OK OK OK OK"),
        (3, "- - - - -", "INSUFFICIENT_DATA SAME ALARM OK"),
        (3, "0 X X - X", "ALARM ALARM ALARM ALARM"),
        (3, "- - X - -", "ALARM SAME ALARM OK"),
        (2, "0 - X - X", "ALARM ALARM ALARM ALARM"),
        (2, "0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
        (2, "0 - X - -", "OK OK ALARM OK"),
        (2, "- - - - 0", "OK OK ALARM OK"),
        (2, "- - - X -", "ALARM SAME ALARM OK"),
        # The guide's premature alarms: the breaching data point is too recent, or a non-breaching one follows it.
        (3, "- - - - X", "INSUFFICIENT_DATA SAME ALARM OK"),
        (3, "- - - X -", "INSUFFICIENT_DATA SAME ALARM OK"),
        (3, "- - - X 0", "OK OK OK OK"),
        (3, "- - X - 0", "OK OK OK OK"),
        # No data point is missing, so only the last three are evaluated.
        (3, "X X X X 0", "OK OK OK OK"),
        (3, "0 0 X X X", "ALARM ALARM ALARM ALARM"),
        (3, "X X 0 X X", "OK OK OK OK"),
        (2, "X X X 0 0", "OK OK OK OK"),
        (1, "- - - - X", "ALARM ALARM ALARM ALARM"),
        (1, "X - 0 - 0", "ALARM ALARM ALARM ALARM"),
    ],
)
def test_missing_data_is_treated_as_the_guide_describes(datapoints_to_alarm: int, periods: str, states: str) -> None:
    for treatment, state in zip(TREATMENTS, states.split(), strict=True):
        result = alarm_state(alarm("GreaterThanThreshold", 3, datapoints_to_alarm, treatment), parse_points(periods))
        assert result == (None if state == "SAME" else state), treatment


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_values_are_compared_with_the_threshold(comparison: str, breaching: list[bool]) -> None:
    states = [alarm_state(alarm(comparison, 1), [None, None, value]) for value in (4.0, 5.0, 6.0)]
    assert states == ["ALARM" if is_breaching else "OK" for is_breaching in breaching]


class WatchedMetric:
    def __init__(self, client: Client, **members: Any):
        self.cloudwatch, self.name = client.simulator.client("cloudwatch"), f"alarm-{next(counter)}"
        self.metric = {"Namespace": f"namespace-{self.name}", "MetricName": "metric"}
        self.put_alarm(**members)

    def put_alarm(self, **members: Any) -> None:
        request_members = {name: value for name, value in (ALARM | members).items() if value is not None}
        self.cloudwatch.put_metric_alarm(AlarmName=self.name, **self.metric, **request_members)

    def put(self, age: float = 1, **datum: Any) -> None:
        time = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
        data = [{"MetricName": "metric", "Timestamp": time} | datum]
        self.cloudwatch.put_metric_data(Namespace=self.metric["Namespace"], MetricData=data)

    def describe(self) -> dict[str, Any]:
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return alarm

    def state(self) -> str:
        return self.describe()["StateValue"]

    def start_drill(self) -> None:
        self.cloudwatch.set_alarm_state(AlarmName=self.name, StateValue="ALARM", StateReason="a drill")


@pytest.mark.parametrize(
    ("statistic", "value"), [("Sum", 14.0), ("Average", 3.5), ("Minimum", 1.0), ("Maximum", 8.0), ("SampleCount", 4.0)]
)
def test_each_statistic_is_evaluated(client: Client, statistic: str, value: float) -> None:
    members = {"Statistic": statistic, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
    watched_metric = WatchedMetric(client, **members, Threshold=value)
    watched_metric.put(Value=8.0)
    watched_metric.put(Values=[1.0], Counts=[1.0])
    watched_metric.put(StatisticValues={"SampleCount": 2, "Sum": 5, "Minimum": 2, "Maximum": 3})
    assert watched_metric.state() == "ALARM"
    watched_metric.put_alarm(**members, Threshold=value + 0.01)
    assert watched_metric.state() == "OK"


def test_two_of_three_periods_must_breach(client: Client) -> None:
    watched_metric = WatchedMetric(client, EvaluationPeriods=3, DatapointsToAlarm=2)
    assert watched_metric.state() == "INSUFFICIENT_DATA"
    for treatment, state in (("ignore", "INSUFFICIENT_DATA"), ("breaching", "ALARM"), ("notBreaching", "OK")):
        assert WatchedMetric(client, TreatMissingData=treatment).state() == state
    for age in (30, 30, 90):
        watched_metric.put(age, Value=4.0)
    assert watched_metric.state() == "OK"  # the first two sums are 8 and 4; the third is missing
    watched_metric.put(150, Value=6.0)
    assert watched_metric.state() == "ALARM"
    reason = watched_metric.describe()["StateReason"]
    condition = "The alarm's condition is GreaterThanThreshold 5 for 2 of 3 data points. "
    assert reason.startswith(f"{condition}The last values of metric, oldest first: ")
    watched_metric.put(7200, Value=6.0)
    watched_metric.put(-600, Value=6.0)
    watched_metric.put_alarm(EvaluationPeriods=3, DatapointsToAlarm=3)
    assert watched_metric.state() == "OK"  # neither old data points nor those in the future count


def test_an_alarm_uses_only_data_with_its_dimensions_and_unit(client: Client) -> None:
    one, two = {"Name": "one", "Value": "1"}, {"Name": "two", "Value": "2"}
    watched_metric = WatchedMetric(client, Dimensions=[one, two], Unit="Count", TreatMissingData="notBreaching")
    for datum in (
        {"Dimensions": [one], "Unit": "Count"},
        {"Dimensions": [one, two, {"Name": "three", "Value": "3"}], "Unit": "Count"},
        {"Dimensions": [one, {"Name": "two", "Value": "3"}], "Unit": "Count"},
        {"Dimensions": [one, two], "Unit": "Seconds"},
        {"Unit": "Count"},
    ):
        watched_metric.put(Value=9.0, **datum)
        assert watched_metric.state() == "OK", datum
    watched_metric.put(Value=9.0, Dimensions=[two, one], Unit="Count")
    assert watched_metric.state() == "ALARM"


def test_every_way_to_read_a_state_evaluates_the_alarm(client: Client) -> None:
    watched_metric = WatchedMetric(client, AlarmActions=["arn:aws:sns:us-east-1:123456789012:mine"])
    watched_metric.put(Value=9.0)
    describe = watched_metric.cloudwatch.describe_alarms
    for state, other_state in (("ALARM", "OK"), ("OK", "ALARM")):
        for listed_state in (state, other_state):
            names = {alarm["AlarmName"] for alarm in describe(StateValue=listed_state)["MetricAlarms"]}
            assert (watched_metric.name in names) == (listed_state == state)
        for description in (
            describe(AlarmNamePrefix=watched_metric.name)["MetricAlarms"],
            describe(ActionPrefix="arn:aws:sns:us-east-1:123456789012:mine")["MetricAlarms"],
            watched_metric.cloudwatch.describe_alarms_for_metric(**watched_metric.metric)["MetricAlarms"],
        ):
            assert [alarm["StateValue"] for alarm in description] == [state]
        watched_metric.put(Value=-9.0)


def test_a_state_set_with_set_alarm_state_is_temporary(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state lasts a minute, or 10 s if the period is less than a minute; then the alarm is evaluated again."""
    now = cloudwatch.utcnow
    for period, interval in ((60, 60), (3600, 60), (10, 10), (30, 10)):
        watched_metric = WatchedMetric(client, Period=period)
        watched_metric.put(age=-5, Value=1.0)
        watched_metric.start_drill()
        assert (watched_metric.state(), watched_metric.describe()["StateReason"]) == ("ALARM", "a drill")
        monkeypatch.setattr(cloudwatch, "utcnow", lambda: now() + datetime.timedelta(seconds=interval))  # noqa: B023
        assert watched_metric.state() == "OK"
        monkeypatch.setattr(cloudwatch, "utcnow", now)


@pytest.mark.parametrize(
    "members",
    [{"TreatMissingData": "ignore"}, {"Statistic": None, "ExtendedStatistic": "p99"}],
    ids=lambda it: [*it][-1],
)
def test_an_alarm_without_data_or_that_is_not_evaluated_keeps_its_state(
    client: Client, monkeypatch: pytest.MonkeyPatch, members: dict[str, Any]
) -> None:
    watched_metric = WatchedMetric(client, **{"TreatMissingData": "breaching"} | members)
    if "ExtendedStatistic" in members:
        watched_metric.put(Value=9.0)
    assert watched_metric.state() == "INSUFFICIENT_DATA"
    watched_metric.start_drill()
    an_hour_later = cloudwatch.utcnow() + datetime.timedelta(hours=1)
    monkeypatch.setattr(cloudwatch, "utcnow", lambda: an_hour_later)
    assert watched_metric.state() == "ALARM"


def test_an_alarm_that_is_updated_keeps_its_state(client: Client) -> None:
    watched_metric = WatchedMetric(client)
    watched_metric.start_drill()
    watched_metric.put_alarm(Threshold=7.0)
    response = watched_metric.describe()
    assert (response["Threshold"], response["StateValue"], response["StateReason"]) == (7.0, "ALARM", "a drill")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": None}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 60, "EvaluationPeriods": 10**9}, "must be at most a day"),
        ({"Period": 86_400, "EvaluationPeriods": 8}, "or 7 days if Period is an hour or more"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "DatapointsToAlarm must be between 1 and EvaluationPeriods"),
        ({"Statistic": None}, "An alarm requires either Statistic or ExtendedStatistic"),
        ({"ExtendedStatistic": "p99"}, "An alarm requires either Statistic or ExtendedStatistic"),
        ({"Statistic": "Median"}, "Statistic must be one of SampleCount, Average"),
        ({"Threshold": None}, "Threshold must be a finite number"),
        ({"Threshold": float("inf")}, "Threshold must be a finite number"),
        ({"TreatMissingData": "zero"}, "TreatMissingData must be one of missing, ignore"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ComparisonOperator must be one of"),
    ],
)
def test_invalid_alarms_are_rejected(client: Client, members: dict[str, Any], reason: str) -> None:
    assert reason in rejection(WatchedMetric, client, code="ValidationError", **members)


def test_an_alarm_may_cover_a_week(client: Client) -> None:
    assert WatchedMetric(client, Period=86_400, EvaluationPeriods=7).state() == "INSUFFICIENT_DATA"
