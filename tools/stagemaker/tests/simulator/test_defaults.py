"""Members that SageMaker returns although no request had them, and its lists of what is not simulated."""

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.model_packages import SPECIFICATION, packaged
from stagemaker_support.pipelines import Pipelines, step
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.server import ROLE_ARN

RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
INPUT = {"S3Uri": "s3://bucket/key", "S3DataType": "S3Prefix", "S3InputMode": "File"}


def process(client: Client, name: str, *folders: str) -> None:
    inputs = [
        {"InputName": f"input-{number}", "S3Input": INPUT | {"LocalPath": folder}}
        for number, folder in enumerate(folders)
    ]
    client.sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE_ARN,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        ProcessingInputs=inputs,
        ProcessingResources={"ClusterConfig": RESOURCES},
    )


def test_a_processing_job_may_run_for_a_day(client: Client) -> None:
    process(client, "default-limit")
    assert client.describe("ProcessingJob", "default-limit")["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}


def test_two_inputs_cannot_have_one_folder(client: Client) -> None:
    folder = "/opt/ml/processing/one"
    with pytest.raises(ClientError, match=f"the inputs input-0 and input-2 have the same LocalPath, {folder}"):
        process(client, "same-folder", folder, "/opt/ml/processing/two", f"{folder}/")


def test_a_pipeline_and_what_it_registers_have_default_members(client: Client) -> None:
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


def test_lists_of_what_is_not_simulated_are_empty(client: Client) -> None:
    assert client.sagemaker.list_monitoring_schedules(EndpointName="any")["MonitoringScheduleSummaries"] == []
    assert client.sagemaker.list_trial_components(SourceArn="any")["TrialComponentSummaries"] == []
    with pytest.raises(client.sagemaker.exceptions.ResourceNotFound):
        client.sagemaker.list_pipeline_versions(PipelineName="nobody")
