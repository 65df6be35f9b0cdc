"""Models that are created from model packages and used by endpoints and transform jobs."""

from typing import Any

import pytest
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.model_packages import SPECIFICATION, UNVERSIONED, Packages
from stagemaker_support.simulator_client import IMAGE, counter, rejection
from stagemaker_support.transform_jobs import container, run_batch
from stagemaker_support.transform_jobs import create_model as create_model_of

from stagemaker.server import ROLE_ARN

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/"
MULTIPLYING_SCRIPT = """
import os

def model_fn(model_dir): return float(os.environ["FACTOR"])
def transform_fn(model, data, content_type, accept): return str(model * float(data)), "text/csv"
"""


def create_model(packages: Packages, package: str, **members: Any) -> str:
    name = f"packaged-{next(counter)}"
    container = {"ModelPackageName": package} | members
    packages.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    return name


def multiplier_container(packages: Packages, factor: int) -> dict[str, Any]:
    return container(packages.client, MULTIPLYING_SCRIPT, Variables={"FACTOR": str(factor)})


def test_a_transform_job_runs_an_inference_pipeline_from_a_package(packages: Packages) -> None:
    """The model keeps the package's containers even after the package is deleted."""
    specification = SPECIFICATION | {
        "Containers": [multiplier_container(packages, 2), multiplier_container(packages, 5)]
    }
    package = packages.version(packages.group(), InferenceSpecification=specification, ModelApprovalStatus="Approved")
    client = packages.client
    model = create_model_of(client, {"ModelPackageName": package}, multiplier_container(packages, 7))
    packages.sagemaker.delete_model_package(ModelPackageName=package)
    assert run_batch(client, model, {"a": "3"}, Input={"ContentType": "text/csv"}) == [b"210.0"]


def test_environment_variables_of_a_model_override_those_of_its_package(packages: Packages) -> None:
    group = packages.group()
    additional_specification = {"Name": "other", "Containers": [multiplier_container(packages, 10)]}
    package = packages.version(
        group,
        InferenceSpecification=SPECIFICATION | {"Containers": [multiplier_container(packages, 2)]},
        AdditionalInferenceSpecifications=[additional_specification],
        ModelApprovalStatus="Approved",
    )
    endpoints = Endpoints(packages.client)
    models = [
        create_model(packages, package),
        create_model(packages, f"{group}/1", Environment={"FACTOR": "3"}, Mode="SingleModel"),
        create_model(packages, package, InferenceSpecificationName="other"),
    ]
    endpoint = endpoints.create(endpoints.config(*(variant(model, model) for model in models)))
    description = packages.sagemaker.describe_model(ModelName=models[1])  # as it was requested
    container = {"ModelPackageName": f"{group}/1", "Environment": {"FACTOR": "3"}, "Mode": "SingleModel"}
    assert description["PrimaryContainer"] == container
    assert not description.keys() & {"Containers", "Served"}
    responses = [endpoints.invoke(endpoint, "1", TargetVariant=model)["Body"].read() for model in models]
    assert responses == [b"2.0", b"3.0", b"10.0"]
    expression = {"Filters": [{"Name": "ProductionVariants.VariantName", "Value": models[1]}]}
    [result] = packages.sagemaker.search(Resource="Endpoint", SearchExpression=expression)["Results"]
    assert result["Endpoint"]["EndpointName"] == endpoint
    assert [item["VariantName"] for item in result["Endpoint"]["ProductionVariants"]] == models
    endpoints.delete(endpoint)


def test_a_version_must_be_approved_but_not_a_package_without_a_group(packages: Packages) -> None:
    for status in ("PendingManualApproval", "Rejected"):
        package = packages.version(packages.group(), ModelApprovalStatus=status)
        message = rejection(create_model, packages, package)
        assert f"in status {status}: its ModelApprovalStatus must be Approved" in message
    packages.approve(package)
    create_model(packages, package)
    name = f"package-{next(counter)}"
    packages.sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=UNVERSIONED)
    create_model(packages, name)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"Image": IMAGE}, "cannot have Image"),
        ({"ModelDataUrl": "s3://bucket/model.tar.gz"}, "cannot have ModelDataUrl"),
        ({"InferenceSpecificationName": "nothing"}, "has no additional inference specification 'nothing'"),
        ({"ModelPackageName": "nowhere"}, "Could not find model package"),
        ({"ModelPackageName": f"{ARN.replace('us-east', 'eu-west')}g/1"}, "package arn:aws:sagemaker:eu-west-1:"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_invalid_containers_are_rejected(packages: Packages, members: dict[str, Any], reason: str) -> None:
    package = packages.version(packages.group(), ModelApprovalStatus="Approved")
    assert reason in rejection(create_model, packages, package, **members)


@pytest.mark.parametrize(
    ("containers", "reason"),
    [
        (None, "has no InferenceSpecification"),
        ([{"ModelDataUrl": "s3://bucket/model.tar.gz"}], "must have an Image"),
        ([{"Image": IMAGE, "ContainerHostname": "a"}] * 2, "two containers have the ContainerHostname 'a'"),
        ([{"Image": IMAGE, "ContainerHostname": "a"}, {"Image": IMAGE}], "either all containers or none"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_no_model_can_be_created_from_an_unsuitable_package(packages: Packages, containers: Any, reason: str) -> None:
    group, request = packages.group(), {"ModelApprovalStatus": "Approved"}
    if containers:
        request["InferenceSpecification"] = {"Containers": containers}
    packages.sagemaker.create_model_package(ModelPackageGroupName=group, **request)
    assert reason in rejection(create_model, packages, f"{ARN}{group}/1")


def test_invalid_inference_pipelines_from_packages_are_rejected(packages: Packages) -> None:
    specification = {"Containers": [{"Image": IMAGE}] * 8}
    package = packages.version(packages.group(), InferenceSpecification=specification, ModelApprovalStatus="Approved")
    message = rejection(create_model_of, packages.client, *[{"ModelPackageName": package}] * 2)
    assert "at most 15 containers, not 16" in message
    assert "has several containers" in rejection(create_model, packages, package, ContainerHostname="a")
    lone_container = {"Image": IMAGE, "InferenceSpecificationName": "a"}
    assert "requires a ModelPackageName" in rejection(create_model_of, packages.client, lone_container)
