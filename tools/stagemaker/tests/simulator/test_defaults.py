"""Default members in responses, and the empty lists of kinds of resources that are not simulated."""

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from stagemaker_support.model_packages import SPECIFICATION, packaged
from stagemaker_support.pipelines import Pipelines, step
from stagemaker_support.simulator_client import CLUSTER, IMAGE, Client, make_input

from stagemaker.resources.registry import KINDS, EmptyLists
from stagemaker.server import ROLE_ARN


def test_a_processing_job_may_run_for_a_day(client: Client) -> None:
    client.sagemaker.create_processing_job(
        ProcessingJobName="default-limit",
        RoleArn=ROLE_ARN,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        ProcessingResources={"ClusterConfig": CLUSTER},
    )
    assert client.describe("ProcessingJob", "default-limit")["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


def test_two_inputs_cannot_have_one_folder(client: Client) -> None:
    folder, inputs = "/opt/ml/processing/one", []
    for name, path in (("a", folder), ("b", "/opt/ml/processing/two"), ("c", f"{folder}/")):
        [each] = make_input("s3://bucket/key", path)["ProcessingInputs"]
        inputs.append(each | {"InputName": name})
    with pytest.raises(ClientError, match=f"the inputs a and c have the same LocalPath, {folder}"):
        client.process("", ProcessingInputs=inputs)


def test_a_pipeline_and_its_model_package_have_default_members(client: Client) -> None:
    pipelines = Pipelines(client)
    specification = SPECIFICATION | {"Containers": [{"Image": "some-image"}]}
    arguments = {"ModelPackageGroupName": "default-members", "InferenceSpecification": specification}
    name = pipelines.create(step("R", "RegisterModel", arguments))
    assert client.sagemaker.describe_pipeline(PipelineName=name)["PipelineDisplayName"] == name
    execution = pipelines.start(name)
    description = pipelines.wait(execution)
    assert description["PipelineExecutionDisplayName"].startswith("execution-1")
    assert description["PipelineExecutionStatus"] == "Succeeded", description
    package = client.sagemaker.describe_model_package(ModelPackageName="default-members/1")
    assert package["CertifyForMarketplace"] is False
    assert package["MetadataProperties"] == {"GeneratedBy": execution}
    assert package["InferenceSpecification"]["Containers"] == [packaged("some-image")]
    assert client.sagemaker.list_pipeline_versions(PipelineName=name)["PipelineVersionSummaries"] == []


def test_lists_of_unsimulated_kinds_are_empty(client: Client) -> None:
    assert client.sagemaker.list_monitoring_schedules(EndpointName="any")["MonitoringScheduleSummaries"] == []
    operations = {name for kind in KINDS for name in kind.operations()}
    names = [xform_name(name) for name in EmptyLists.operations() if name not in operations]
    assert len(names) > 50
    for name in names:
        assert [value for value in getattr(client.sagemaker, name)().values() if isinstance(value, list)] == [[]], name
    with pytest.raises(client.sagemaker.exceptions.ResourceNotFound):
        client.sagemaker.list_pipeline_versions(PipelineName="nobody")
