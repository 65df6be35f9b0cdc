"""The AWS CLI works with the simulator."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.pipelines import Pipelines, definition, get, step
from stagemaker_support.request_scenarios import *  # noqa: F403
from stagemaker_support.simulator_client import IMAGE, Client
from stagemaker_support.tuning_jobs import Tuning

from stagemaker.protocol.account import ACCOUNT
from stagemaker.server import BUCKET, ROLE_ARN

GROUP = "/aws/sagemaker/TrainingJobs"
SLOW_SCRIPT = "import time\nfor number in range(12):\n    print('line', number)\n    time.sleep(1)\n"


def find_cli() -> tuple[str | None, int]:
    """Return the absolute path and the major version of the newest `aws` program on PATH."""
    newest: tuple[str | None, int] = (None, 0)
    for folder in os.get_exec_path():
        if program := shutil.which("aws", path=folder):
            result = subprocess.run([program, "--version"], cwd="/", capture_output=True, text=True)
            if (match := re.match(r"aws-cli/(\d+)", result.stdout + result.stderr)) and int(match[1]) > newest[1]:
                newest = program, int(match[1])
    return newest


AWS, VERSION = find_cli()
ERROR_STATUS = 254 if VERSION > 1 else 255  # the CLI's exit status if the service returns an error
pytestmark = [pytest.mark.machine, pytest.mark.skipif(AWS is None, reason="the AWS CLI is not on PATH")]


@pytest.fixture(scope="module")
def services(client: Client) -> Any:
    return client.simulator.client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the CLI runs."""
    return tmp_path_factory.mktemp("aws")


@pytest.fixture(scope="module")
def command(client: Client, folder: Path) -> Callable[..., dict[str, Any]]:
    """Return a function that builds a CLI command for subprocess.run. Old CLI versions need --endpoint-url."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= client.simulator.variables() | {"HOME": str(folder), "AWS_PAGER": ""}

    def arguments(*words: str) -> dict[str, Any]:
        line = [AWS, "--endpoint-url", client.simulator.endpoint, *words]
        return {"args": line, "env": variables, "cwd": folder, "text": True}

    return arguments


@pytest.fixture(scope="module")
def aws(command: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Return a function that runs the CLI and returns its output."""

    def run(*words: str) -> str:
        result = subprocess.run(**command(*words), capture_output=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture(scope="module")
def sagemaker(aws: Callable[..., str]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a SageMaker operation and returns its response."""

    def run(operation: str, *words: str) -> dict[str, Any]:
        output = aws("sagemaker", operation, *words)
        return json.loads(output) if output else {}

    return run


@pytest.fixture
def rejection(command: Callable[..., dict[str, Any]]) -> Callable[..., str]:
    """Return a function that runs a SageMaker operation, which must be rejected, and returns the error message."""

    def run(*words: str) -> str:
        result = subprocess.run(**command("sagemaker", *words), capture_output=True, timeout=60)
        assert result.returncode == ERROR_STATUS
        return result.stderr

    return run


class CommandLine:
    """Methods that call the API with the CLI. Its waiters poll rarely, so they are started once the work has ended."""

    def __init__(self, aws: Callable[..., str], client: Client, folder: Path):
        self._aws, self._client, self._folder = aws, client, folder

    def create(self, kind: str, request: dict[str, Any]) -> None:
        words = re.sub("(?<!^)(?=[A-Z])", "-", kind).lower()
        if kind == "EndpointConfig":
            [variant] = request["ProductionVariants"]
            shorthand = ",".join(f"{name}={value}" for name, value in variant.items())
            option = ("--endpoint-config-name", request["EndpointConfigName"])
            self._aws("sagemaker", "create-endpoint-config", *option, "--production-variants", shorthand)
            return
        (self._folder / "request.json").write_text(json.dumps(request))
        self._aws("sagemaker", f"create-{words}", "--cli-input-json", "file://request.json")
        name = request[f"{kind}Name"]
        if kind == "HyperParameterTuningJob":
            Tuning(self._client.sagemaker).wait(name)  # the CLI has no waiter for tuning jobs
        elif kind == "Endpoint":
            self._wait_for_endpoint(name)
        elif kind != "Model":
            self._client.wait(kind, name)
            assert self._aws("sagemaker", "wait", f"{words}-completed-or-stopped", f"--{words}-name", name) == ""

    def _wait_for_endpoint(self, name: str) -> None:
        Endpoints(self._client).settle(name)
        assert self._aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", name) == ""

    def fails(self) -> Any:
        return pytest.raises(AssertionError, match="terminal failure state")

    def update_endpoint(self, request: dict[str, Any]) -> None:
        options = ("--endpoint-name", request["EndpointName"], "--endpoint-config-name", request["EndpointConfigName"])
        self._aws("sagemaker", "update-endpoint", *options)
        self._wait_for_endpoint(request["EndpointName"])

    def invoke(self, endpoint: str, body: bytes, variant: str) -> bytes:
        (self._folder / "body").write_bytes(body)
        request = ("--endpoint-name", endpoint, "--body", "fileb://body", "--content-type", "text/csv")
        request += ("--accept", "text/csv", "--target-variant", variant)
        output = self._aws("sagemaker-runtime", "invoke-endpoint", *request, "response")
        assert json.loads(output)["InvokedProductionVariant"] == variant
        return (self._folder / "response").read_bytes()

    def delete(self, kind: str, name: str) -> None:
        self._aws("sagemaker", f"delete-{kind.lower()}", f"--{kind.lower()}-name", name)
        if kind == "Endpoint":
            assert self._aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", name) == ""


@pytest.fixture(scope="module")
def builder(aws: Callable[..., str], client: Client, folder: Path) -> CommandLine:
    return CommandLine(aws, client, folder)


def test_sts_returns_an_identity(aws) -> None:
    assert json.loads(aws("sts", "get-caller-identity"))["Account"] == ACCOUNT


def test_files_are_copied_to_and_from_s3(aws: Callable[..., str], folder: Path) -> None:
    (folder / "local.csv").write_text("1,2,3")
    aws("s3", "cp", "local.csv", f"s3://{BUCKET}/cli/local.csv")
    aws("s3", "cp", f"s3://{BUCKET}/cli/local.csv", "copy.csv")
    assert (folder / "copy.csv").read_text() == "1,2,3"
    assert "local.csv" in aws("s3", "ls", f"s3://{BUCKET}/cli/")


def test_jobs_are_listed_and_unknown_ones_are_reported(
    job: dict[str, Any], sagemaker: Callable[..., dict[str, Any]], rejection: Callable[..., str]
) -> None:
    summaries = sagemaker("list-training-jobs")["TrainingJobSummaries"]
    assert {item["TrainingJobName"]: item["TrainingJobStatus"] for item in summaries}["fit"] == "Completed"
    description = sagemaker("describe-training-job", "--training-job-name", "fit")
    assert description["SecondaryStatus"] == "Completed"
    assert "Requested resource not found" in rejection("describe-training-job", "--training-job-name", "none")
    assert "Could not find endpoint" in rejection("describe-endpoint", "--endpoint-name", "none")


@pytest.mark.skipif(VERSION < 2, reason="the AWS CLI on PATH is older than version 2")
def test_tail_shows_lines_while_the_job_runs(client, command) -> None:
    name = client.train(SLOW_SCRIPT, wait=False)["TrainingJobName"]
    deadline = time.monotonic() + 30
    while not client.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    arguments = ("logs", "tail", GROUP, "--follow", "--since", "1m")
    process = subprocess.Popen(**command(*arguments), stdout=subprocess.PIPE)
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        numbers = []
        for line in process.stdout:
            if name in line and (match := re.search(r"line (\d+)$", line)):
                numbers.append(int(match[1]))
                if len(numbers) == 1:
                    status = client.describe("TrainingJob", name)["TrainingJobStatus"]
            if len(numbers) == 12:
                break
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
    assert numbers == list(range(12))
    assert status == "InProgress"


def test_a_pipeline_registers_a_version_that_becomes_a_model(
    client: Client, sagemaker: Callable[..., dict[str, Any]], rejection: Callable[..., str], folder: Path
) -> None:
    specification = {
        "Containers": [{"Image": IMAGE, "Environment": {"WORD": get("Parameters.Word")}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    register = step(
        "Register", "RegisterModel", {"ModelPackageGroupName": "cli", "InferenceSpecification": specification}
    )
    document = definition(register, Parameters=[{"Name": "Word", "Type": "String"}])
    (folder / "definition.json").write_text(document)
    pipeline_option, group_option = ("--pipeline-name", "cli-pipeline"), ("--model-package-group-name", "cli")
    request = ("--pipeline-definition", "file://definition.json", "--role-arn", ROLE_ARN)
    sagemaker("create-pipeline", *pipeline_option, *request, "--client-request-token", "x" * 32)
    sagemaker("update-pipeline", *pipeline_option, "--pipeline-description", "by hand")
    assert sagemaker("describe-pipeline", *pipeline_option)["PipelineDescription"] == "by hand"
    for word in ("one", "two"):
        parameters = ("--pipeline-parameters", f"Name=Word,Value={word}")
        arn = sagemaker("start-pipeline-execution", *pipeline_option, *parameters)["PipelineExecutionArn"]
        Pipelines(client).wait(arn)
    execution = ("--pipeline-execution-arn", arn)
    assert sagemaker("describe-pipeline-execution", *execution)["PipelineExecutionStatus"] == "Succeeded"
    entry, _ = sagemaker("list-model-packages", *group_option, "--sort-order", "Descending")["ModelPackageSummaryList"]
    approval = ("--model-approval-status", "Approved", "--approval-description", "fine")
    sagemaker("update-model-package", "--model-package-arn", entry["ModelPackageArn"], *approval)
    summaries = sagemaker("list-model-packages", *group_option, "--model-approval-status", "Approved")
    assert [item["ModelPackageArn"] for item in summaries["ModelPackageSummaryList"]] == [entry["ModelPackageArn"]]
    container = ("--primary-container", f"ModelPackageName={entry['ModelPackageArn']}")
    sagemaker("create-model", "--model-name", "cli-latest", "--execution-role-arn", ROLE_ARN, *container)
    description = sagemaker("describe-model", "--model-name", "cli-latest")
    assert description["PrimaryContainer"]["ModelPackageName"] == entry["ModelPackageArn"]
    filters = ("--search-expression", "Filters=[{Name=ModelPackageVersion,Value=2}]")
    results = sagemaker("search", "--resource", "ModelPackage", *filters)["Results"]
    assert entry["ModelPackageArn"] in [item["ModelPackage"]["ModelPackageArn"] for item in results]
    sagemaker("delete-pipeline", *pipeline_option, "--client-request-token", "x" * 32)
    assert "Could not find pipeline" in rejection("describe-pipeline", *pipeline_option)
