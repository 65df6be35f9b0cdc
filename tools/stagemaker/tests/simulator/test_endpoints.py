"""Endpoints: creation, description, listing and deletion; the operations that each status allows; failure reasons."""

import json
import os
import re
from typing import Any

import pytest
from stagemaker_support.endpoints import NAMER, Endpoints, variant
from stagemaker_support.simulator_client import IMAGE, rejection

from stagemaker.resources import endpoint
from stagemaker.server import BUCKET

LIMIT_ERROR = "ResourceLimitExceeded"
pytestmark = pytest.mark.everywhere


@pytest.fixture(scope="module")
def config(endpoints: Endpoints) -> str:
    return endpoints.config(variant(endpoints.named("m")))


@pytest.fixture(scope="module")
def endpoint_in_service(endpoints: Endpoints, config: str) -> str:
    return endpoints.create(config)


def test_the_life_cycle_of_an_endpoint(endpoints: Endpoints) -> None:
    sagemaker = endpoints.sagemaker
    models = [endpoints.named(name) for name in ("m1", "m2")]
    config = endpoints.config(variant(models[0], weight=3), variant(models[1], "two", count=2, weight=0.5))
    name = endpoints.create(config, wait=False, Tags=[{"Key": "a", "Value": "b"}])
    created = endpoints.describe(name)
    assert (created["EndpointStatus"], created["EndpointConfigName"]) == ("Creating", config)
    assert "ProductionVariants" not in created
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    description = endpoints.describe(name)
    assert "FailureReason" not in description
    assert description["LastModifiedTime"] > description["CreationTime"]
    one, two = description["ProductionVariants"]
    [image] = one.pop("DeployedImages")
    assert (image["SpecifiedImage"], image["ResolvedImage"]) == (IMAGE, IMAGE)
    counts = {"CurrentInstanceCount": 1, "DesiredInstanceCount": 1}
    assert one == {"VariantName": "one", "CurrentWeight": 3, "DesiredWeight": 3} | counts
    assert (two["CurrentWeight"], two["CurrentInstanceCount"]) == (0.5, 2)
    for target, model in (("one", "m1"), ("two", "m2")):
        response = endpoints.invoke(name, "x", TargetVariant=target)
        assert response["InvokedProductionVariant"] == target
        assert json.loads(response["Body"].read())[0] == model
    assert sagemaker.list_tags(ResourceArn=description["EndpointArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    sagemaker.delete_endpoint_config(EndpointConfigName=config)
    for model in models:
        sagemaker.delete_model(ModelName=model)
    assert endpoints.describe(name)["EndpointConfigName"] == config  # the endpoint outlives its configuration and model
    assert endpoints.invoke(name)["InvokedProductionVariant"] in ("one", "two")
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    rejection(endpoints.invoke, name, code="ValidationError")
    assert "Could not find endpoint" in rejection(endpoints.describe, name)
    assert "not found" in rejection(sagemaker.list_tags, ResourceArn=description["EndpointArn"])


def test_a_failed_endpoint_has_a_reason(endpoints: Endpoints, config: str) -> None:
    script = NAMER.format(name="m") + "\ndef model_fn(model_dir):\n    raise LookupError('no weights here')\n"
    name = endpoints.create(endpoints.config(variant(endpoints.model(script))), wait=False)
    description = endpoints.settle(name)
    assert description["EndpointStatus"] == "Failed"
    assert "Production variant one did not pass the ping health check" in description["FailureReason"]
    assert "inference.py" in description["FailureReason"]
    assert "LookupError: no weights here" in description["FailureReason"]
    assert "ProductionVariants" not in description
    rejection(endpoints.invoke, name, code="ValidationError")
    update = endpoints.sagemaker.update_endpoint
    assert "in status Failed" in rejection(update, EndpointName=name, EndpointConfigName=config)
    waiter = endpoints.sagemaker.get_waiter("endpoint_in_service")
    with pytest.raises(Exception, match="Failed"):
        waiter.wait(EndpointName=name)
    endpoints.delete(name)


@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "missing"])
def test_a_model_whose_archive_is_unusable_fails_the_endpoint(endpoints: Endpoints, is_broken: bool) -> None:
    url = endpoints.client.put("models/broken/model.tar.gz", b"no archive")
    model = endpoints.model(NAMER.format(name="m"), ModelDataUrl=url)
    if not is_broken:
        endpoints.client.s3.delete_object(Bucket=BUCKET, Key="models/broken/model.tar.gz")
    reason = endpoints.failure_reason(model)
    assert "Production variant one could not be started: " in reason
    assert ("model.tar.gz could not be unpacked" if is_broken else url) in reason


def test_operations_are_rejected_while_another_is_in_progress(endpoints: Endpoints, config: str) -> None:
    sagemaker = endpoints.sagemaker
    slow_model = endpoints.model("import time\ntime.sleep(3)\n" + NAMER.format(name="slow"))
    name = endpoints.create(endpoints.config(variant(slow_model)), wait=False)
    weights = [{"VariantName": "one", "DesiredWeight": 2}]
    calls: list[tuple[Any, dict[str, Any]]] = [
        (sagemaker.update_endpoint, {"EndpointConfigName": config}),
        (sagemaker.update_endpoint_weights_and_capacities, {"DesiredWeightsAndCapacities": weights}),
        (sagemaker.delete_endpoint, {}),
    ]
    for status, first_call in (("Creating", None), ("Updating", calls[0])):
        if first_call:
            endpoints.settle(name)
            first_call[0](EndpointName=name, EndpointConfigName=endpoints.config(variant(slow_model)))
        for call, members in calls:
            assert f"in status {status}: " in rejection(call, EndpointName=name, **members)
        message = rejection(sagemaker.create_endpoint, EndpointName=name, EndpointConfigName=config)
        assert "already existing endpoint" in message
    endpoints.settle(name)
    endpoints.delete(name)


def test_invalid_requests_are_rejected(endpoints: Endpoints, config: str, endpoint_in_service: str) -> None:
    sagemaker = endpoints.sagemaker
    create, update = sagemaker.create_endpoint, sagemaker.update_endpoint
    update_weights = sagemaker.update_endpoint_weights_and_capacities
    name = endpoint_in_service
    message = rejection(create, EndpointName="new", EndpointConfigName="nowhere")
    assert "Could not find endpoint configuration" in message
    assert "Could not find endpoint conf" in rejection(update, EndpointName=name, EndpointConfigName="nowhere")
    for call, members in ((update, {"EndpointConfigName": config}), (sagemaker.delete_endpoint, {})):
        rejection(call, EndpointName="nowhere", **members)
    for entries, reason in (
        ([{"VariantName": "unknown", "DesiredWeight": 1}], "variant unknown does not exist"),
        ([{"VariantName": "one"}, {"VariantName": "one"}], "variant one is listed twice"),
        ([{"VariantName": "one", "DesiredWeight": 0}], "At least one variant must have a weight above 0"),
        ([{"VariantName": "one", "DesiredInstanceCount": 0}], "must be at least 1"),
        ([{"VariantName": "one", "ServerlessUpdateConfig": {}}], "ServerlessUpdateConfig is not simulated"),
    ):
        assert reason in rejection(update_weights, EndpointName=name, DesiredWeightsAndCapacities=entries)
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    message = rejection(create, EndpointName=name.upper(), EndpointConfigName=config)
    assert f'Cannot create already existing endpoint "{arn}".' in message
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/tensorflow:1.7"
    message = rejection(
        endpoints.create, endpoints.config(variant(endpoints.model(NAMER.format(name="m"), Image=image)))
    )
    assert "Only images of the scikit-learn, XGBoost, linear-learner and PyTorch families" in message
    model = endpoints.named("gone")
    config_without_model = endpoints.config(variant(model))
    sagemaker.delete_model(ModelName=model)
    for call, endpoint_name in ((create, "new"), (update, name)):
        message = rejection(call, EndpointName=endpoint_name, EndpointConfigName=config_without_model)
        assert re.search(f"Could not find model.*{model}", message)
    members = {"EndpointName": name, "EndpointConfigName": config}
    message = rejection(update, **members, ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}])
    assert "requires RetainAllVariantProperties" in message
    assert "cannot be used with" in rejection(update, **members, RetainDeploymentConfig=True, DeploymentConfig={})
    assert endpoints.describe(name)["EndpointStatus"] == "InService"


def test_the_total_number_of_instances_is_limited(endpoints: Endpoints, endpoint_in_service: str) -> None:
    limit = endpoint.MAX_INSTANCES
    config = endpoints.config(variant(endpoints.named("m"), count=limit))
    message = rejection(endpoints.create, config, code=LIMIT_ERROR)
    assert f"All endpoints together can have at most {limit}" in message
    entries = [{"VariantName": "one", "DesiredInstanceCount": limit + 1}]
    update_weights = endpoints.sagemaker.update_endpoint_weights_and_capacities
    rejection(update_weights, EndpointName=endpoint_in_service, DesiredWeightsAndCapacities=entries, code=LIMIT_ERROR)
    description = endpoints.describe(endpoint_in_service)
    assert description["ProductionVariants"][0]["DesiredInstanceCount"] == 1


@pytest.mark.slow
def test_running_instances_count_towards_the_limit(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both fleets' instances count until the termination wait ends. A failed endpoint's instances do not count."""
    names = [item["EndpointName"] for item in endpoints.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]]
    used_instances = sum(
        item["CurrentInstanceCount"]
        for description in map(endpoints.describe, names)
        for item in description.get("ProductionVariants", [])
        if description["EndpointStatus"] != "Failed"
    )
    monkeypatch.setattr(endpoint, "MAX_INSTANCES", used_instances + 3)
    failed_endpoint = endpoints.create(endpoints.config(variant(endpoints.model("1 / 0"), count=3)), wait=False)
    assert endpoints.settle(failed_endpoint)["EndpointStatus"] == "Failed"
    model = endpoints.named("m")
    one_instance, two_instances = (endpoints.config(variant(model, count=count)) for count in (1, 2))
    name = endpoints.create(two_instances)
    update = endpoints.sagemaker.update_endpoint
    rejection(update, EndpointName=name, EndpointConfigName=two_instances, code=LIMIT_ERROR)
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 2}
    endpoints.update(name, one_instance, DeploymentConfig={"BlueGreenUpdatePolicy": policy})
    while endpoints.describe(name).get("PendingDeploymentSummary"):
        rejection(endpoints.create, one_instance, code=LIMIT_ERROR)
    assert endpoints.describe(name)["EndpointStatus"] == "Updating"
    rejection(endpoints.create, one_instance, code=LIMIT_ERROR)
    endpoints.settle(name)
    endpoints.delete(endpoints.create(two_instances), name, failed_endpoint)


def test_endpoints_do_not_take_cpus_from_jobs(endpoints: Endpoints) -> None:
    count = (os.cpu_count() or 1) + 1
    name = endpoints.create(endpoints.config(variant(endpoints.named("m"), count=min(count, 10))))
    assert endpoints.client.process("print('done')")["ProcessingJobStatus"] == "Completed"
    endpoints.delete(name)
