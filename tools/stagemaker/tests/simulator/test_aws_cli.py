"""The AWS CLI works with the simulator."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from stagemaker_support.endpoints import NAMED, Endpoints
from stagemaker_support.pipelines import Pipelines, definition, get, step
from stagemaker_support.simulator_client import IMAGE
from stagemaker_support.tuning_jobs import SCRIPT, Tuning, categorical, tuning_request

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


@pytest.fixture
def command(client, tmp_path: Path):
    """Return a function that builds a CLI command for subprocess.run. Old CLI versions need --endpoint-url."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables |= client.simulator.variables() | {"HOME": str(tmp_path), "AWS_PAGER": ""}

    def arguments(*words: str) -> dict:
        line = [AWS, "--endpoint-url", client.simulator.endpoint, *words]
        return {"args": line, "env": variables, "cwd": tmp_path, "text": True}

    return arguments


@pytest.fixture
def aws(command):
    """Return a function that runs the CLI and returns its output."""

    def run(*words: str) -> str:
        result = subprocess.run(**command(*words), capture_output=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture
def sagemaker(aws):
    """Return a function that runs a SageMaker operation and returns its response."""

    def run(operation: str, *words: str) -> dict:
        output = aws("sagemaker", operation, *words)
        return json.loads(output) if output else {}

    return run


def test_sts_returns_an_identity(aws) -> None:
    assert json.loads(aws("sts", "get-caller-identity"))["Account"] == ACCOUNT


def test_files_are_copied_to_and_from_s3(aws, tmp_path: Path) -> None:
    (tmp_path / "local.csv").write_text("1,2,3")
    aws("s3", "cp", "local.csv", f"s3://{BUCKET}/cli/local.csv")
    aws("s3", "cp", f"s3://{BUCKET}/cli/local.csv", "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == "1,2,3"
    assert "local.csv" in aws("s3", "ls", f"s3://{BUCKET}/cli/")


def test_a_training_job_is_awaited_and_listed(client, aws) -> None:
    # The job has already ended: otherwise the CLI's waiter would sleep for 2 minutes.
    name = client.train("print('done')")["TrainingJobName"]
    wait_command = ("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", name)
    assert aws(*wait_command) == ""
    listed = json.loads(aws("sagemaker", "list-training-jobs"))["TrainingJobSummaries"]
    assert {job["TrainingJobName"]: job["TrainingJobStatus"] for job in listed}[name] == "Completed"
    described = json.loads(aws("sagemaker", "describe-training-job", "--training-job-name", name))
    assert described["SecondaryStatus"] == "Completed"


def test_service_errors_are_reported(command) -> None:
    arguments = ("sagemaker", "describe-training-job", "--training-job-name", "none")
    result = subprocess.run(**command(*arguments), capture_output=True, timeout=60)
    assert result.returncode == ERROR_STATUS
    assert "Requested resource not found" in result.stderr


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


def test_the_life_cycle_of_an_endpoint(client, aws, sagemaker, command, tmp_path: Path) -> None:
    """The CLI deploys an endpoint, waits for it, invokes it, updates it and deletes it."""

    def create_config(name: str, script: str = NAMED) -> None:
        variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        variables["SAGEMAKER_SUBMIT_DIRECTORY"] = client.source(inference=script.format(name=name))
        container = json.dumps({"Image": IMAGE, "Environment": variables})
        words = ("--execution-role-arn", ROLE_ARN, "--primary-container", container)
        sagemaker("create-model", "--model-name", name, *words)
        variant = f"VariantName=only,ModelName={name},InstanceType=ml.m5.large,InitialInstanceCount=1"
        sagemaker("create-endpoint-config", "--endpoint-config-name", name, "--production-variants", variant)

    def invoke(*words: str) -> tuple[dict, list]:
        (tmp_path / "rows.csv").write_text("1,2")
        request = ("--body", "fileb://rows.csv", "--content-type", "text/csv", "--accept", "application/json")
        output = aws("sagemaker-runtime", "invoke-endpoint", *endpoint_option, *request, *words, "response.json")
        return json.loads(output), json.loads((tmp_path / "response.json").read_text())

    endpoint_option = ("--endpoint-name", "cli-endpoint")
    create_config("cli-old", "import time\ntime.sleep(5)\n" + NAMED)
    create_config("cli-new")
    sagemaker("create-endpoint", *endpoint_option, "--endpoint-config-name", "cli-old")
    assert sagemaker("describe-endpoint", *endpoint_option)["EndpointStatus"] == "Creating"
    assert sagemaker("wait", "endpoint-in-service", *endpoint_option) == {}
    assert sagemaker("describe-endpoint", *endpoint_option)["EndpointStatus"] == "InService"
    metadata, response = invoke("--target-variant", "only")
    assert metadata["InvokedProductionVariant"] == "only"
    assert response == ["cli-old", "1,2", "text/csv", "application/json"]

    sagemaker("update-endpoint", *endpoint_option, "--endpoint-config-name", "cli-new")
    Endpoints(client).settle("cli-endpoint")  # otherwise the CLI's waiter would sleep for 30 s
    assert sagemaker("wait", "endpoint-in-service", *endpoint_option) == {}
    assert sagemaker("describe-endpoint", *endpoint_option)["EndpointConfigName"] == "cli-new"
    assert invoke()[1][0] == "cli-new"
    listed = sagemaker("list-endpoints", "--status-equals", "InService", "--name-contains", "cli")["Endpoints"]
    assert [endpoint["EndpointName"] for endpoint in listed] == ["cli-endpoint"]

    sagemaker("delete-endpoint", *endpoint_option)
    assert sagemaker("wait", "endpoint-deleted", *endpoint_option) == {}
    result = subprocess.run(
        **command("sagemaker", "describe-endpoint", *endpoint_option), capture_output=True, timeout=60
    )
    assert result.returncode == ERROR_STATUS
    assert "Could not find endpoint" in result.stderr
    for name in ("cli-old", "cli-new"):
        sagemaker("delete-endpoint-config", "--endpoint-config-name", name)
        sagemaker("delete-model", "--model-name", name)


def test_the_life_cycle_of_a_tuning_job(client, aws, sagemaker, command, tmp_path: Path) -> None:
    """The CLI creates a tuning job from a file, waits for its best training job, and then lists and deletes it."""

    ranges = {"CategoricalParameterRanges": [categorical("x", "7", "2")]}
    request = tuning_request(client.source(job=SCRIPT), 2, 2, Strategy="Grid", ParameterRanges=ranges)
    (tmp_path / "request.json").write_text(json.dumps(request))
    sagemaker("create-hyper-parameter-tuning-job", "--cli-input-json", "file://request.json")
    job_option = ("--hyper-parameter-tuning-job-name", request["HyperParameterTuningJobName"])
    Tuning(client.sagemaker).wait(job_option[1])  # the CLI has no waiter for tuning jobs
    job = sagemaker("describe-hyper-parameter-tuning-job", *job_option)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "2"}
    best_job = job["BestTrainingJob"]["TrainingJobName"]
    assert aws("sagemaker", "wait", "training-job-completed-or-stopped", "--training-job-name", best_job) == ""
    order = ("--sort-by", "FinalObjectiveMetricValue", "--sort-order", "Descending", "--max-items", "1")
    listed = sagemaker("list-training-jobs-for-hyper-parameter-tuning-job", *job_option, *order)["TrainingJobSummaries"]
    assert [item["TunedHyperParameters"]["x"] for item in listed] == ["7"]
    summaries = sagemaker(
        "list-hyper-parameter-tuning-jobs", "--status-equals", "Completed", "--name-contains", job_option[1]
    )
    assert [item["Strategy"] for item in summaries["HyperParameterTuningJobSummaries"]] == ["Grid"]
    sagemaker("delete-hyper-parameter-tuning-job", *job_option)
    result = subprocess.run(
        **command("sagemaker", "stop-hyper-parameter-tuning-job", *job_option), capture_output=True, timeout=60
    )
    assert result.returncode == ERROR_STATUS
    assert "can't find a tuning job called" in result.stderr


def test_a_pipeline_registers_versions_that_become_models(client, sagemaker, command, tmp_path: Path) -> None:
    """A pipeline registers two model package versions. Both are approved, and a model is created from each."""
    specification = {
        "Containers": [{"Image": IMAGE, "Environment": {"WORD": get("Parameters.Word")}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    group = {"ModelPackageGroupName": "cli-group", "InferenceSpecification": specification}
    (tmp_path / "definition.json").write_text(
        definition(
            Pipelines(client).processing("First", "print(1)"),
            step("Register", "RegisterModel", group, "First"),
            Parameters=[{"Name": "Word", "Type": "String"}],
        )
    )
    pipeline_option, group_option = ("--pipeline-name", "cli-pipeline"), ("--model-package-group-name", "cli-group")
    request = ("--pipeline-definition", "file://definition.json", "--role-arn", ROLE_ARN)
    sagemaker("create-pipeline", *pipeline_option, *request, "--client-request-token", "x" * 32)
    sagemaker("update-pipeline", *pipeline_option, "--pipeline-description", "by hand")
    assert sagemaker("describe-pipeline", *pipeline_option)["PipelineDescription"] == "by hand"
    for word in ("one", "two"):
        started = sagemaker(
            "start-pipeline-execution", *pipeline_option, "--pipeline-parameters", f"Name=Word,Value={word}"
        )
        execution = ("--pipeline-execution-arn", started["PipelineExecutionArn"])
        Pipelines(client).wait(started["PipelineExecutionArn"])
        assert sagemaker("describe-pipeline-execution", *execution)["PipelineExecutionStatus"] == "Succeeded"
        steps = sagemaker("list-pipeline-execution-steps", *execution, "--sort-order", "Ascending")
        assert [item["StepName"] for item in steps["PipelineExecutionSteps"]] == ["First", "Register"]
        values = sagemaker("list-pipeline-parameters-for-execution", *execution)["PipelineParameters"]
        assert values == [{"Name": "Word", "Value": word}]
    listed = sagemaker("list-pipeline-executions", *pipeline_option, "--max-items", "1")["PipelineExecutionSummaries"]
    assert [item["PipelineExecutionArn"] for item in listed] == [execution[1]]

    versions = sagemaker("list-model-packages", *group_option, "--sort-order", "Descending")["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in versions] == [2, 1]
    for item in versions:
        approval = ("--model-approval-status", "Approved", "--approval-description", "fine")
        sagemaker("update-model-package", "--model-package-arn", item["ModelPackageArn"], *approval)
    filters = ("--model-approval-status", "Approved", "--sort-order", "Descending")
    latest, first = sagemaker("list-model-packages", *group_option, *filters)["ModelPackageSummaryList"]
    for name, package in (("cli-latest", latest), ("cli-first", first)):
        container = f"ModelPackageName={package['ModelPackageArn']}"
        role = ("--execution-role-arn", ROLE_ARN)
        sagemaker("create-model", "--model-name", name, *role, "--primary-container", container)
        described = sagemaker("describe-model", "--model-name", name)
        assert described["PrimaryContainer"]["ModelPackageName"] == package["ModelPackageArn"]
    results = sagemaker(
        "search", "--resource", "ModelPackage", "--search-expression", "Filters=[{Name=ModelPackageVersion,Value=2}]"
    )["Results"]
    assert latest["ModelPackageArn"] in [item["ModelPackage"]["ModelPackageArn"] for item in results]

    sagemaker("delete-pipeline", *pipeline_option, "--client-request-token", "x" * 32)
    for item in versions:
        sagemaker("delete-model-package", "--model-package-name", item["ModelPackageArn"])
    sagemaker("delete-model-package-group", *group_option)
    result = subprocess.run(
        **command("sagemaker", "describe-pipeline", *pipeline_option), capture_output=True, timeout=60
    )
    assert (result.returncode, "Could not find pipeline" in result.stderr) == (ERROR_STATUS, True)
