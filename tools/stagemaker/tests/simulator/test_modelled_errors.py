"""Every registry and pipeline operation returns a modelled error if a resource is missing or in use."""

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from stagemaker_support.model_packages import SPECIFICATION, Packages
from stagemaker_support.pipelines import Pipelines, definition, fail
from stagemaker_support.simulator_client import Client

from stagemaker.protocol.service_model import operation_model
from stagemaker.resources import model_package, model_package_group, pipeline, pipeline_execution
from stagemaker.server import ROLE_ARN

ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
EXECUTION = {"PipelineExecutionArn": f"{ARN}pipeline/nothing/execution/abcdefghijkl"}
GROUP, PACKAGE, PIPELINE = ({name: "nothing"} for name in ("ModelPackageGroupName", "ModelPackageName", "PipelineName"))
INVALID, MISSING = "ValidationException", "ResourceNotFound"
FAILING_REQUESTS: dict[str, tuple[dict[str, Any], str]] = {
    "BatchDescribeModelPackage": ({"ModelPackageArnList": ["nothing"]}, INVALID),
    "CreateModelPackage": (GROUP | {"InferenceSpecification": SPECIFICATION}, INVALID),
    "CreateModelPackageGroup": ({"ModelPackageGroupName": "not a name"}, INVALID),
    "CreatePipeline": (PIPELINE | {"PipelineDefinition": "{}", "RoleArn": ROLE_ARN}, INVALID),
    "DeleteModelPackage": (PACKAGE, INVALID),
    "DeleteModelPackageGroup": (GROUP, INVALID),
    "DeleteModelPackageGroupPolicy": (GROUP, INVALID),
    "DeletePipeline": (PIPELINE, MISSING),
    "DescribeModelPackage": (PACKAGE, INVALID),
    "DescribeModelPackageGroup": (GROUP, INVALID),
    "DescribePipeline": (PIPELINE, MISSING),
    "DescribePipelineDefinitionForExecution": (EXECUTION, MISSING),
    "DescribePipelineExecution": (EXECUTION, MISSING),
    "GetModelPackageGroupPolicy": (GROUP, INVALID),
    "ListModelPackageGroups": ({"NextToken": "x"}, INVALID),
    "ListModelPackages": ({"NextToken": "x"}, INVALID),
    "ListPipelineExecutionSteps": (EXECUTION, MISSING),
    "ListPipelineExecutions": (PIPELINE, MISSING),
    "ListPipelineParametersForExecution": (EXECUTION, MISSING),
    "ListPipelineVersions": (PIPELINE, MISSING),
    "ListPipelines": ({"NextToken": "x"}, INVALID),
    "PutModelPackageGroupPolicy": (GROUP | {"ResourcePolicy": "{}"}, INVALID),
    "RetryPipelineExecution": (EXECUTION, MISSING),
    "StartPipelineExecution": (PIPELINE, MISSING),
    "StopPipelineExecution": (EXECUTION, MISSING),
    "UpdateModelPackage": ({"ModelPackageArn": f"{ARN}model-package/nothing/1"}, INVALID),
    "UpdatePipeline": (PIPELINE, MISSING),
    "UpdatePipelineExecution": (EXECUTION, MISSING),
}
KINDS = (
    model_package.ModelPackages,
    model_package_group.ModelPackageGroups,
    pipeline.Pipelines,
    pipeline_execution.PipelineExecutions,
)


def error_code(client: Client, operation: str, request: dict[str, Any]) -> str:
    """Return the error code of a request that fails, after checking that the service model declares the error."""
    with pytest.raises(ClientError) as caught:
        getattr(client.sagemaker, xform_name(operation))(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    code: str = caught.value.response["Error"]["Code"]
    assert code in {INVALID, *(shape.name for shape in operation_model(operation).error_shapes)}
    return code


def test_every_operation_is_covered() -> None:
    assert FAILING_REQUESTS.keys() == {name for kind in KINDS for name in kind.operations()}


@pytest.mark.parametrize("operation", FAILING_REQUESTS)
def test_failing_requests_return_modelled_errors(client: Client, operation: str) -> None:
    request, code = FAILING_REQUESTS[operation]
    assert error_code(client, operation, request) == code


def test_requests_for_resources_in_use_return_modelled_errors(client: Client) -> None:
    pipelines, packages = Pipelines(client), Packages(client)
    name, text = pipelines.create(pipelines.processing("P", "import time\ntime.sleep(300)")), definition(fail("F"))
    pipeline_name = {"PipelineName": name}
    first_execution = {"PipelineExecutionArn": pipelines.start(name)}
    group = {"ModelPackageGroupName": packages.group()}
    packages.version(group["ModelPackageGroupName"])
    duplicate = pipeline_name | {"PipelineDefinition": text, "RoleArn": ROLE_ARN}
    assert error_code(client, "CreatePipeline", duplicate) == INVALID
    assert error_code(client, "CreateModelPackageGroup", group) == INVALID
    assert error_code(client, "DeletePipeline", pipeline_name) == "ConflictException"
    assert error_code(client, "DeleteModelPackageGroup", group) == "ConflictException"
    assert error_code(client, "RetryPipelineExecution", first_execution) == INVALID
    token = {"ClientRequestToken": "t" * 32}
    client.sagemaker.stop_pipeline_execution(**first_execution, **token)
    second_execution = {"PipelineExecutionArn": pipelines.start(name)}
    assert error_code(client, "StopPipelineExecution", second_execution | token) == "ConflictException"
    client.sagemaker.stop_pipeline_execution(**second_execution)
    for request in (first_execution, second_execution):
        assert pipelines.wait(request["PipelineExecutionArn"])["PipelineExecutionStatus"] == "Stopped"
        assert error_code(client, "StopPipelineExecution", request) == INVALID
