"""Endpoints are updated step by step under load: the traffic shares are as configured, and no request is lost."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scipy.stats import binom
from stagemaker_support.crowd import MODEL_ERROR, Crowd
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import counter

from stagemaker.orchestration.endpoints.deployment_config import BlueGreenPolicy
from stagemaker.orchestration.endpoints.endpoint_work import GradualUpdate

CLIENTS = 16
REQUESTS_PER_STEP = 300
FALSE_FAILURE_PROBABILITY = 1e-6  # per assertion about a share
HOUR = 3600  # seconds
FAILING_SCRIPT = NAMER.format(name="failing").replace(
    "    return json", "    raise ValueError('bad model')\n    return json"
)
pytestmark = pytest.mark.slow


def deployment(
    kind: str, size: dict[str, Any] | None = None, interval: int = 0, alarms: tuple[str, ...] = (), **members: Any
) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": interval} | (size or {})
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing} | members}
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


def size(member: str, value: int, kind: str = "CAPACITY_PERCENT") -> dict[str, Any]:
    return {member: {"Type": kind, "Value": value}}


QUARTER = size("CanarySize", 25)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Return a semaphore that a test releases once for each further step of an update."""
    steps, gate = BlueGreenPolicy.steps, threading.Semaphore(0)

    def gated_steps(self: BlueGreenPolicy, deployment: dict[str, Any]) -> Iterator[Any]:
        for parts in steps(self, deployment):
            yield parts
            assert gate.acquire(timeout=120)

    # otherwise, the check of a requested update would also wait for the gate
    monkeypatch.setattr(BlueGreenPolicy, "check", lambda *_: None)
    monkeypatch.setattr(BlueGreenPolicy, "steps", gated_steps)
    return gate


class Target:
    """An endpoint for tests that update and monitor it. Before and after each test, it uses the old configuration."""

    def __init__(self, endpoints: Endpoints):
        self.endpoints, self.cloudwatch = endpoints, endpoints.client.simulator.client("cloudwatch")
        self.old, self.new = (endpoints.config(variant(endpoints.named(name))) for name in ("old", "new"))
        self.name = endpoints.create(self.old)

    def put_alarm(self, **members: Any) -> str:
        name = f"rollback-{next(counter)}"
        alarm = {"Namespace": "mine", "MetricName": name, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
        alarm |= {"Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **alarm | members)
        return name

    def update(self, config: str, deployment: dict[str, Any]) -> None:
        self.endpoints.update(self.name, config, DeploymentConfig=deployment)

    def crowd(self, clients: int = CLIENTS, **members: Any) -> contextlib.AbstractContextManager[Crowd]:
        return Crowd(self.endpoints, self.name, clients, **members).invoking()

    def stage(self) -> tuple[str, str]:
        description = self.endpoints.describe(self.name)
        assert description["EndpointStatus"] == "Updating", description
        [status] = description["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
        return status["Status"], status["StatusMessage"]

    def wait_for_step(self, percent: float) -> None:
        wait_until(lambda: self.stage() == ("Baking", f"{percent:g}% of the invocations"), 120)

    def assert_rolled_back(self, reason: str) -> None:
        response = self.endpoints.settle(self.name)
        assert (response["EndpointStatus"], response["EndpointConfigName"]) == ("InService", self.old), response
        assert reason in response["FailureReason"]
        assert "PendingDeploymentSummary" not in response
        assert json.loads(self.endpoints.invoke(self.name)["Body"].read())[0] == "old"


@pytest.fixture(scope="module")
def target(endpoints: Endpoints) -> Target:
    return Target(endpoints)


def assert_share(counts: Counter[str], share: float) -> None:
    low, high = binom.interval(1 - FALSE_FAILURE_PROBABILITY, counts.total(), share)
    assert low <= counts["new"] <= high, (counts, share)
    assert counts["new"] + counts["old"] == counts.total(), counts


def test_a_canary_gets_its_share_of_the_requests(target: Target, gate: threading.Semaphore) -> None:
    four_instances = target.endpoints.config(variant(target.endpoints.named("new"), count=4))
    one_instance = size("CanarySize", 1, "INSTANCE_COUNT")
    canary = deployment("CANARY", one_instance, alarms=(target.put_alarm(),), TerminationWaitInSeconds=1)
    with target.crowd() as crowd:
        target.update(four_instances, canary)
        for percent in (25, 100):
            target.wait_for_step(percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            assert target.endpoints.describe(target.name)["EndpointConfigName"] == target.old
            gate.release()
        waiter = target.endpoints.sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=target.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        assert crowd.sample(50) == {"new": 50}
    description = target.endpoints.describe(target.name)
    assert (description["EndpointConfigName"], description["LastDeploymentConfig"]) == (four_instances, canary)
    assert "FailureReason" not in description
    gate.release()
    target.endpoints.update(target.name, target.old)
    assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.old


def test_a_linear_shift_moves_the_requests_step_by_step(target: Target, gate: threading.Semaphore) -> None:
    with target.crowd() as crowd:
        target.update(target.new, deployment("LINEAR", size("LinearStepSize", 40)))
        for percent in (40, 80, 100):
            target.wait_for_step(percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            gate.release()
        assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.new
        target.update(target.old, deployment("ALL_AT_ONCE"))
        gate.release()
        assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.old
    assert set(crowd.responses) == {("one", "old"), ("one", "new")}


# Changes to an alarm once the new model has some of the traffic; the old fleet exists during the termination wait.
ALARMS: dict[str, tuple[dict[str, Any], int, Callable[[Any, str], None], str]] = {
    "data": (
        deployment("CANARY", QUARTER, HOUR),
        25,
        lambda client, alarm: client.put_metric_data(
            Namespace="mine", MetricData=[{"MetricName": alarm, "Value": 9.0}]
        ),
        "is in ALARM: The alarm's condition is GreaterThanThreshold 5",
    ),
    "state": (
        deployment("ALL_AT_ONCE", TerminationWaitInSeconds=HOUR),
        100,
        lambda client, alarm: client.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a drill"),
        "is in ALARM: a drill",
    ),
    "deletion": (
        deployment("CANARY", QUARTER, HOUR),
        25,
        lambda client, alarm: client.delete_alarms(AlarmNames=[alarm]),
        "was deleted during the update",
    ),
}


@pytest.mark.parametrize("kind", ALARMS)
def test_an_alarm_rolls_the_update_back(target: Target, kind: str) -> None:
    config, percent, change, reason = ALARMS[kind]
    alarms = [{"AlarmName": target.put_alarm()} for _ in range(2)]
    target.update(target.new, config | {"AutoRollbackConfiguration": {"Alarms": alarms}})
    target.wait_for_step(percent)
    with target.crowd() as crowd:
        assert crowd.sample(100)["new"]
        change(target.cloudwatch, alarms[1]["AlarmName"])
        target.assert_rolled_back(f"The CloudWatch alarm '{alarms[1]['AlarmName']}' {reason}")
        assert crowd.sample(50) == {"old": 50}


def test_an_alarm_on_an_endpoint_metric_rolls_back(target: Target) -> None:
    """The alarm goes off because the new model's invocations fail."""
    dimensions = [{"Name": "EndpointName", "Value": target.name}, {"Name": "VariantName", "Value": "failing"}]
    members = {"Namespace": "AWS/SageMaker", "MetricName": "Invocation5XXErrors", "Dimensions": dimensions}
    alarm = target.put_alarm(**members)
    failing_config = target.endpoints.config(variant(target.endpoints.model(FAILING_SCRIPT), "failing"))
    target.update(failing_config, deployment("LINEAR", size("LinearStepSize", 50), HOUR, (alarm,)))
    target.wait_for_step(50)
    with target.crowd(model_errors=True) as crowd:
        target.assert_rolled_back(f"The CloudWatch alarm '{alarm}' is in ALARM")
        assert crowd.sample(50) == {"old": 50}
    assert set(crowd.responses) == {("one", "old"), ("", MODEL_ERROR)}


def test_an_alarm_that_is_already_in_alarm_rolls_the_update_back(target: Target) -> None:
    alarm = target.put_alarm(TreatMissingData="breaching")
    with target.crowd(clients=2) as crowd:
        target.update(target.new, deployment("ALL_AT_ONCE", alarms=(alarm,)))
        target.assert_rolled_back(f"The CloudWatch alarm '{alarm}' is in ALARM")
    assert set(crowd.responses) == {("one", "old")}


def test_an_update_that_takes_too_long_is_rolled_back(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """MaximumExecutionTimeoutInSeconds must be at least ten minutes, so this test shortens the remaining time."""
    updates, initialize = [], GradualUpdate.__init__

    def initialize_and_record(self: GradualUpdate, *arguments: Any) -> None:
        initialize(self, *arguments)
        updates.append(self)

    monkeypatch.setattr(GradualUpdate, "__init__", initialize_and_record)
    target.update(target.new, deployment("CANARY", QUARTER, 200, MaximumExecutionTimeoutInSeconds=600))
    target.wait_for_step(25)
    with target.crowd() as crowd:
        assert crowd.sample(100)["new"]
        updates[0].deadline -= 600
        reason = "The update took longer than MaximumExecutionTimeoutInSeconds, which is 600"
        target.assert_rolled_back(reason)
        assert crowd.sample(50) == {"old": 50}
