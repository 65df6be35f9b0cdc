"""Executions of a pipeline, defined with version 2 or 3 of the SDK, in which a step fails, is stopped or is killed."""

import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from stagemaker_support.sdk import BUCKET, ROLE, RestartableSimulator, statuses, steps_of, wait_for_execution

WORD = f"s3://{BUCKET}/endings/word"
IN, OUT = "/opt/ml/processing/in", "/opt/ml/processing/out"
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


@pytest.fixture
def start(sdk: ModuleType, tmp_path: Path) -> Callable[[str], Any]:
    """Return a function that starts an execution in which the step Middle reads a word."""
    other, script = tmp_path / "other.py", tmp_path / "middle.py"
    other.write_text("print('done')")
    script.write_text(MIDDLE)

    def start(word: str) -> Any:
        put_word(word)
        makes = sdk.Steps()  # for the simulator that the environment variables name now
        first = sdk.ProcessingStep("First", step_args=makes.process(other))
        step_args = makes.process(script, inputs=[(WORD, IN)], outputs=[("result", OUT, None)])
        middle = sdk.ProcessingStep("Middle", step_args=step_args, depends_on=[first])
        result = middle.properties.ProcessingOutputConfig.Outputs["result"].S3Output.S3Uri
        after = sdk.ProcessingStep("After", step_args=makes.process(other, inputs=[(result, IN)]))
        steps = [after, middle, first]
        pipeline = sdk.Pipeline(name="endings", steps=steps, sagemaker_session=makes.session)
        pipeline.upsert(role_arn=ROLE)
        return pipeline.start()

    return start


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
    assert wait_for_execution(execution)["PipelineExecutionStatus"] == "Succeeded"
    after = steps_of(execution)
    assert statuses(execution) == dict.fromkeys(("First", "Middle", "After"), "Succeeded")
    assert after["First"] == before["First"]
    assert after["Middle"]["AttemptCount"] == attempts


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_failed_is_retried(start: Callable[[str], Any]) -> None:
    execution = start("fail")
    assert wait_for_execution(execution)["PipelineExecutionStatus"] == "Failed"
    reason = steps_of(execution)["Middle"]["FailureReason"]
    assert reason.startswith("AlgorithmError: ")
    assert "no luck" in reason
    assert statuses(execution) == {"First": "Succeeded", "Middle": "Failed"}
    check_retry(execution, attempts=2)


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_was_stopped_is_retried(start: Callable[[str], Any]) -> None:
    execution = start("wait")
    wait_for_middle(execution)
    execution.stop()
    assert wait_for_execution(execution)["PipelineExecutionStatus"] == "Stopped"
    assert statuses(execution) == {"First": "Succeeded", "Middle": "Stopped"}
    check_retry(execution, attempts=2)


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_was_killed_continues(
    start: Callable[[str], Any], restartable_simulator: RestartableSimulator
) -> None:
    """The next simulator makes another attempt at the interrupted step, and keeps the steps that had ended."""
    execution = start("wait")
    wait_for_middle(execution)
    first = steps_of(execution)["First"]
    restartable_simulator.kill()
    restartable_simulator.start()
    wait_for_middle(execution, attempt=2)
    assert steps_of(execution)["First"] == first
    execution.stop()
    assert wait_for_execution(execution)["PipelineExecutionStatus"] == "Stopped"
    check_retry(execution, attempts=3)
