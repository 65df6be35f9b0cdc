"""Airflow's SageMaker operators, executed without a scheduler."""

import json
from typing import Any

import boto3
import pytest
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerDeleteModelOperator,
    SageMakerEndpointConfigOperator,
    SageMakerEndpointOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerStartPipelineOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)
from airflow.providers.common.compat.sdk import AirflowException
from stagemaker_support.request_scenarios import *  # noqa: F403
from stagemaker_support.sdk import ROLE

OPERATORS = {
    "Model": SageMakerModelOperator,
    "EndpointConfig": SageMakerEndpointConfigOperator,
    "Endpoint": SageMakerEndpointOperator,
    "ProcessingJob": SageMakerProcessingOperator,
    "TrainingJob": SageMakerTrainingOperator,
    "TransformJob": SageMakerTransformOperator,
    "HyperParameterTuningJob": SageMakerTuningOperator,
}


def execute(operator: type, **arguments: Any) -> Any:
    return operator(task_id="task", **arguments).execute({})


class Airflow:
    """Methods that create resources with Airflow's operators, which are configured with the API's requests."""

    def create(self, kind: str, request: dict[str, Any]) -> None:
        members = {} if kind in ("Model", "EndpointConfig") else {"check_interval": 1}
        if kind == "TrainingJob":
            members["print_log"] = False  # when it prints the log, Airflow polls the job only every 30 s
        if kind == "TransformJob":  # the other form of the configuration, which includes the model
            model = boto3.client("sagemaker").describe_model(ModelName=request["ModelName"])
            names = ("ExecutionRoleArn", "PrimaryContainer")
            request = request | {"ModelName": "transforms"}
            model = {name: model[name] for name in names} | {"ModelName": "transforms"}
            request = {"Model": model, "Transform": request}
        execute(OPERATORS[kind], config=request, **members)

    def fails(self) -> Any:
        return pytest.raises(AirflowException, match="could not convert string to float: 'much'")

    def update_endpoint(self, request: dict[str, Any]) -> None:
        self.create("Endpoint", request)  # Airflow updates the existing endpoint

    def invoke(self, endpoint: str, body: bytes, variant: str) -> bytes:
        client = boto3.client("sagemaker-runtime")
        return client.invoke_endpoint(EndpointName=endpoint, Body=body, TargetVariant=variant)["Body"].read()

    def delete(self, kind: str, name: str) -> None:
        if kind == "Model":
            execute(SageMakerDeleteModelOperator, config={"ModelName": name})
        else:  # there is no operator for this
            boto3.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.fixture(scope="module")
def builder() -> Airflow:
    return Airflow()


def test_a_name_that_is_in_use_is_changed_and_the_log_is_printed(
    lines: str, settings: dict[str, str], job: dict[str, Any]
) -> None:
    config = make_definition(settings["sagemaker_submit_directory"], lines)  # noqa: F405
    config |= {"TrainingJobName": job["TrainingJobName"], "HyperParameters": settings | {"factor": "3"}}
    result = execute(SageMakerTrainingOperator, config=config, print_log=True, check_interval=1)["Training"]
    assert result["TrainingJobName"].startswith("fit-")


def test_a_pipeline_execution_is_started() -> None:
    sagemaker = boto3.client("sagemaker")
    step = {"Name": "F", "Type": "Fail", "Arguments": {"ErrorMessage": "wanted"}}
    definition = json.dumps({"Version": "2020-12-01", "Steps": [step]})
    sagemaker.create_pipeline(PipelineName="fails", PipelineDefinition=definition, RoleArn=ROLE)
    execution = execute(SageMakerStartPipelineOperator, pipeline_name="fails", display_name="from-airflow")
    description = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
    assert description["PipelineExecutionDisplayName"] == "from-airflow"
