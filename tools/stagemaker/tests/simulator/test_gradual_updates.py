"""Endpoints are updated step by step under load: the traffic shares are as configured, and no request is lost."""

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

from stagemaker.orchestration.endpoints import endpoint_work, gradual_update
from stagemaker.orchestration.endpoints.deployment_config import BlueGreenPolicy, read_deployment_config
from stagemaker.orchestration.endpoints.gradual_update import GradualUpdate

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


def put_alarm(endpoints: Endpoints, **members: Any) -> str:
    name = f"rollback-{next(numbers)}"
    alarm = {"Namespace": "mine", "MetricName": name, "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
    cloudwatch(endpoints).put_metric_alarm(AlarmName=name, **alarm | members)
    return name


def cloudwatch(endpoints: Endpoints) -> Any:
    return endpoints.client.simulator.client("cloudwatch")


def set_alarm(endpoints: Endpoints, name: str, state: str = "ALARM") -> None:
    cloudwatch(endpoints).set_alarm_state(AlarmName=name, StateValue=state, StateReason="a drill")


class Gate:
    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._opened = threading.Semaphore(0)
        monkeypatch.setattr(gradual_update, "read_deployment_config", self._read)

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


@pytest.fixture(scope="module")
def old_config(endpoints: Endpoints) -> str:
    return endpoints.config(variant(endpoints.named("old")))


@pytest.fixture(scope="module")
def new_config(endpoints: Endpoints) -> str:
    return endpoints.config(variant(endpoints.named("new")))


@pytest.fixture(scope="module")
def endpoint_name(endpoints: Endpoints, old_config: str) -> str:
    return endpoints.create(old_config)


def stage(endpoints: Endpoints, name: str) -> tuple[str, str]:
    described = endpoints.describe(name)
    assert described["EndpointStatus"] == "Updating", described
    [status] = described["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
    return status["Status"], status["StatusMessage"]


def wait_for_step(endpoints: Endpoints, name: str, percent: float) -> None:
    expected = ("Baking", f"{percent:g}% of the invocations")
    wait_until(lambda: stage(endpoints, name) == expected, 120)


def assert_share(counts: Counter[str], share: float) -> None:
    low, high = binom.interval(1 - FALSE_FAILURE_PROBABILITY, counts.total(), share)
    assert low <= counts["new"] <= high, (counts, share)
    assert counts["new"] + counts["old"] == counts.total(), counts


def assert_rolled_back(endpoints: Endpoints, name: str, old_config: str, reason: str) -> None:
    described = endpoints.settle(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old_config), described
    assert reason in described["FailureReason"]
    assert "PendingDeploymentSummary" not in described
    assert serving_model(endpoints, name) == "old"


def serving_model(endpoints: Endpoints, name: str) -> str:
    return json.loads(endpoints.invoke(name)["Body"].read())[0]


def test_a_canary_gets_its_share_of_the_requests(
    endpoints: Endpoints, endpoint_name: str, old_config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, alarm = Gate(monkeypatch), put_alarm(endpoints)
    four_instances = endpoints.config(variant(endpoints.named("new"), count=4))
    deployment = canary(1, "INSTANCE_COUNT", interval=0, alarms=(alarm,), TerminationWaitInSeconds=1)
    with Crowd(endpoints, endpoint_name, CLIENTS).invoking() as crowd:
        endpoints.update(endpoint_name, four_instances, DeploymentConfig=deployment)
        for percent in (25, 100):
            wait_for_step(endpoints, endpoint_name, percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            assert endpoints.describe(endpoint_name)["EndpointConfigName"] == old_config
            gate.open()
        waiter = endpoints.sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        assert crowd.sample(50) == {"new": 50}
    described = endpoints.describe(endpoint_name)
    assert (described["EndpointConfigName"], described["LastDeploymentConfig"]) == (four_instances, deployment)
    assert "FailureReason" not in described
    gate.open()
    endpoints.update(endpoint_name, old_config)
    assert endpoints.settle(endpoint_name)["EndpointConfigName"] == old_config


def test_a_linear_shift_moves_the_requests_step_by_step(
    endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    with Crowd(endpoints, endpoint_name, CLIENTS).invoking() as crowd:
        endpoints.update(endpoint_name, new_config, DeploymentConfig=linear(40))
        for percent in (40, 80, 100):
            wait_for_step(endpoints, endpoint_name, percent)
            assert_share(crowd.sample(REQUESTS_PER_STEP if percent < 100 else 50), percent / 100)
            gate.open()
        assert endpoints.settle(endpoint_name)["EndpointConfigName"] == new_config
        endpoints.update(endpoint_name, old_config, DeploymentConfig=all_at_once())
        gate.open()
        assert endpoints.settle(endpoint_name)["EndpointConfigName"] == old_config
    assert set(crowd.responses) == {("one", "old"), ("one", "new")}


def test_an_alarm_on_a_custom_metric_rolls_the_update_back(
    endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str
) -> None:
    quiet_alarm, alarm = put_alarm(endpoints), put_alarm(endpoints)
    endpoints.update(endpoint_name, new_config, DeploymentConfig=canary(alarms=(quiet_alarm, alarm)))
    wait_for_step(endpoints, endpoint_name, 25)
    with Crowd(endpoints, endpoint_name, CLIENTS).invoking() as crowd:
        assert crowd.sample(100)["new"]
        cloudwatch(endpoints).put_metric_data(Namespace="mine", MetricData=[{"MetricName": alarm, "Value": 9.0}])
        reason = f"The CloudWatch alarm '{alarm}' is in ALARM: The alarm's condition is GreaterThanThreshold 5"
        assert_rolled_back(endpoints, endpoint_name, old_config, reason)
        assert crowd.sample(50) == {"old": 50}


def test_an_alarm_on_an_endpoint_metric_rolls_back(endpoints: Endpoints, endpoint_name: str, old_config: str) -> None:
    """The alarm goes off because the new model fails."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint_name}, {"Name": "VariantName", "Value": "failing"}]
    members = {"Namespace": "AWS/SageMaker", "MetricName": "Invocation5XXErrors", "Dimensions": dimensions}
    alarm = put_alarm(endpoints, **members)
    failing_config = endpoints.config(variant(endpoints.model(FAILING_SCRIPT), "failing"))
    endpoints.update(endpoint_name, failing_config, DeploymentConfig=linear(50, interval=HOUR, alarms=(alarm,)))
    wait_for_step(endpoints, endpoint_name, 50)
    with Crowd(endpoints, endpoint_name, CLIENTS, model_errors=True).invoking() as crowd:
        assert_rolled_back(endpoints, endpoint_name, old_config, f"The CloudWatch alarm '{alarm}' is in ALARM")
        assert crowd.sample(50) == {"old": 50}
    assert set(crowd.responses) == {("one", "old"), ("", MODEL_ERROR)}


def test_an_alarm_after_the_shift_rolls_the_update_back(
    endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str
) -> None:
    """The old fleet still exists during the termination wait, so the update can be rolled back."""
    alarm = put_alarm(endpoints)
    endpoints.update(
        endpoint_name, new_config, DeploymentConfig=all_at_once(alarms=(alarm,), TerminationWaitInSeconds=HOUR)
    )
    wait_for_step(endpoints, endpoint_name, 100)
    with Crowd(endpoints, endpoint_name, CLIENTS).invoking() as crowd:
        assert crowd.sample(50) == {"new": 50}
        set_alarm(endpoints, alarm)
        assert_rolled_back(endpoints, endpoint_name, old_config, f"The CloudWatch alarm '{alarm}' is in ALARM: a drill")
        assert crowd.sample(50) == {"old": 50}


def test_an_alarm_that_is_already_in_alarm_rolls_the_update_back(
    endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str
) -> None:
    alarm = put_alarm(endpoints, TreatMissingData="breaching")
    with Crowd(endpoints, endpoint_name, clients=2).invoking() as crowd:
        endpoints.update(endpoint_name, new_config, DeploymentConfig=all_at_once(alarms=(alarm,)))
        assert_rolled_back(endpoints, endpoint_name, old_config, f"The CloudWatch alarm '{alarm}' is in ALARM")
    assert set(crowd.responses) == {("one", "old")}


def test_a_deleted_alarm_rolls_back(endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str) -> None:
    alarm = put_alarm(endpoints)
    endpoints.update(endpoint_name, new_config, DeploymentConfig=canary(alarms=(alarm,)))
    wait_for_step(endpoints, endpoint_name, 25)
    cloudwatch(endpoints).delete_alarms(AlarmNames=[alarm])
    reason = f"The CloudWatch alarm '{alarm}' was deleted during the update"
    assert_rolled_back(endpoints, endpoint_name, old_config, reason)


def test_an_update_that_takes_too_long_is_rolled_back(
    endpoints: Endpoints, endpoint_name: str, old_config: str, new_config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MaximumExecutionTimeoutInSeconds must be at least ten minutes, so this test moves the deadline up."""
    updates: list[GradualUpdate] = []

    class RecordedUpdate(GradualUpdate):
        def __init__(self, *arguments: Any):
            super().__init__(*arguments)
            updates.append(self)

    monkeypatch.setattr(endpoint_work, "GradualUpdate", RecordedUpdate)
    endpoints.update(
        endpoint_name, new_config, DeploymentConfig=canary(interval=200, MaximumExecutionTimeoutInSeconds=600)
    )
    wait_for_step(endpoints, endpoint_name, 25)
    with Crowd(endpoints, endpoint_name, CLIENTS).invoking() as crowd:
        assert crowd.sample(100)["new"]
        updates[0].deadline -= 600
        reason = "The update took longer than MaximumExecutionTimeoutInSeconds, which is 600"
        assert_rolled_back(endpoints, endpoint_name, old_config, reason)
        assert crowd.sample(50) == {"old": 50}
