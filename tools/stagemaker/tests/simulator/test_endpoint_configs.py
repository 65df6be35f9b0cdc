"""Endpoint configurations: members that are stored, members that are not simulated, and invalid requests."""

from typing import Any

import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import rejection

from stagemaker.server import ROLE_ARN


@pytest.fixture(scope="module")
def model(endpoints: Endpoints) -> str:
    return endpoints.named("m")


def test_the_life_cycle_of_a_configuration(endpoints: Endpoints, model: str) -> None:
    sagemaker = endpoints.sagemaker
    one, two = variant(model, weight=0.25), variant(model, "two", count=2)
    del two["InitialVariantWeight"]
    tags = [{"Key": "a", "Value": "b"}]
    name = endpoints.config(one, two, Tags=tags, ExecutionRoleArn=ROLE_ARN)
    description = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert description["ProductionVariants"] == [one, two | {"InitialVariantWeight": 1.0}]
    assert description["EndpointConfigArn"].endswith(f":endpoint-config/{name}")
    assert description["ExecutionRoleArn"] == ROLE_ARN
    assert sagemaker.list_tags(ResourceArn=description["EndpointConfigArn"])["Tags"] == tags
    message = rejection(sagemaker.create_endpoint_config, EndpointConfigName=name, ProductionVariants=[one])
    assert "Cannot create already existing endpoint config" in message
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    for operation in (sagemaker.describe_endpoint_config, sagemaker.delete_endpoint_config):
        rejection(operation, EndpointConfigName=name)


@pytest.mark.parametrize(
    ("variants", "reason"),
    [
        ([{"ModelName": "nowhere"}], 'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/nowhere"'),
        ([{}, {}], "more than one variant is named one"),
        ([{"InitialVariantWeight": 0.0}], "at least one weight must be greater than 0"),
        ([{"InitialVariantWeight": 0.0}, {"InitialVariantWeight": 0.0, "VariantName": "two"}], "at least one weight"),
        ([{"ModelName": None}], "Production variant one: ModelName is missing"),
        ([{"InstanceType": None}], "Production variant one: InstanceType is missing"),
        ([{"InitialInstanceCount": None}], "Production variant one: InitialInstanceCount is missing"),
        ([{"InstanceType": "ml.unknown.large"}], "enum value set"),
        ([{"AcceleratorType": "ml.eia1.medium"}], "AcceleratorType is not simulated"),
        ([{"CoreDumpConfig": {"DestinationS3Uri": "s3://b/k"}}], "CoreDumpConfig is not simulated"),
        ([{"EnableSSMAccess": True}], "EnableSSMAccess is not simulated"),
        ([{"ManagedInstanceScaling": {"Status": "ENABLED"}}], "ManagedInstanceScaling is not simulated"),
        ([{"RoutingConfig": {"RoutingStrategy": "RANDOM"}}], "RoutingConfig is not simulated"),
        ([{"InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1}]}], "InstancePools is not simulated"),
    ],
    ids=str,
)
def test_invalid_and_unsupported_variants_are_rejected(
    endpoints: Endpoints, model: str, variants: list[dict[str, Any]], reason: str
) -> None:
    request_variants = [variant(model) | members for members in variants]
    request_variants = [
        {name: value for name, value in members.items() if value is not None} for members in request_variants
    ]
    assert reason in rejection(endpoints.config, *request_variants)


CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"DataCaptureConfig": CAPTURE | {"DestinationS3Uri": "https://b/c"}}, "DestinationS3Uri must be an S3 URI"),
        ({"ShadowProductionVariants": [variant("m", "shadow")]}, "ShadowProductionVariants is not simulated"),
        ({"DataCaptureConfig": CAPTURE | {"KmsKeyId": "key"}}, "DataCaptureConfig: KmsKeyId is not simulated"),
        ({"KmsKeyId": "key"}, "KmsKeyId is not simulated"),
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "AsyncInferenceConfig is not simulated"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}, "VpcConfig is not simulated"),
        ({"EnableNetworkIsolation": True}, "EnableNetworkIsolation is not simulated"),
        ({"MetricsConfig": {"EnableEnhancedMetrics": True}}, "MetricsConfig is not simulated"),
    ],
    ids=str,
)
def test_unsupported_members_are_rejected(
    endpoints: Endpoints, model: str, members: dict[str, Any], reason: str
) -> None:
    assert reason in rejection(endpoints.config, variant(model), **members)


def test_settings_that_are_switched_off_are_accepted(endpoints: Endpoints, model: str) -> None:
    name = endpoints.config(
        variant(model, EnableSSMAccess=False),
        DataCaptureConfig=CAPTURE | {"EnableCapture": False},
        EnableNetworkIsolation=False,
    )
    description = endpoints.sagemaker.describe_endpoint_config(EndpointConfigName=name)
    assert description["DataCaptureConfig"]["EnableCapture"] is False
