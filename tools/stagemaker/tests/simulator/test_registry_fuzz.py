"""Any pipeline, model registry or search request gets a valid response or a modelled error.

The requests often refer to existing resources, so many of them succeed.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import modified_documents, valid_values
from stagemaker_support.control_plane import call_operation
from stagemaker_support.fuzzing import examples
from stagemaker_support.model_packages import UNVERSIONED, Packages
from stagemaker_support.pipelines import definition, fail, model, step
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.protocol.service_model import operation_model
from stagemaker.resources.model import Models
from stagemaker.resources.model_package import UNSIMULATED_MEMBERS, ModelPackages
from stagemaker.resources.model_package_group import ModelPackageGroups
from stagemaker.resources.pipeline import Pipelines as PipelineResource
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.resources.search import Searches
from stagemaker.server import ROLE_ARN, Simulator

KINDS = (ModelPackageGroups, ModelPackages, Searches, Models, PipelineResource, PipelineExecutions)
OPERATIONS = [name for kind in KINDS for name in kind.operations()]
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
GROUPS = ["g", "h", f"{ARN}model-package-group/g", "nowhere"]
VERSIONS = [f"{ARN}model-package/{name}" for name in ("g/1", "g/2", "h/1", "alone", "g/99999")]
PROPERTIES = [
    "ModelPackageName", "ModelPackageVersion", "ModelApprovalStatus", "CreationTime", "LastModifiedTime", "Tags.a",
    "CustomerMetadataProperties.a", "InferenceSpecification.Containers", "InferenceSpecification.Containers.Image",
    "InferenceSpecification", "ModelPackageGroupName", "HyperParameters.a", "Metrics.a", "Metrics.", "..", "Tags",
    "EndpointName", "ProductionVariants.VariantName", "CertifyForMarketplace", "InputDataConfig.ChannelName",
]  # fmt: skip
MEANINGFUL_VALUES: dict[str, list[Any]] = {
    "ModelPackageGroupName": GROUPS,
    "ModelPackageName": [*VERSIONS, "g/1", "alone", "g"],
    "ModelPackageArn": VERSIONS,
    "ModelPackageArnList": [VERSIONS, VERSIONS[:1]],
    "InferenceSpecificationName": ["other"],
    "Image": [IMAGE],
    "Name": [*PROPERTIES, "other"],
    "SortBy": [*PROPERTIES, "Name", "CreationTime"],
    "NestedPropertyName": PROPERTIES,
    "Resource": ["ModelPackage", "ModelPackageGroup", "TrainingJob", "Endpoint"],
    "ResourcePolicy": ["{}"],
    "ModelCardContent": ["{}", '{"model_overview": {"model_id": 1}}'],
    "PipelineName": ["p", "q"],
    "PipelineDefinition": [definition(fail("F")), definition(model("A"), step("S", "Model", {"Containers": [IMAGE]}))],
    "PipelineParameters": [[], [{"Name": "S", "Value": "1"}]],
    "RoleArn": [ROLE_ARN],
    "PipelineExecutionArn": [f"{ARN}pipeline/p/execution/abcdefghijkl"],
    "Value": ["1", "-0.5", "true", "2026-01-01T00:00:00", "Approved", "a,b", "g", "nan", "1e999"],
}
# Members that make requests valid. None means that the member must be absent.
TYPICAL_MEMBERS: dict[str, dict[str, Any]] = {
    "CreateModelPackage": {"ModelPackageGroupName": "g", "ModelPackageName": None, "Tags": None, "ModelCard": None}
    | dict.fromkeys(UNSIMULATED_MEMBERS),
    "UpdateModelPackage": {"ModelPackageArn": VERSIONS[0]},
    "CreateModel": {"PrimaryContainer": {"ModelPackageName": VERSIONS[0]}, "Containers": None}
    | {"InferenceExecutionConfig": None},
    "CreateModelPackageGroup": {"ManagedConfiguration": None},
    "CreatePipeline": {"PipelineDefinitionS3Location": None, "ParallelismConfiguration": None},
    "Search": {"Resource": "ModelPackage", "VisibilityConditions": None, "NextToken": None},
}


@pytest.fixture(scope="module")
def packages() -> Iterator[Packages]:
    with Simulator(isolation="off") as simulator:
        yield Packages(Client(simulator))


def create_resources(packages: Packages) -> None:
    sagemaker, additional_specification = packages.sagemaker, {"Name": "other", "Containers": [{"Image": IMAGE}]}
    members = {"ModelApprovalStatus": "Approved", "CustomerMetadataProperties": {"a": "1"}}
    for group in ("g", "h"):
        for version in packages.listed(ModelPackageGroupName=group):
            sagemaker.delete_model_package(ModelPackageName=version)
        with contextlib.suppress(sagemaker.exceptions.ClientError):  # the group may not exist
            sagemaker.delete_model_package_group(ModelPackageGroupName=group)
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
        for _ in range(2):
            packages.version(group, AdditionalInferenceSpecifications=[additional_specification], **members)
    with contextlib.suppress(sagemaker.exceptions.ClientError):  # the pipeline may exist
        sagemaker.create_pipeline(PipelineName="p", PipelineDefinition=definition(fail("F")), RoleArn=ROLE_ARN)
    execution = sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    MEANINGFUL_VALUES["PipelineExecutionArn"][1:] = [execution]
    if not packages.listed(NameContains="alone"):
        sagemaker.create_model_package(ModelPackageName="alone", InferenceSpecification=UNVERSIONED)


@pytest.fixture(autouse=True)
def check_simulator_still_works(packages: Packages) -> Iterator[None]:
    sagemaker = packages.sagemaker
    create_resources(packages)
    yield
    group = packages.group()
    assert [packages.version(group)[-2:] for _ in range(2)] == ["/1", "/2"]
    arns = packages.listed(ModelPackageType="Both")
    assert [packages.describe(arn)["ModelPackageArn"] for arn in arns] == arns
    pages = sagemaker.get_paginator("search").paginate(Resource="ModelPackage", MaxResults=100)
    assert {item["ModelPackage"]["ModelPackageArn"] for page in pages for item in page["Results"]} == {*arns}


def add_meaning(document: Any) -> st.SearchStrategy[Any]:
    if isinstance(document, list):
        return st.tuples(*map(add_meaning, document)).map(list)
    if not isinstance(document, dict):
        return st.just(document)
    return st.fixed_dictionaries(
        {
            name: st.one_of(*[st.sampled_from(MEANINGFUL_VALUES[name])] * 3, add_meaning(value))
            if name in MEANINGFUL_VALUES
            else add_meaning(value)
            for name, value in document.items()
        }
    )


@examples(140)
@given(data=st.data())
def test_any_request_succeeds_or_fails_with_a_modelled_error(packages: Packages, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(OPERATIONS))
    requests = valid_values(operation_model(name).input_shape).flatmap(add_meaning)
    typical_requests = requests.map(lambda document: document | TYPICAL_MEMBERS.get(name, {}))
    document = data.draw(typical_requests | requests | typical_requests.flatmap(modified_documents))
    status, _ = call_operation(packages.client, name, document)
    if status == 200 and name.startswith("Delete"):
        create_resources(packages)
