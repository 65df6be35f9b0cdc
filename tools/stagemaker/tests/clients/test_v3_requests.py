"""Version 3 of the SDK: sagemaker-core's resource classes, one for each kind of resource."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core import resources
from sagemaker.core.resources import Endpoint, EndpointConfig, TrainingJob
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.core.utils.utils import pascal_to_snake
from stagemaker_support.request_scenarios import *  # noqa: F403
from stagemaker_support.sdk import INSTANCE, ROLE

MAPS = ("HyperParameters", "StaticHyperParameters", "Environment")  # members whose keys the user chooses


def snake_case(value: Any) -> Any:
    """Convert the member names of a request to snake case, as the SDK requires."""
    if isinstance(value, list):
        return [snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {pascal_to_snake(name): item if name in MAPS else snake_case(item) for name, item in value.items()}


class Resources:
    """Methods that create resources from API requests."""

    def create(self, kind: str, request: dict[str, Any]) -> None:
        resource = getattr(resources, kind).create(**snake_case(request))
        if kind == "Endpoint":
            assert resource.endpoint_status == "Creating"
            resource.wait_for_status("InService", poll=1, timeout=60)
        elif kind == "HyperParameterTuningJob":
            resource.wait(poll=1)
            assert resource.hyper_parameter_tuning_job_status == "Completed"
        elif kind.endswith("Job"):
            resource.wait(poll=1, logs=True)
        assert resource.get_name() in [item.get_name() for item in type(resource).get_all()]

    def fails(self) -> Any:
        return pytest.raises(FailedStatusError, match="could not convert string to float: 'much'")

    def update_endpoint(self, request: dict[str, Any]) -> None:
        endpoint = Endpoint.get(request["EndpointName"])
        endpoint.endpoint_config_name = request["EndpointConfigName"]
        endpoint.update()
        assert endpoint.endpoint_status == "Updating"
        endpoint.wait_for_status("InService", poll=1, timeout=60)

    def invoke(self, endpoint: str, body: bytes, variant: str) -> bytes:
        members = {"target_variant": variant, "inference_id": "id", "custom_attributes": "a"}
        response = Endpoint.get(endpoint).invoke(body=body, content_type="text/csv", **members)
        assert (response.invoked_production_variant, response.content_type[:8]) == (variant, "text/csv")
        return response.body.read()

    def delete(self, kind: str, name: str) -> None:
        resource = getattr(resources, kind).get(name)
        resource.delete()
        if kind == "Endpoint":
            resource.wait_for_delete(poll=1, timeout=60)
            assert name not in [item.endpoint_name for item in Endpoint.get_all()]


@pytest.fixture(scope="module")
def builder(variables: dict[str, str]) -> Resources:
    return Resources()


def test_a_training_job_is_described_and_stopped(lines: str, settings: dict[str, str], job: dict[str, Any]) -> None:
    description = TrainingJob.get(job["TrainingJobName"])
    assert description.hyper_parameters["factor"] == "2"
    assert [metric.value for metric in description.final_metric_data_list] == [18.0]
    definition = make_definition(settings["sagemaker_submit_directory"], lines)  # noqa: F405
    request = {"TrainingJobName": "stopped", "HyperParameters": settings | {"factor": "2"}} | definition
    stopped_job = TrainingJob.create(**snake_case(request))
    stopped_job.stop()
    stopped_job.wait(poll=1)
    assert stopped_job.training_job_status == "Stopped"


def test_the_variants_of_an_endpoint_are_rescaled(builder: Resources, container: dict[str, Any]) -> None:
    builder.create("Model", {"ModelName": "rescaled", "ExecutionRoleArn": ROLE, "PrimaryContainer": container})
    variant = {"ModelName": "rescaled", "InstanceType": INSTANCE, "InitialInstanceCount": 1, "InitialVariantWeight": 1}
    variants = [variant | {"VariantName": name} for name in ("one", "two")]
    builder.create("EndpointConfig", {"EndpointConfigName": "rescaled", "ProductionVariants": variants})
    builder.create("Endpoint", {"EndpointName": "rescaled", "EndpointConfigName": "rescaled"})
    endpoint = Endpoint.get("rescaled")
    assert [variant.current_weight for variant in endpoint.production_variants] == [1, 1]
    assert "rescaled" in [item.endpoint_name for item in Endpoint.get_all(status_equals="InService")]
    assert [builder.invoke("rescaled", b"1", name) for name in ("one", "two")] == [b"19.0", b"19.0"]
    capacity = {"variant_name": "one", "desired_weight": 99, "desired_instance_count": 2}
    endpoint.update_weights_and_capacities(desired_weights_and_capacities=[capacity])
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    states = [(variant.current_weight, variant.current_instance_count) for variant in endpoint.production_variants]
    assert states == [(99, 2), (1, 1)]
    builder.delete("Endpoint", "rescaled")
    config = EndpointConfig.get("rescaled")
    config.delete()
    with pytest.raises(ClientError, match="Could not find"):
        config.refresh()
