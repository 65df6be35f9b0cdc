"""Endpoints are updated step by step under load: the traffic shares are as configured, and no request is lost."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from scipy.stats import binom
from stagemaker_support.crowd import MODEL_ERROR, Crowd
from stagemaker_support.endpoints import NAMED, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import numbers

from stagemaker.orchestration.endpoints import endpoint_work
from stagemaker.orchestration.endpoints.deployment_config import BlueGreenPolicy, read_deployment_config
from stagemaker.orchestration.endpoints.endpoint_work import GradualUpdate

CLIENTS = 16
REQUESTS_PER_STEP = 300
FALSE_FAILURE_PROBABILITY = 1e-6  # per assertion about a share
HOUR = 3600  # seconds
FAILING_SCRIPT = NAMED.format(name="failing").replace(
    "    return json", "    raise ValueError('bad model')\n    return json"
)
pytestmark = pytest.mark.slow


def canary(size: int = 25, kind: str = "CAPACITY_PERCENT", interval: int = HOUR, **members: Any) -> dict[str, Any]:
    canary_size = {"CanarySize": {"Type": kind, "Value": size}}
    return policy({"Type": "CANARY", "WaitIntervalInSeconds": interval} | canary_size, **members)


def linear(percent: int, interval: int = 0, **members: Any) -> dict[str, Any]:
    step = {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": percent}}
    return policy({"Type": "LINEAR", "WaitIntervalInSeconds": interval} | step, **members)


def all_at_once(interval: int = 0, **members: Any) -> dict[str, Any]:
    return policy({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": interval}, **members)


def policy(routing: dict[str, Any], alarms: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing} | members}
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


class Gate:
    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._opened = threading.Semaphore(0)
        monkeypatch.setattr(endpoint_work, "read_deployment_config", self._read)

    def open(self) -> None:
        self._opened.release()

    def _read(self, config: dict[str, Any]) -> BlueGreenPolicy:
        policy, opened = read_deployment_config(config), self._opened

        class GatedDeployment(BlueGreenPolicy):
            def steps(self, deployment: dict[str, Any]) -> Iterator[Any]:
                for parts in policy.steps(deployment):
                    yield parts
                    assert opened.acquire(timeout=120)

        return GatedDeployment(
            policy.routing, policy.size, policy.interval, policy.termination_wait, alarms=policy.alarms
        )


class Target:
    """An endpoint with the old configuration, which each test leaves it with, and what changes and watches it."""

    def __init__(self, endpoints: Endpoints):
        self.endpoints, self.cloudwatch = endpoints, endpoints.client.simulator.client("cloudwatch")
        self.old, self.new = (endpoints.config(variant(endpoints.named(name))) for name in ("old", "new"))
        self.name = endpoints.create(self.old)

    def put_alarm(self, **members: Any) -> str:
        name = f"rollback-{next(numbers)}"
        alarm = {"Namespace": "mine", "MetricName": name, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
        alarm |= {"Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **alarm | members)
        return name

    def update(self, config: str, deployment: dict[str, Any]) -> None:
        self.endpoints.update(self.name, config, DeploymentConfig=deployment)

    def crowd(self, clients: int = CLIENTS, **members: Any) -> contextlib.AbstractContextManager[Crowd]:
        return Crowd(self.endpoints, self.name, clients, **members).invoking()

    def stage(self) -> tuple[str, str]:
        described = self.endpoints.describe(self.name)
        assert described["EndpointStatus"] == "Updating", described
        [status] = described["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
        return status["Status"], status["StatusMessage"]

    def wait_for_step(self, percent: float) -> None:
        wait_until(lambda: self.stage() == ("Baking", f"{percent:g}% of the invocations"), 120)

    def assert_rolled_back(self, reason: str) -> None:
        described = self.endpoints.settle(self.name)
        assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", self.old), described
        assert reason in described["FailureReason"]
        assert "PendingDeploymentSummary" not in described
        assert json.loads(self.endpoints.invoke(self.name)["Body"].read())[0] == "old"


@pytest.fixture(scope="module")
def target(endpoints: Endpoints) -> Target:
    return Target(endpoints)


def assert_share(counts: Counter[str], share: float) -> None:
    low, high = binom.interval(1 - FALSE_FAILURE_PROBABILITY, counts.total(), share)
    assert low <= counts["new"] <= high, (counts, share)
    assert counts["new"] + counts["old"] == counts.total(), counts


def test_a_canary_gets_its_share_of_the_requests(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, alarm = Gate(monkeypatch), target.put_alarm()
    four_instances = target.endpoints.config(variant(target.endpoints.named("new"), count=4))
    deployment = canary(1, "INSTANCE_COUNT", interval=0, alarms=(alarm,), TerminationWaitInSeconds=1)
    with target.crowd() as crowd:
        target.update(four_instances, deployment)
        for percent in (25, 100):
            target.wait_for_step(percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            assert target.endpoints.describe(target.name)["EndpointConfigName"] == target.old
            gate.open()
        waiter = target.endpoints.sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=target.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        assert crowd.sample(50) == {"new": 50}
    described = target.endpoints.describe(target.name)
    assert (described["EndpointConfigName"], described["LastDeploymentConfig"]) == (four_instances, deployment)
    assert "FailureReason" not in described
    gate.open()
    target.endpoints.update(target.name, target.old)
    assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.old


def test_a_linear_shift_moves_the_requests_step_by_step(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    with target.crowd() as crowd:
        target.update(target.new, linear(40))
        for percent in (40, 80, 100):
            target.wait_for_step(percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            gate.open()
        assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.new
        target.update(target.old, all_at_once())
        gate.open()
        assert target.endpoints.settle(target.name)["EndpointConfigName"] == target.old
    assert set(crowd.responses) == {("one", "old"), ("one", "new")}


def test_an_alarm_on_a_custom_metric_rolls_the_update_back(target: Target) -> None:
    quiet_alarm, alarm = target.put_alarm(), target.put_alarm()
    target.update(target.new, canary(alarms=(quiet_alarm, alarm)))
    target.wait_for_step(25)
    with target.crowd() as crowd:
        assert crowd.sample(100)["new"]
        target.cloudwatch.put_metric_data(Namespace="mine", MetricData=[{"MetricName": alarm, "Value": 9.0}])
        reason = f"The CloudWatch alarm '{alarm}' is in ALARM: The alarm's condition is GreaterThanThreshold 5"
        target.assert_rolled_back(reason)
        assert crowd.sample(50) == {"old": 50}


def test_an_alarm_on_an_endpoint_metric_rolls_back(target: Target) -> None:
    """The alarm goes off because the new model fails."""
    dimensions = [{"Name": "EndpointName", "Value": target.name}, {"Name": "VariantName", "Value": "failing"}]
    members = {"Namespace": "AWS/SageMaker", "MetricName": "Invocation5XXErrors", "Dimensions": dimensions}
    alarm = target.put_alarm(**members)
    failing_config = target.endpoints.config(variant(target.endpoints.model(FAILING_SCRIPT), "failing"))
    target.update(failing_config, linear(50, interval=HOUR, alarms=(alarm,)))
    target.wait_for_step(50)
    with target.crowd(model_errors=True) as crowd:
        target.assert_rolled_back(f"The CloudWatch alarm '{alarm}' is in ALARM")
        assert crowd.sample(50) == {"old": 50}
    assert set(crowd.responses) == {("one", "old"), ("", MODEL_ERROR)}


def test_an_alarm_after_the_shift_rolls_the_update_back(target: Target) -> None:
    """The old fleet still exists during the termination wait, so the update can be rolled back."""
    alarm = target.put_alarm()
    target.update(target.new, all_at_once(alarms=(alarm,), TerminationWaitInSeconds=HOUR))
    target.wait_for_step(100)
    with target.crowd() as crowd:
        assert crowd.sample(50) == {"new": 50}
        target.cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a drill")
        target.assert_rolled_back(f"The CloudWatch alarm '{alarm}' is in ALARM: a drill")
        assert crowd.sample(50) == {"old": 50}


def test_an_alarm_that_is_already_in_alarm_rolls_the_update_back(target: Target) -> None:
    alarm = target.put_alarm(TreatMissingData="breaching")
    with target.crowd(clients=2) as crowd:
        target.update(target.new, all_at_once(alarms=(alarm,)))
        target.assert_rolled_back(f"The CloudWatch alarm '{alarm}' is in ALARM")
    assert set(crowd.responses) == {("one", "old")}


def test_a_deleted_alarm_rolls_back(target: Target) -> None:
    alarm = target.put_alarm()
    target.update(target.new, canary(alarms=(alarm,)))
    target.wait_for_step(25)
    target.cloudwatch.delete_alarms(AlarmNames=[alarm])
    reason = f"The CloudWatch alarm '{alarm}' was deleted during the update"
    target.assert_rolled_back(reason)


def test_an_update_that_takes_too_long_is_rolled_back(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """MaximumExecutionTimeoutInSeconds must be at least ten minutes, so this test moves the deadline up."""
    updates: list[GradualUpdate] = []

    class RecordedUpdate(GradualUpdate):
        def __init__(self, *arguments: Any):
            super().__init__(*arguments)
            updates.append(self)

    monkeypatch.setattr(endpoint_work, "GradualUpdate", RecordedUpdate)
    target.update(target.new, canary(interval=200, MaximumExecutionTimeoutInSeconds=600))
    target.wait_for_step(25)
    with target.crowd() as crowd:
        assert crowd.sample(100)["new"]
        updates[0].deadline -= 600
        reason = "The update took longer than MaximumExecutionTimeoutInSeconds, which is 600"
        target.assert_rolled_back(reason)
        assert crowd.sample(50) == {"old": 50}
