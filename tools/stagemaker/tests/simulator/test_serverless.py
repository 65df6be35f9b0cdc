"""Serverless variants: servers with the requested memory, and a limit on concurrent invocations."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.endpoints import WAITER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.server import ROLE_ARN

LARGE_SCRIPT = """
import time
def model_fn(model_dir):
    memory = b"x" * (1100 << 20)
    time.sleep(5)
    return memory
"""
SERVERLESS = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}


def serverless_variant(model: str, **members: Any) -> dict[str, Any]:
    return {"VariantName": "one", "ModelName": model, "ServerlessConfig": SERVERLESS} | members


def test_invocations_beyond_the_limit_are_throttled(unsandboxed_client: Client, tmp_path: Path) -> None:
    endpoints, may_end = Endpoints(unsandboxed_client), tmp_path / "may end"
    model = endpoints.model(WAITER.format(path=str(may_end)))
    endpoint = endpoints.create(endpoints.config(serverless_variant(model)))
    (description,) = endpoints.describe(endpoint)["ProductionVariants"]
    assert description["CurrentServerlessConfig"] == SERVERLESS
    assert description["CurrentInstanceCount"] == 0
    assert "DesiredInstanceCount" not in description
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(endpoints.invoke, endpoint, "wait", ContentType="text/csv")
        try:
            group = f"/aws/sagemaker/Endpoints/{endpoint}"
            logs = endpoints.client.logs
            wait_until(lambda: logs.filter_log_events(logGroupName=group, filterPattern="waits")["events"])
            with pytest.raises(ClientError, match="Rate exceeded: variant one has a MaxConcurrency of 1") as excinfo:
                endpoints.invoke(endpoint, "now", ContentType="text/csv")
            assert excinfo.value.response["Error"]["Code"] == "ThrottlingException"
            assert excinfo.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        finally:
            may_end.touch()
        assert future.result()["Body"].read() == b'["waiting"]'
    assert endpoints.invoke(endpoint, "now", ContentType="text/csv")["Body"].read() == b'["waiting"]'
    capacity = {"VariantName": "one", "DesiredInstanceCount": 4}
    assert "has no instances" in rejection(lambda: endpoints.rescale(endpoint, capacity))
    endpoints.update(endpoint, endpoints.config(variant(model, count=2)), RetainAllVariantProperties=True)
    (description,) = endpoints.settle(endpoint)["ProductionVariants"]
    assert description["CurrentInstanceCount"] == 2
    config = endpoints.config(serverless_variant(model))
    assert "cannot be updated to a serverless one" in rejection(lambda: endpoints.update(endpoint, config))
    endpoints.delete(endpoint)


def test_a_model_has_the_requested_memory(endpoints: Endpoints) -> None:
    model = endpoints.model(LARGE_SCRIPT)
    name = endpoints.create(endpoints.config(serverless_variant(model)), wait=False)
    assert "memory" in endpoints.settle(name)["FailureReason"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"ServerlessConfig": SERVERLESS | {"MemorySizeInMB": 1500}}, "must be one of 1024, 2048"),
        ({"ServerlessConfig": SERVERLESS | {"ProvisionedConcurrency": 2}}, "must not exceed MaxConcurrency"),
        ({"InstanceType": "ml.m5.large"}, "InstanceType cannot be used with ServerlessConfig"),
    ],
)
def test_invalid_variants_are_rejected(endpoints: Endpoints, members: dict[str, Any], reason: str) -> None:
    model = endpoints.named("m")
    assert reason in rejection(endpoints.config, serverless_variant(model, **members))
    other = serverless_variant(model, VariantName="two")
    assert "must be the only one" in rejection(endpoints.config, serverless_variant(model), other)


def test_some_models_are_not_for_serverless_variants(endpoints: Endpoints) -> None:
    name, subnet = "not-serverless", {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    container = endpoints.client.container("")
    for members, reason in (
        ({"PrimaryContainer": container, "EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({"PrimaryContainer": container, "VpcConfig": subnet}, "a VpcConfig"),
        ({"Containers": [container, container]}, "several containers"),
    ):
        endpoints.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, **members)
        assert reason in rejection(endpoints.config, serverless_variant(name))
        endpoints.sagemaker.delete_model(ModelName=name)
