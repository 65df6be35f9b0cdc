"""The requests of AWS's notebook about serial inference with scikit-learn, replayed by boto3 alone.

recorded/sklearn-demo.json is the definition that version 2 of the SDK (2.257.7) writes for the notebook `sklearn-demo`
of aws-samples/amazon-sagemaker-pipelines-serial-batch-inference-sklearn-pytorch. The scripts at the addresses that it
names are those of support/serial_inference.py, the table has columns of its own.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.archives import archive_of
from support.sandbox import SANDBOX
from support.serial_inference import FEATURES, MODEL, check_joined, make_table
from support.simulator_client import Client

from recore.simulator.server import ROLE_ARN

DEFINITION = (Path(__file__).parent / "recorded/sklearn-demo.json").read_text("utf-8")
BUCKET, PREFIX = "sklearn-mlops-inf-pipeline-demo", "serial-inference-pipeline"
NAME, GROUP = "serial-inference-pipeline", "PipelineSKLearnModelPackageGroup"
RUN = 'set -e\ncd /opt/ml/processing/input/code\ntar -xzf sourcedir.tar.gz\npython3 features.py "$@"\n'

pytestmark = SANDBOX  # the scripts name files below /opt/ml


@pytest.fixture(scope="module")
def pipeline(client: Client) -> dict[str, Any]:
    """What the definition's addresses lead to is uploaded, and the pipeline is created twice, as `upsert` does."""
    client.s3.create_bucket(Bucket=BUCKET)
    objects = {f"{PREFIX}/housing_data/raw/raw_data_all.csv": make_table()}
    sources = archive_of(**{"features.py": FEATURES, "model.py": MODEL})
    for key in re.findall(rf's3://{BUCKET}/([^"\\]+/(?:sourcedir\.tar\.gz|runproc\.sh))', DEFINITION):
        objects[key] = RUN if key.endswith(".sh") else sources
    assert len(objects) == 8
    for key, body in objects.items():
        client.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    request = {"PipelineName": NAME, "RoleArn": ROLE_ARN, "PipelineDefinition": DEFINITION}
    client.sagemaker.create_pipeline(**request, ClientRequestToken="first-request-of-the-notebook-000000")
    with pytest.raises(ClientError, match="already exists") as refused:
        client.sagemaker.create_pipeline(**request, ClientRequestToken="second-request-of-the-notebook-00000")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    client.sagemaker.update_pipeline(**request)
    return client.sagemaker.describe_pipeline(PipelineName=NAME)


def execute(client: Client) -> tuple[str, dict[str, Any]]:
    """Run an execution to its end; return its ARN and its steps by name."""
    arn = client.sagemaker.start_pipeline_execution(PipelineName=NAME)["PipelineExecutionArn"]
    deadline = time.monotonic() + 300
    while (execution := client.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn))[
        "PipelineExecutionStatus"
    ] == "Executing":
        assert time.monotonic() < deadline, execution
        time.sleep(0.2)
    assert execution["PipelineExecutionStatus"] == "Succeeded", execution
    steps = client.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    return arn, {step["StepName"]: step for step in steps}


def test_the_notebook_s_requests(client: Client, pipeline: dict[str, Any]) -> None:
    assert json.loads(pipeline["PipelineDefinition"]) == json.loads(DEFINITION)
    first, steps = execute(client)
    assert len(steps) == 4
    assert not any("CacheHitResult" in step for step in steps.values())

    model = client.sagemaker.list_models()["Models"][0]["ModelName"]
    assert "PipelineModelCreation" in model
    packages = client.sagemaker.list_model_packages(
        ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", SortBy="CreationTime", MaxResults=100
    )
    arn = packages["ModelPackageSummaryList"][0]["ModelPackageArn"]
    package = client.sagemaker.describe_model_package(ModelPackageName=arn)
    assert len(package["InferenceSpecification"]["Containers"]) == 2

    name = "inference-pipelines-batch-2026"
    client.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        BatchStrategy="MultiRecord",
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{PREFIX}/test/test.csv"}
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/{PREFIX}/batch-transform/output",
            "AssembleWith": "Line",
            "Accept": "text/csv",
        },
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"},
        DataProcessing={"JoinSource": "Input"},
    )
    job = client.wait("TransformJob", name, 180)
    assert job["TransformJobStatus"] == "Completed", job
    uri = f"s3://{BUCKET}/{PREFIX}"
    given, joined = client.get(f"{uri}/test/test.csv"), client.get(f"{uri}/batch-transform/output/test.csv.out")
    check_joined(given.decode(), joined.decode())

    _, again = execute(client)
    hits = {name: step["CacheHitResult"] for name, step in again.items() if "CacheHitResult" in step}
    assert hits == {"PreprocessData": {"SourcePipelineExecutionArn": first}}
