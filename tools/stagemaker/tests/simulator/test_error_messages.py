"""Errors: each row of the tables in docs/errors.md, and modelled errors for missing resources and resources in use."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from stagemaker_support.model_packages import SPECIFICATION, UNVERSIONED, Packages
from stagemaker_support.pipelines import Pipelines, definition, fail
from stagemaker_support.simulator_client import CLUSTER, IMAGE, Client, rejection, training_members
from stagemaker_support.tuning_jobs import tuning_request

from stagemaker.protocol.service_model import operation_model
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

PAGE = Path(__file__).parents[2] / "docs/errors.md"
ROWS = re.findall(r"^\| (`.*?) \| `(\w+)` \| (.*?) \| .*? \|$", PAGE.read_text("utf-8"), re.MULTILINE)
CASES = [(row, operation) for row, _, _ in ROWS for operation in re.findall(r"`(\w+)`", row)]
NO_URI = f"s3://{BUCKET}/nothing/here"
INPUT = f"s3://{BUCKET}/error-texts/input"
ARN = "arn:aws:sagemaker:us-east-1:123456789012:[a-z-]+/"
Request = dict[str, Any]


def requests(uri: str = INPUT, name: str = "taken") -> dict[str, Request]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    variant = {"VariantName": "one", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    role = {"RoleArn": ROLE_ARN}
    return {
        "CreateTrainingJob": training_members()
        | {"TrainingJobName": "taken", "InputDataConfig": [{"ChannelName": "data", "DataSource": source}]},
        "CreateProcessingJob": role
        | {
            "ProcessingJobName": "taken",
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
            "ProcessingResources": {"ClusterConfig": CLUSTER},
        },
        "CreateHyperParameterTuningJob": tuning_request(INPUT) | {"HyperParameterTuningJobName": "taken"},
        "CreateModel": {"ModelName": "taken", "ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": {"Image": IMAGE}},
        "CreateTransformJob": {
            "TransformJobName": "taken",
            "ModelName": name,
            "TransformInput": {"DataSource": source},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        "CreateEndpointConfig": {"EndpointConfigName": "taken", "ProductionVariants": [variant]},
        "CreateEndpoint": {"EndpointName": "taken", "EndpointConfigName": name},
        "CreateModelPackageGroup": {"ModelPackageGroupName": "taken"},
        "CreateModelPackage": {"ModelPackageName": "taken", "InferenceSpecification": UNVERSIONED},
        "CreatePipeline": role | {"PipelineName": "taken", "PipelineDefinition": definition(fail("F"))},
    }


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Simulator(isolation="off") as simulator:
        client = Client(simulator)
        client.put(INPUT.removeprefix(f"s3://{BUCKET}/"), "1,2\n")
        client.put(f"{NO_URI}/".removeprefix(f"s3://{BUCKET}/"), "")  # an empty folder, as S3's console creates it
        for operation, request in requests().items():
            getattr(client.sagemaker, xform_name(operation))(**request)
        client.sagemaker.stop_transform_job(TransformJobName="taken")
        client.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="taken")
        client.wait("TrainingJob", "taken")  # fails because it has no script
        yield client


def faulty_request(row: str, operation: str) -> Request:
    """Return a request that must cause the error in this row of the tables."""
    verb, kind = re.fullmatch("([A-Z][a-z]+)(.*)", operation).groups()
    if "absent model data" in row:
        return {"ModelName": "absent", "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": NO_URI}}
    if "absent input data" in row:
        return requests(NO_URI)[operation]
    if "repeated" in row:
        output = {"S3Uri": INPUT, "LocalPath": "/opt/ml/processing/o", "S3UploadMode": "EndOfJob"}
        outputs = [{"OutputName": "nobody", "S3Output": output}] * 2
        return requests()[operation] | {"ProcessingOutputConfig": {"Outputs": outputs}}
    if "no policy" in row:
        return {"ModelPackageGroupName": "taken"}
    if "not running" in row:
        return {"TrainingJobName": "taken"}
    if operation == "CreateModelPackage" and "DescribeModelPackageGroup" in row:
        return {"ModelPackageGroupName": "nobody", "InferenceSpecification": SPECIFICATION}
    if verb == "Create":
        return requests(name="nobody" if "Describe" in row else "taken")[operation]
    if operation == "InvokeEndpoint":
        return {"EndpointName": "nobody", "Body": b""}
    if operation == "UpdateEndpoint":
        return {"EndpointName": "taken", "EndpointConfigName": "nobody"}
    return {f"{kind.removesuffix('Policy')}Name": "nobody"}


def test_the_table_has_rows() -> None:
    assert len(ROWS) == PAGE.read_text("utf-8").count("\n| `") > 20


@pytest.mark.parametrize(("row", "operation"), CASES, ids=[operation for _, operation in CASES])
def test_the_error_is_the_documented_one(client: Client, row: str, operation: str) -> None:
    service = client.simulator.client("sagemaker-runtime") if operation == "InvokeEndpoint" else client.sagemaker
    with pytest.raises(ClientError) as excinfo:
        getattr(service, xform_name(operation))(**faulty_request(row, operation))
    error = excinfo.value.response["Error"]
    [(code, message)] = [(code, message) for other_row, code, message in ROWS if other_row == row]
    name = "taken" if "already" in message or "no policy" in row else "nobody"
    parts = {"NAME": name, "ARN": ARN + name, "URI": NO_URI, "BUCKET": BUCKET, "ROLE": ROLE_ARN, "STATUS": "Failed"}
    pattern = re.sub("|".join(parts), lambda match: parts[match[0]], re.escape(message))
    assert error["Code"] == code
    assert re.fullmatch(pattern, error["Message"]), error["Message"]


def test_a_model_can_lack_a_role_and_a_folder_can_lack_data(client: Client) -> None:
    client.sagemaker.create_model(ModelName="no-role", PrimaryContainer={"Image": IMAGE})
    message = rejection(client.sagemaker.create_transform_job, **requests(NO_URI, name="no-role")["CreateTransformJob"])
    assert "and that the model's role has" in message
    source = {"S3Uri": f"{NO_URI}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}}
    message = rejection(client.sagemaker.create_model, ModelName="absent", PrimaryContainer=container)
    assert "Could not find model data" in message


PIPELINE, GROUP = {"PipelineName": "nothing"}, {"ModelPackageGroupName": "nothing"}
ACCOUNT_ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
EXECUTION = {"PipelineExecutionArn": f"{ACCOUNT_ARN}pipeline/nothing/execution/abcdefghijkl"}
PACKAGE = {"ModelPackageArn": f"{ACCOUNT_ARN}model-package/nothing/1"}
INVALID, MISSING = "ValidationException", "ResourceNotFound"
UNDOCUMENTED_ERRORS = [
    (PIPELINE, MISSING, "DeletePipeline DescribePipeline ListPipelineExecutions ListPipelineVersions"),
    (PIPELINE, MISSING, "StartPipelineExecution UpdatePipeline"),
    (EXECUTION, MISSING, "DescribePipelineDefinitionForExecution DescribePipelineExecution RetryPipelineExecution"),
    (EXECUTION, MISSING, "ListPipelineExecutionSteps ListPipelineParametersForExecution StopPipelineExecution"),
    (EXECUTION, MISSING, "UpdatePipelineExecution"),
    (GROUP, INVALID, "DeleteModelPackageGroup DeleteModelPackageGroupPolicy"),
    (GROUP | {"ResourcePolicy": "{}"}, INVALID, "PutModelPackageGroupPolicy"),
    (PACKAGE, INVALID, "UpdateModelPackage"),
    ({"ModelPackageArnList": ["nothing"]}, INVALID, "BatchDescribeModelPackage"),
    ({"ModelPackageGroupName": "not a name"}, INVALID, "CreateModelPackageGroup"),
]


def error(client: Client, operation: str, code: str, request: Request) -> None:
    """Send a request that must fail with `code`: one of the operation's errors, or the error for invalid requests."""
    message = rejection(getattr(client.sagemaker, xform_name(operation)), code=code, **request)
    assert code in {INVALID, *(shape.name for shape in operation_model(operation).error_shapes)}, message


@pytest.mark.parametrize(("request_members", "code", "operations"), UNDOCUMENTED_ERRORS)
def test_requests_for_missing_resources_return_modelled_errors(
    client: Client, request_members: Request, code: str, operations: str
) -> None:
    for operation in operations.split():
        error(client, operation, code, request_members)


def test_requests_for_resources_in_use_return_modelled_errors(client: Client) -> None:
    pipelines, packages = Pipelines(client), Packages(client)
    name, document = pipelines.create(pipelines.processing("P", "import time\ntime.sleep(300)")), definition(fail("F"))
    pipeline_name = {"PipelineName": name}
    first_execution = {"PipelineExecutionArn": pipelines.start(name)}
    group = {"ModelPackageGroupName": packages.group()}
    packages.version(group["ModelPackageGroupName"])
    duplicate = pipeline_name | {"PipelineDefinition": document, "RoleArn": ROLE_ARN}
    error(client, "CreatePipeline", INVALID, duplicate)
    error(client, "CreateModelPackageGroup", INVALID, group)
    error(client, "DeletePipeline", "ConflictException", pipeline_name)
    error(client, "DeleteModelPackageGroup", "ConflictException", group)
    error(client, "RetryPipelineExecution", INVALID, first_execution)
    token = {"ClientRequestToken": "t" * 32}
    client.sagemaker.stop_pipeline_execution(**first_execution, **token)
    second_execution = {"PipelineExecutionArn": pipelines.start(name)}
    error(client, "StopPipelineExecution", "ConflictException", second_execution | token)
    client.sagemaker.stop_pipeline_execution(**second_execution)
    for request in (first_execution, second_execution):
        assert pipelines.wait(request["PipelineExecutionArn"], "Stopped")
        error(client, "StopPipelineExecution", INVALID, request)
