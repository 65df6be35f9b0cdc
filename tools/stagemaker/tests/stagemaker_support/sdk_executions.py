"""Executions of a pipeline defined with an SDK's classes, in which the middle step fails, is stopped or is killed.

The tests are the same for both versions of the SDK. A module imports them and defines the fixture `write`: a function
that builds the pipeline with its version's classes, for the simulator that the environment variables name.
"""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from stagemaker_support.sdk import RestartableSimulator

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
WORD = f"s3://{BUCKET}/endings/word"
FOLDER = "/opt/ml/processing"
IN, OUT = f"{FOLDER}/in", f"{FOLDER}/out"
# The script of the step Middle, which runs after First and passes its output to After.
MIDDLE = f"""
import pathlib, sys, time
word = pathlib.Path("{IN}/word").read_text()
while word == "wait":
    time.sleep(1)
if word == "fail":
    sys.exit("no luck")
pathlib.Path("{OUT}/result").write_text("done")
"""
OTHER_SCRIPT = "print('done')"
WritePipeline = Callable[[], Any]


def wait_for_end(execution: Any, seconds: float = 180) -> dict[str, Any]:
    """Wait until an execution has ended, and return its description.

    The SDK's own wait polls only every 30 seconds and does not recognise the status Stopped.
    """
    deadline = time.monotonic() + seconds
    while (description := execution.describe())["PipelineExecutionStatus"] in ("Executing", "Stopping"):
        assert time.monotonic() < deadline, description
        time.sleep(0.2)
    return description


def steps_of(execution: Any) -> dict[str, dict[str, Any]]:
    """Return all steps of an execution by name. The SDK's own method returns only ten."""
    paginator = boto3.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    pages = paginator.paginate(PipelineExecutionArn=execution.arn)
    return {item["StepName"]: item for page in pages for item in page["PipelineExecutionSteps"]}


def statuses(execution: Any) -> dict[str, str]:
    return {name: item["StepStatus"] for name, item in steps_of(execution).items()}


def start(write: WritePipeline, word: str) -> Any:
    """Start an execution in which the step Middle reads a word."""
    put_word(word)
    pipeline = write()
    pipeline.upsert(role_arn=ROLE)
    return pipeline.start()


def put_word(word: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key="endings/word", Body=word.encode())


def wait_for_middle(execution: Any, attempt: int = 1) -> None:
    """Wait until this attempt at the step Middle is running."""
    deadline = time.monotonic() + 60
    while True:
        steps = steps_of(execution)
        middle = steps.get("Middle", {})
        if (middle.get("StepStatus"), middle.get("AttemptCount")) == ("Executing", attempt):
            return
        assert time.monotonic() < deadline, steps
        time.sleep(0.2)


def check_retry(execution: Any, attempts: int) -> None:
    """Retry an execution, and check that the steps that have not succeeded run again, on the current objects in S3."""
    before = steps_of(execution)
    put_word("go")
    boto3.client("sagemaker").retry_pipeline_execution(PipelineExecutionArn=execution.arn)
    assert wait_for_end(execution)["PipelineExecutionStatus"] == "Succeeded"
    after = steps_of(execution)
    assert statuses(execution) == dict.fromkeys(("First", "Middle", "After"), "Succeeded")
    assert after["First"] == before["First"]
    assert after["Middle"]["AttemptCount"] == attempts


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_failed_is_retried(write: WritePipeline) -> None:
    execution = start(write, "fail")
    assert wait_for_end(execution)["PipelineExecutionStatus"] == "Failed"
    reason = steps_of(execution)["Middle"]["FailureReason"]
    assert reason.startswith("AlgorithmError: ")
    assert "no luck" in reason
    assert statuses(execution) == {"First": "Succeeded", "Middle": "Failed"}
    check_retry(execution, attempts=2)


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_was_stopped_is_retried(write: WritePipeline) -> None:
    execution = start(write, "wait")
    wait_for_middle(execution)
    execution.stop()
    assert wait_for_end(execution)["PipelineExecutionStatus"] == "Stopped"
    assert statuses(execution) == {"First": "Succeeded", "Middle": "Stopped"}
    check_retry(execution, attempts=2)


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_was_killed_continues(
    write: WritePipeline, restartable_simulator: RestartableSimulator
) -> None:
    """The next simulator makes another attempt at the interrupted step, and keeps the steps that had ended."""
    execution = start(write, "wait")
    wait_for_middle(execution)
    first = steps_of(execution)["First"]
    restartable_simulator.kill()
    restartable_simulator.start()
    wait_for_middle(execution, attempt=2)
    assert steps_of(execution)["First"] == first
    execution.stop()
    assert wait_for_end(execution)["PipelineExecutionStatus"] == "Stopped"
    check_retry(execution, attempts=3)
