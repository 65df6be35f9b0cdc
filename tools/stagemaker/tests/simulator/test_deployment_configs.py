"""A DeploymentConfig that is invalid or not simulated is rejected when the endpoint is created or updated."""

from typing import Any

import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import rejection

ALARM = {"Namespace": "mine", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0}
ALARM |= {"ComparisonOperator": "GreaterThanThreshold"}
ONE_INSTANCE = {"Type": "INSTANCE_COUNT", "Value": 1}


def size(value: int, kind: str = "CAPACITY_PERCENT") -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def config(kind: str, wait: int = 0, policy: dict[str, Any] | None = None, **routing: Any) -> dict[str, Any]:
    routing |= {"Type": kind, "WaitIntervalInSeconds": wait}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing} | (policy or {})}


def alarms(*names: str) -> dict[str, Any]:
    return {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in names]}}


INVALID_CONFIGS = [
    (config("CANARY"), "traffic routing of Type CANARY requires CanarySize"),
    (config("LINEAR"), "traffic routing of Type LINEAR requires LinearStepSize"),
    (config("LINEAR", CanarySize=size(10)), "CanarySize cannot be used with traffic routing of Type LINEAR"),
    (config("CANARY", LinearStepSize=size(10)), "LinearStepSize cannot be used with traffic routing of Type CANARY"),
    (config("ALL_AT_ONCE", CanarySize=size(10)), "CanarySize cannot be used with traffic routing of Type ALL_AT_ONCE"),
    (config("CANARY", CanarySize=size(51)), "CanarySize must be 1 to 50 percent of the capacity"),
    (config("CANARY", CanarySize=size(0)), "CanarySize.Value, value: 0, valid min value: 1"),
    (config("LINEAR", LinearStepSize=size(9)), "LinearStepSize must be 10 to 50 percent of the capacity"),
    (config("LINEAR", LinearStepSize=size(51)), "LinearStepSize must be 10 to 50 percent of the capacity"),
    (config("CANARY", CanarySize=size(10, "INSTANCES")), "INSTANCE_COUNT, CAPACITY_PERCENT"),
    (config("CANARY", wait=3601, CanarySize=size(10)), "less than or equal to 3600"),
    (config("ALL_AT_ONCE", wait=600, policy={"MaximumExecutionTimeoutInSeconds": 600}), "must be greater than the sum"),
    (config("ALL_AT_ONCE", policy={"MaximumExecutionTimeoutInSeconds": 599}), "valid min value: 600"),
    (
        {"RollingUpdatePolicy": {"MaximumBatchSize": ONE_INSTANCE, "WaitIntervalInSeconds": 0}},
        "RollingUpdatePolicy is not simulated",
    ),
    (alarms("unknown"), "the CloudWatch alarm 'unknown' does not exist"),
    (alarms("percentile"), "the alarm 'percentile' cannot be used because ExtendedStatistic is not simulated"),
    (alarms("expression"), "the alarm 'expression' cannot be used because Metrics is not simulated"),
    (config("ALL_AT_ONCE") | alarms("good", "unknown"), "the CloudWatch alarm 'unknown' does not exist"),
    ({"AutoRollbackConfiguration": {"Alarms": [{}]}}, "an alarm has no AlarmName"),
    ({"AutoRollbackConfiguration": {"Alarms": []}}, "valid min length: 1"),
    (alarms(*["good"] * 11), "less than or equal to 10"),
]
INVALID_UPDATES = [  # these would be valid for a different number of instances
    (config("CANARY", CanarySize=size(3, "INSTANCE_COUNT")), "CanarySize must be at most 50% of the instance count of"),
    (config("CANARY", CanarySize=size(10**9, "INSTANCE_COUNT")), "must be at most 50% of the instance count"),
    (config("LINEAR", LinearStepSize=size(3, "INSTANCE_COUNT")), "LinearStepSize must be 10% to 50% of the instance"),
    (
        config("LINEAR", 60, {"MaximumExecutionTimeoutInSeconds": 600}, LinearStepSize=size(10)) | alarms("good"),
        "MaximumExecutionTimeoutInSeconds must be greater than the sum of all waits, which is 600",
    ),
]


@pytest.fixture(scope="module")
def endpoint_name(endpoints: Endpoints) -> str:
    cloudwatch = endpoints.client.simulator.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="good", **ALARM, Statistic="Sum")
    cloudwatch.put_metric_alarm(AlarmName="percentile", **ALARM, ExtendedStatistic="p99")
    metric = {"Metric": {"Namespace": "mine", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}
    cloudwatch.put_metric_alarm(
        AlarmName="expression",
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "m", "MetricStat": metric, "ReturnData": True}],
    )
    return endpoints.create(endpoints.config(variant(endpoints.named("old"))))


def test_invalid_deployment_configs_are_rejected(endpoints: Endpoints, endpoint_name: str) -> None:
    four_instances = endpoints.config(variant(endpoints.named("new"), count=4))
    unchecked_client = endpoints.client.raw_client()
    for deployment, reason in [*INVALID_CONFIGS, *INVALID_UPDATES]:
        members = {"EndpointName": endpoint_name, "EndpointConfigName": four_instances, "DeploymentConfig": deployment}
        assert reason in rejection(unchecked_client.update_endpoint, **members), deployment
    for deployment, reason in INVALID_CONFIGS:
        members = {"EndpointName": "another", "EndpointConfigName": four_instances, "DeploymentConfig": deployment}
        assert reason in rejection(unchecked_client.create_endpoint, **members), deployment
    assert endpoints.describe(endpoint_name)["EndpointStatus"] == "InService"


def test_a_retained_deployment_config_is_checked_again(endpoints: Endpoints, endpoint_name: str) -> None:
    cloudwatch = endpoints.client.simulator.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="passing", **ALARM, Statistic="Sum")
    deployment = config("CANARY", CanarySize=size(1, "INSTANCE_COUNT")) | alarms("passing")
    model = endpoints.named("kept")
    one_instance, two_instances = endpoints.config(variant(model)), endpoints.config(variant(model, count=2))
    name = endpoints.create(one_instance, DeploymentConfig=deployment)
    update = {"EndpointName": name, "RetainDeploymentConfig": True}
    call = endpoints.sagemaker.update_endpoint
    assert "at most 50% of the instance count" in rejection(call, EndpointConfigName=one_instance, **update)
    cloudwatch.delete_alarms(AlarmNames=["passing"])
    assert "CloudWatch alarm 'passing' does not exist" in rejection(call, EndpointConfigName=two_instances, **update)
    assert endpoints.describe(name)["EndpointStatus"] == "InService"
