"""Endpoints in a state folder serve again after a restart, even if the simulator was killed."""

import json
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import SimulatorProcess, running

from stagemaker.server import BUCKET

SLEEP_CODE = "import time\ntime.sleep(2)\n"


@contextmanager
def endpoints_of(folder: Path) -> Iterator[tuple[SimulatorProcess, Endpoints]]:
    with running("--state", folder) as simulator:
        yield simulator, Endpoints(Client(simulator))


def serving_model(endpoints: Endpoints, name: str) -> str:
    return json.loads(endpoints.invoke(name)["Body"].read())[0]


def assert_in_service(endpoints: Endpoints, name: str, config: str) -> dict[str, Any]:
    description = endpoints.settle(name)
    assert (description["EndpointStatus"], description["EndpointConfigName"]) == ("InService", config)
    return description


@pytest.mark.slow
def test_endpoints_serve_again_after_a_kill(tmp_path: Path) -> None:
    with endpoints_of(tmp_path) as (simulator, endpoints):
        config = endpoints.config(variant(endpoints.named("one")), variant(endpoints.named("two"), "two"))
        serving_endpoint = endpoints.create(config)
        entries = [{"VariantName": "two", "DesiredWeight": 0}]
        endpoints.rescale(serving_endpoint, *entries)
        archive = endpoints.client.source(weights="x = 1")
        lost_endpoint = endpoints.create(
            endpoints.config(variant(endpoints.model(NAMER.format(name="lost"), ModelDataUrl=archive)))
        )
        failed_endpoint = endpoints.create(endpoints.config(variant(endpoints.model("1 / 0"))), wait=False)
        reason = endpoints.settle(failed_endpoint)["FailureReason"]
        endpoints.settle(serving_endpoint)
        endpoints.client.s3.delete_object(Bucket=BUCKET, Key=archive.removeprefix(f"s3://{BUCKET}/"))
        simulator.kill()
    with endpoints_of(tmp_path) as (simulator, endpoints):
        serving_models = {serving_model(endpoints, serving_endpoint) for _ in range(10)}
        assert serving_models == {"one"}  # the endpoint serves at once, with the new weights
        description = endpoints.settle(serving_endpoint)
        assert description["EndpointStatus"] == "InService"
        assert [item["CurrentWeight"] for item in description["ProductionVariants"]] == [1, 0]
        description = endpoints.settle(lost_endpoint)
        assert description["EndpointStatus"] == "Failed"
        assert archive in description["FailureReason"]
        assert endpoints.describe(failed_endpoint)["FailureReason"] == reason
        endpoints.delete(lost_endpoint, failed_endpoint)
        assert simulator.end() in (0, -signal.SIGTERM)
    with endpoints_of(tmp_path) as (_, endpoints):
        summaries = endpoints.sagemaker.list_endpoints()["Endpoints"]
        assert [item["EndpointName"] for item in summaries] == [serving_endpoint]
        assert serving_model(endpoints, serving_endpoint) == "one"
        endpoints.settle(serving_endpoint)
        endpoints.delete(serving_endpoint)


@pytest.mark.slow
def test_interrupted_work_is_finished(tmp_path: Path) -> None:
    """The simulator is killed while endpoints are created, updated, rescaled and deleted, and another endpoint serves.

    One endpoint's old fleet cannot start again, because its model's archive was deleted. The rescale is repeated
    without its policy's waits, and the failure reason of the previous update is discarded.
    """
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 600}
    deployment = {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy}}
    with endpoints_of(tmp_path) as (simulator, endpoints):
        archive = endpoints.client.source(weights="x = 1")
        models = (
            endpoints.named("first"),
            endpoints.model(SLEEP_CODE + NAMER.format(name="slow")),
            endpoints.model("1 / 0"),
            endpoints.model(NAMER.format(name="lost"), ModelDataUrl=archive),
        )
        first, slow, failing, lost = (endpoints.config(variant(model)) for model in models)
        updated_name, without_old_fleet, deleted, serving = map(endpoints.create, (first, lost, first, slow))
        rescaled = endpoints.create(slow, **deployment)
        endpoints.update(rescaled, failing, **deployment)
        assert "ZeroDivisionError" in endpoints.settle(rescaled)["FailureReason"]
        endpoints.client.s3.delete_object(Bucket=BUCKET, Key=archive.removeprefix(f"s3://{BUCKET}/"))
        created = endpoints.create(slow, wait=False)
        for name in (updated_name, without_old_fleet):
            endpoints.update(name, slow)
        endpoints.rescale(rescaled, {"VariantName": "one", "DesiredInstanceCount": 2})
        endpoints.sagemaker.delete_endpoint(EndpointName=deleted)
        assert endpoints.describe(created)["EndpointStatus"] == "Creating"
        for name in (updated_name, without_old_fleet, rescaled):
            assert endpoints.describe(name)["EndpointStatus"] == "Updating"
        simulator.kill()
    with endpoints_of(tmp_path) as (_, endpoints):
        assert endpoints.describe(serving)["EndpointStatus"] == "SystemUpdating"
        with pytest.raises(Exception, match="in status SystemUpdating"):
            endpoints.update(serving, first)
        assert serving_model(endpoints, updated_name) in ("first", "slow")
        for name in (created, updated_name, without_old_fleet, rescaled, serving):
            description = assert_in_service(endpoints, name, slow)
            assert "FailureReason" not in description
            assert description["ProductionVariants"][0]["CurrentInstanceCount"] == (2 if name == rescaled else 1)
            assert serving_model(endpoints, name) == "slow"
        assert deleted not in [item["EndpointName"] for item in endpoints.sagemaker.list_endpoints()["Endpoints"]]


@pytest.mark.slow
def test_an_interrupted_traffic_shift_starts_again(tmp_path: Path) -> None:
    """One update completes. An alarm rolls the other one back; alarms are restored, although moto forgets them."""
    alarm = {"Namespace": "mine", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
    canary_size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    with endpoints_of(tmp_path) as (simulator, endpoints):
        simulator.client("cloudwatch").put_metric_alarm(AlarmName="mine", **alarm)
        old_config, new_config = (endpoints.config(variant(endpoints.named(name))) for name in ("old", "new"))
        finished_endpoint, rolled_back_endpoint = endpoints.create(old_config), endpoints.create(old_config)
        for name, wait in ((finished_endpoint, 2), (rolled_back_endpoint, 3600)):
            routing = {"Type": "CANARY", "CanarySize": canary_size, "WaitIntervalInSeconds": wait}
            deployment = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
            deployment["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": "mine"}]}
            endpoints.update(name, new_config, DeploymentConfig=deployment)
        while serving_model(endpoints, rolled_back_endpoint) != "new":
            time.sleep(0.05)
        simulator.kill()
    with endpoints_of(tmp_path) as (simulator, endpoints):
        serving_models = {serving_model(endpoints, name) for name in (finished_endpoint, rolled_back_endpoint)}
        assert serving_models <= {"old", "new"}
        description = assert_in_service(endpoints, finished_endpoint, new_config)
        while serving_model(endpoints, rolled_back_endpoint) != "new":
            time.sleep(0.05)
        metric = [{"MetricName": "m", "Value": 9.0}]
        simulator.client("cloudwatch").put_metric_data(Namespace="mine", MetricData=metric)
        description = assert_in_service(endpoints, rolled_back_endpoint, old_config)
        reason = "The CloudWatch alarm 'mine' is in ALARM: The alarm's condition is GreaterThanThreshold 5"
        assert reason in description["FailureReason"]
        assert {serving_model(endpoints, rolled_back_endpoint) for _ in range(20)} == {"old"}


@pytest.mark.slow
def test_an_update_survives_a_full_disk(tmp_path: Path) -> None:
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 2}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    with endpoints_of(tmp_path) as (simulator, endpoints):
        name = endpoints.create(endpoints.config(variant(endpoints.named("old"))))
        new_config = endpoints.config(variant(endpoints.named("new")))
        endpoints.update(name, new_config, DeploymentConfig=policy)
        while serving_model(endpoints, name) != "new":
            time.sleep(0.05)
        process = psutil.Process(simulator.process.pid)
        limits = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (1, limits[1]))  # every write fails, as on a full disk
        time.sleep(4)
        assert endpoints.describe(name)["EndpointStatus"] == "Updating"
        process.rlimit(resource.RLIMIT_FSIZE, limits)
        assert_in_service(endpoints, name, new_config)
        endpoints.delete(name)
