"""The requests of AWS's serial inference notebooks, replayed with boto3 alone.

recorded/ has the definitions that version 2 of the SDK (2.257.7) writes for the notebooks of
aws-samples/amazon-sagemaker-pipelines-serial-batch-inference-sklearn-pytorch. Their scripts are replaced by those in
serial_inference.py, and the scikit-learn image 1.2-1 by the newest one, whose packages the tests' environment has.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.pytorch_images import NEEDS_PYTORCH
from stagemaker_support.repacking import LAUNCHER, REPACK
from stagemaker_support.serial_inference import FEATURES, MODEL, check_joined, make_table
from stagemaker_support.simulator_client import Client

from stagemaker.server import ROLE_ARN, Simulator

RECORDINGS = Path(__file__).parent / "recorded"
RUNPROC_SCRIPT = 'set -e\ncd /opt/ml/processing/input/code\ntar -xzf sourcedir.tar.gz\npython3 features.py "$@"\n'


@dataclass(frozen=True)
class Recording:
    """A notebook's recording, and the names of its resources. cached_steps: the steps that have a CacheConfig."""

    file: str
    pipeline: str
    bucket: str
    prefix: str
    group: str
    model: str
    cached_steps: tuple[str, ...]

    def definition(self) -> str:
        return (RECORDINGS / self.file).read_text("utf-8").replace("scikit-learn:1.2-1-", "scikit-learn:1.9-0-")


SKLEARN = Recording(
    "sklearn-demo.json",
    pipeline="serial-inference-pipeline",
    bucket="sklearn-mlops-inf-pipeline-demo",
    prefix="serial-inference-pipeline",
    group="PipelineSKLearnModelPackageGroup",
    model="PipelineModelCreation",
    cached_steps=("PreprocessData",),
)
PYTORCH = Recording(
    "pytorch-demo.json",
    pipeline="serial-pytorch-pipeline",
    bucket="pytorch-serial-inference-demo",
    prefix="pipeline-pytorch-example",
    group="PipelinePyTorchPackageGroup",
    model="PyTorch",
    cached_steps=("PreprocessData", "TrainPyTorchModel"),
)


def create_pipeline(client: Client, recording: Recording) -> None:
    definition = recording.definition()
    client.s3.create_bucket(Bucket=recording.bucket)
    objects = {f"{recording.prefix}/housing_data/raw/raw_data_all.csv": make_table()}
    scripts = {"_repack_script_launcher.sh": LAUNCHER, "_repack_model.py": REPACK}
    sources = archive_of(**scripts, **{"features.py": FEATURES, "model.py": MODEL})
    for key in re.findall(rf's3://{recording.bucket}/([^"\\]+/(?:sourcedir\.tar\.gz|runproc\.sh))', definition):
        objects[key] = RUNPROC_SCRIPT if key.endswith(".sh") else sources
    assert len(objects) == 8
    for key, body in objects.items():
        client.s3.put_object(Bucket=recording.bucket, Key=key, Body=body)
    request = {"PipelineName": recording.pipeline, "RoleArn": ROLE_ARN, "PipelineDefinition": definition}
    client.sagemaker.create_pipeline(**request, ClientRequestToken="first-request-of-the-notebook-000000")
    with pytest.raises(ClientError, match="already exists") as caught:
        client.sagemaker.create_pipeline(**request, ClientRequestToken="second-request-of-the-notebook-00000")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    client.sagemaker.update_pipeline(**request)
    stored_definition = client.sagemaker.describe_pipeline(PipelineName=recording.pipeline)["PipelineDefinition"]
    assert json.loads(stored_definition) == json.loads(definition)


def run_execution(client: Client, recording: Recording) -> tuple[str, dict[str, Any]]:
    arn = client.sagemaker.start_pipeline_execution(PipelineName=recording.pipeline)["PipelineExecutionArn"]
    deadline = time.monotonic() + 300
    while (execution := client.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn))[
        "PipelineExecutionStatus"
    ] == "Executing":
        assert time.monotonic() < deadline, execution
        time.sleep(0.2)
    assert execution["PipelineExecutionStatus"] == "Succeeded", execution
    steps = client.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return arn, {step["StepName"]: step for step in steps}


@pytest.fixture
def client() -> Iterator[Client]:
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.mark.parametrize(
    "recording",
    [
        pytest.param(SKLEARN, id="scikit-learn"),
        pytest.param(PYTORCH, id="PyTorch", marks=NEEDS_PYTORCH),
    ],
)
def test_a_notebooks_requests_succeed(client: Client, recording: Recording) -> None:
    create_pipeline(client, recording)
    first_execution, steps = run_execution(client, recording)
    assert len(steps) == len(json.loads(recording.definition())["Steps"])
    assert not any("CacheHitResult" in step for step in steps.values())

    model = client.sagemaker.list_models(NameContains=recording.model)["Models"][0]["ModelName"]
    packages = client.sagemaker.list_model_packages(
        ModelPackageGroupName=recording.group, ModelApprovalStatus="Approved", SortBy="CreationTime", MaxResults=100
    )
    arn = packages["ModelPackageSummaryList"][0]["ModelPackageArn"]
    package = client.sagemaker.describe_model_package(ModelPackageName=arn)
    assert len(package["InferenceSpecification"]["Containers"]) == 2

    uri = f"s3://{recording.bucket}/{recording.prefix}"
    name = f"inference-pipelines-batch-{recording.pipeline}"
    client.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        BatchStrategy="MultiRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{uri}/test/test.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"{uri}/batch-transform/output",
            "AssembleWith": "Line",
            "Accept": "text/csv",
        },
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"},
        DataProcessing={"JoinSource": "Input"},
    )
    job = client.wait("TransformJob", name, 180)
    assert job["TransformJobStatus"] == "Completed", job
    inputs, results = client.get(f"{uri}/test/test.csv"), client.get(f"{uri}/batch-transform/output/test.csv.out")
    check_joined(inputs.decode(), results.decode())

    _, second_steps = run_execution(client, recording)
    hits = {name: step["CacheHitResult"] for name, step in second_steps.items() if "CacheHitResult" in step}
    assert hits == {name: {"SourcePipelineExecutionArn": first_execution} for name in recording.cached_steps}
