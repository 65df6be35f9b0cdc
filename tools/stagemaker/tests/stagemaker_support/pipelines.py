"""Pipelines of a simulator: definitions with tiny steps, and executions that run to their end."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stagemaker.server import BUCKET, ROLE_ARN
from stagemaker_support.job_traces import until
from stagemaker_support.simulator_client import CLUSTER as RESOURCES
from stagemaker_support.simulator_client import IMAGE, Client, input_from, output_to, training_members

numbers = itertools.count()
RUNNING = ("Executing", "Stopping")
CODE = "/opt/ml/processing/input/code"
FORMATS = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
SPECIFICATION = {"Containers": [{"Image": IMAGE}]} | FORMATS
FAILING_SCRIPT = "raise ValueError('no luck')"
SLEEPING_SCRIPT = "import time\ntime.sleep(300)"
GATED_SCRIPT = """
import sys
from pathlib import Path
sys.exit(0 if Path(__file__).with_name("go").read_text() == "yes" else 3)
"""
Document = dict[str, Any]


def get(path: str) -> Document:
    return {"Get": path}


def join(*values: Any, on: str = "") -> Document:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def step(name: str, kind: str, arguments: Document, *depends_on: str, **members: Any) -> Document:
    dependencies = {"DependsOn": list(depends_on)} if depends_on else {}
    return {"Name": name, "Type": kind, "Arguments": arguments, **dependencies, **members}


def fail(name: str, message: Any = "wanted", *depends_on: str) -> Document:
    return step(name, "Fail", {"ErrorMessage": message}, *depends_on)


def equals(left: Any, right: Any) -> Document:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def condition(
    name: str, conditions: list[Any], if_steps: list[Any], else_steps: list[Any], *depends_on: str
) -> Document:
    arguments = {"Conditions": conditions, "IfSteps": if_steps, "ElseSteps": else_steps}
    return step(name, "Condition", arguments, *depends_on)


def model(name: str, *depends_on: str, **environment: Any) -> Document:
    """Return a Model step, which ends at once.

    environment: the container's environment variables, from which a test can read the values of expressions.
    """
    container = {"Image": IMAGE, "Environment": environment}
    return step(name, "Model", {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container}, *depends_on)


def definition(*steps: Document, **members: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": steps} | members)


@contextlib.contextmanager
def assert_refused(part: str, code: str = "ValidationException") -> Iterator[None]:
    with pytest.raises(ClientError, match=code) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert part in str(caught.value)


class Pipelines:
    def __init__(self, client: Client):
        self.client, self.sagemaker = client, client.sagemaker

    def create(self, *steps: Document, **members: Any) -> str:
        name = f"pipeline-{next(numbers)}"
        self.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=definition(*steps, **members), RoleArn=ROLE_ARN
        )
        return name

    def start(self, pipeline: str, **parameters: str) -> str:
        values = [{"Name": name, "Value": value} for name, value in parameters.items()]
        response = self.sagemaker.start_pipeline_execution(PipelineName=pipeline, PipelineParameters=values)
        return response["PipelineExecutionArn"]

    def run(self, *steps: Document, **members: Any) -> str:
        execution = self.start(self.create(*steps, **members))
        self.wait(execution)
        return execution

    def describe(self, execution: str) -> Document:
        return self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)

    def wait(self, execution: str, seconds: float = 120) -> Document:
        return until(lambda: self.describe(execution), lambda it: it["PipelineExecutionStatus"] not in RUNNING, seconds)

    def wait_for(self, execution: str, name: str, status: str = "Executing", seconds: float = 60) -> Document:
        return until(
            lambda: self.steps(execution).get(name, {}), lambda step: step.get("StepStatus") == status, seconds
        )

    def steps(self, execution: str) -> dict[str, Document]:
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution, SortOrder="Ascending"
        )
        return {item["StepName"]: item for page in pages for item in page["PipelineExecutionSteps"]}

    def statuses(self, execution: str) -> dict[str, str]:
        return {name: item["StepStatus"] for name, item in self.steps(execution).items()}

    def environment(self, execution: str, name: str) -> dict[str, str]:
        arn = self.steps(execution)[name]["Metadata"]["Model"]["Arn"]
        description = self.sagemaker.describe_model(ModelName=arn.rpartition("/")[2])
        return description["PrimaryContainer"]["Environment"]

    def processing(self, name: str, script: str, *depends_on: str, outputs: Any = (), **members: Any) -> Document:
        """Return a step that runs a script. outputs: names of output folders in /opt/ml/processing."""
        prefix = f"s3://{BUCKET}/pipelines/{next(numbers)}"
        arguments = {
            "RoleArn": ROLE_ARN,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{CODE}/job.py"]},
            "ProcessingInputs": [self._code(script)],
            "ProcessingResources": {"ClusterConfig": RESOURCES},
        } | members.pop("Arguments", {})
        if outputs:
            arguments["ProcessingOutputConfig"] = {"Outputs": [_output(prefix, output) for output in outputs]}
        return step(name, "Processing", arguments, *depends_on, **members)

    def gated(self, name: str) -> tuple[Document, Callable[[str], object]]:
        """Return a step that fails unless its gate contains "yes" when it starts, and a function that sets the gate."""
        gated_step = self.processing(name, GATED_SCRIPT)
        source = gated_step["Arguments"]["ProcessingInputs"][0]["S3Input"]
        source["S3Uri"] = source["S3Uri"].rpartition("/")[0]
        key = f"{source['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go"
        self.client.put(key, "no")
        return gated_step, lambda text: self.client.put(key, text)

    def job_of(self, execution: str, name: str) -> str:
        arn: str = self.wait_for(execution, name)["Metadata"]["ProcessingJob"]["Arn"]
        return arn.rpartition("/")[2]

    def stop(self, execution: str) -> Document:
        self.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
        return self.wait(execution)

    def training(self, name: str, script: str, *depends_on: str, **members: Any) -> Document:
        settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": self.client.source(job=script)}
        settings |= members.pop("HyperParameters", {})
        arguments = training_members() | {"HyperParameters": settings} | members.pop("Arguments", {})
        return step(name, "Training", arguments, *depends_on, **members)

    def _code(self, script: str) -> Document:
        uri = self.client.put(f"pipelines/{next(numbers)}/job.py", script)
        return input_from(uri, CODE)["ProcessingInputs"][0] | {"InputName": "code"}


def _output(prefix: str, name: str) -> Document:
    members = output_to(f"{prefix}/{name}", f"/opt/ml/processing/{name}")
    return members["ProcessingOutputConfig"]["Outputs"][0] | {"OutputName": name}
