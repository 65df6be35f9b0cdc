"""Pipelines of a simulator: definitions with tiny steps, and executions that run to completion."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from stagemaker.server import BUCKET, ROLE_ARN
from stagemaker_support.job_traces import poll
from stagemaker_support.simulator_client import CLUSTER as RESOURCES
from stagemaker_support.simulator_client import IMAGE, Client, make_input, make_output, training_members

counter = itertools.count()
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
    """Return a Model step, which ends immediately.

    environment: the container's environment variables, from which a test can read the values of expressions.
    """
    container = {"Image": IMAGE, "Environment": environment}
    return step(name, "Model", {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container}, *depends_on)


def definition(*steps: Document, **members: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Steps": steps} | members)


def created_by(step: Document) -> str:
    """Return the name of the resource that a step created. step: an item of ListPipelineExecutionSteps."""
    [resource] = step["Metadata"].values()
    return resource["Arn"].rpartition("/")[2]


class Pipelines:
    def __init__(self, client: Client):
        self.client, self.sagemaker = client, client.sagemaker

    def create(self, *steps: Document, **members: Any) -> str:
        name = f"pipeline-{next(counter)}"
        self.sagemaker.create_pipeline(
            PipelineName=name, PipelineDefinition=definition(*steps, **members), RoleArn=ROLE_ARN
        )
        return name

    def start(self, pipeline: str, **parameters: str) -> str:
        values = [{"Name": name, "Value": value} for name, value in parameters.items()]
        response = self.sagemaker.start_pipeline_execution(PipelineName=pipeline, PipelineParameters=values)
        return response["PipelineExecutionArn"]

    def run(self, *steps: Document, status: str = "Succeeded", **members: Any) -> str:
        """Create a pipeline, run an execution to completion, and return the execution's ARN."""
        execution = self.start(self.create(*steps, **members))
        self.wait(execution, status)
        return execution

    def describe(self, execution: str) -> Document:
        return self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)

    def wait(self, execution: str, status: str = "Succeeded") -> Document:
        """Wait until an execution has ended, assert that it has this status, and return its description."""
        description = poll(
            lambda: self.describe(execution), lambda it: it["PipelineExecutionStatus"] not in RUNNING, 120
        )
        assert description["PipelineExecutionStatus"] == status, (description, self.steps(execution))
        return description

    def wait_for(self, execution: str, name: str, status: str = "Executing") -> Document:
        return poll(lambda: self.steps(execution).get(name, {}), lambda step: step.get("StepStatus") == status)

    def steps(self, execution: str) -> dict[str, Document]:
        pages = self.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution, SortOrder="Ascending"
        )
        return {item["StepName"]: item for page in pages for item in page["PipelineExecutionSteps"]}

    def statuses(self, execution: str) -> dict[str, str]:
        return {name: item["StepStatus"] for name, item in self.steps(execution).items()}

    def environment(self, execution: str, name: str) -> dict[str, str]:
        description = self.sagemaker.describe_model(ModelName=created_by(self.steps(execution)[name]))
        return description["PrimaryContainer"]["Environment"]

    def processing(self, name: str, script: str, *depends_on: str, outputs: Any = (), **members: Any) -> Document:
        """Return a step that runs a script. outputs: names of output folders in /opt/ml/processing."""
        prefix = f"s3://{BUCKET}/pipelines/{next(counter)}"
        arguments = {
            "RoleArn": ROLE_ARN,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{CODE}/job.py"]},
            "ProcessingInputs": [self._code(script)],
            "ProcessingResources": {"ClusterConfig": RESOURCES},
        } | members.pop("Arguments", {})
        if outputs:
            arguments["ProcessingOutputConfig"] = {"Outputs": [_output(prefix, output) for output in outputs]}
        return step(name, "Processing", arguments, *depends_on, **members)

    def gated_step(self, name: str, script: str = GATED_SCRIPT) -> tuple[Document, Callable[[str], object]]:
        """Return a step with a gate (the file "go" next to its script) and a function that sets the gate's content.

        script: by default, one that fails unless the gate contains "yes" when the job starts.
        """
        gated_step = self.processing(name, script)
        source = gated_step["Arguments"]["ProcessingInputs"][0]["S3Input"]
        source["S3Uri"] = source["S3Uri"].rpartition("/")[0]
        key = f"{source['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go"
        self.client.put(key, "no")
        return gated_step, lambda content: self.client.put(key, content)

    def sleeping(self) -> tuple[str, str]:
        """Start an execution whose step "Sleeps" is running; return the execution's ARN and the job's name."""
        execution = self.start(self.create(self.processing("Sleeps", SLEEPING_SCRIPT)))
        return execution, created_by(self.wait_for(execution, "Sleeps"))

    def stop(self, execution: str) -> Document:
        self.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
        return self.wait(execution, "Stopped")

    def training(self, name: str, script: str, *depends_on: str, **members: Any) -> Document:
        settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": self.client.source(job=script)}
        settings |= members.pop("HyperParameters", {})
        arguments = training_members() | {"HyperParameters": settings} | members.pop("Arguments", {})
        return step(name, "Training", arguments, *depends_on, **members)

    def _code(self, script: str) -> Document:
        uri = self.client.put(f"pipelines/{next(counter)}/job.py", script)
        return make_input(uri, CODE)["ProcessingInputs"][0] | {"InputName": "code"}


def _output(prefix: str, name: str) -> Document:
    members = make_output(f"{prefix}/{name}", f"/opt/ml/processing/{name}")
    return members["ProcessingOutputConfig"]["Outputs"][0] | {"OutputName": name}
