"""Steps that are triggered when another step fails, stops or ends, and the final status of their executions."""

from typing import Any

import pytest
from stagemaker_support.pipelines import Pipelines, model
from stagemaker_support.simulator_client import Client

from stagemaker.server import BUCKET

FAILING_SCRIPT = "raise ValueError('no luck')"
SLEEPING_SCRIPT = "import time\ntime.sleep(300)"
# A script that fails unless its copy of the object "go" contains "yes".
GATED_SCRIPT = """
import sys
from pathlib import Path
sys.exit(0 if Path(__file__).with_name("go").read_text() == "yes" else 3)
"""
Step = dict[str, Any]


@pytest.fixture(scope="module")
def pipelines(client: Client) -> Pipelines:
    return Pipelines(client)


def depends_on(trigger: str, *names: str) -> dict[str, list[Any]]:
    return {"DependsOn": [{"Step": name, "Trigger": trigger} for name in names]}


def triggered_step(name: str, trigger: str, *names: str) -> Step:
    return model(name) | depends_on(trigger, *names)


def test_only_steps_with_a_matching_trigger_run_after_a_failed_step(pipelines: Pipelines) -> None:
    following_steps = [
        triggered_step("Failed", "Failed", "F"),
        triggered_step("Any", "Any", "F"),
        model("AfterFailed", "Failed"),
    ]
    other_steps = [
        triggered_step("Stopped", "Stopped", "F"),
        triggered_step("Completed", "Completed", "F"),
        model("After", "F"),
    ]
    execution = pipelines.run(*following_steps, *other_steps, pipelines.processing("F", FAILING_SCRIPT))
    description = pipelines.describe(execution)
    assert description["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert description["FailureReason"] == "Step failure: One or multiple steps failed."
    statuses = pipelines.statuses(execution)
    assert statuses == {"F": "Failed"} | dict.fromkeys(("Failed", "Any", "AfterFailed"), "Succeeded")
    [summary] = pipelines.sagemaker.list_pipeline_executions(PipelineName=description["PipelineArn"])[
        "PipelineExecutionSummaries"
    ]
    assert summary["PipelineExecutionStatus"] == "CompletedWithFailures"


def test_only_steps_with_a_matching_trigger_run_after_a_successful_step(pipelines: Pipelines) -> None:
    steps = [triggered_step(trigger, trigger, "M") for trigger in ("Completed", "Failed", "Stopped", "Any")]
    execution = pipelines.run(*steps, model("M"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert set(pipelines.statuses(execution)) == {"M", "Completed", "Any"}


def test_only_steps_with_a_matching_trigger_run_after_a_stopped_job(pipelines: Pipelines) -> None:
    steps = [triggered_step(trigger, trigger, "S") for trigger in ("Failed", "Stopped", "Any")]
    execution = pipelines.start(pipelines.create(pipelines.processing("S", SLEEPING_SCRIPT), *steps))
    job = pipelines.wait_for(execution, "S")["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    description = pipelines.wait(execution)
    assert description["PipelineExecutionStatus"] == "CompletedWithFailures"
    reason = pipelines.steps(execution)["S"]["FailureReason"]
    assert reason.startswith(f"ClientError: The ProcessingJob '{job}' was stopped")
    assert pipelines.statuses(execution) == {"S": "Stopped", "Stopped": "Succeeded", "Any": "Succeeded"}


def test_no_step_runs_after_the_execution_is_stopped(pipelines: Pipelines) -> None:
    steps = [triggered_step(trigger, trigger, "S") for trigger in ("Failed", "Stopped", "Any")]
    execution = pipelines.start(pipelines.create(pipelines.processing("S", SLEEPING_SCRIPT), *steps))
    pipelines.wait_for(execution, "S")
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    description = pipelines.wait(execution)
    assert (description["PipelineExecutionStatus"], "FailureReason" in description) == ("Stopped", False)
    assert pipelines.statuses(execution) == {"S": "Stopped"}


@pytest.mark.parametrize("unhandled_failure", ["an independent step", "the following step"])
def test_an_unhandled_failure_fails_the_execution(pipelines: Pipelines, unhandled_failure: str) -> None:
    """The execution fails even though one of its two failures triggered another step."""
    following_step = (
        pipelines.processing("Follows", FAILING_SCRIPT)
        if unhandled_failure == "the following step"
        else model("Follows")
    )
    steps = [pipelines.processing("F", FAILING_SCRIPT), following_step | depends_on("Failed", "F")]
    steps += [pipelines.processing("Alone", FAILING_SCRIPT)] if unhandled_failure == "an independent step" else []
    execution = pipelines.run(*steps)
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    assert list(pipelines.statuses(execution).values()).count("Failed") == 2


def test_a_failure_trigger_on_two_steps_requires_both_to_fail(pipelines: Pipelines) -> None:
    step = triggered_step("Both", "Failed", "F", "M")
    execution = pipelines.run(pipelines.processing("F", FAILING_SCRIPT), model("M"), step)
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    assert set(pipelines.statuses(execution)) == {"F", "M"}


def test_retry_runs_the_failed_step_again_and_discards_later_steps(pipelines: Pipelines) -> None:
    retried_step = pipelines.processing("Again", GATED_SCRIPT)
    source = retried_step["Arguments"]["ProcessingInputs"][0]["S3Input"]
    source["S3Uri"] = source["S3Uri"].rpartition("/")[0]
    key = f"{source['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go"
    pipelines.client.put(key, "no")
    following_steps = [
        triggered_step("Failed", "Failed", "Again"),
        model("AfterFailed", "Failed"),
        triggered_step("Any", "Any", "Again"),
    ]
    execution = pipelines.run(retried_step, *following_steps, model("After", "Again"), model("Alone"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "CompletedWithFailures"
    before = pipelines.steps(execution)
    assert set(before) == {"Again", "Failed", "AfterFailed", "Any", "Alone"}
    pipelines.client.put(key, "yes")
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Succeeded"
    after = pipelines.steps(execution)
    assert set(after) == {"Again", "After", "Any", "Alone"}
    assert after["Alone"] == before["Alone"]
    assert after["Any"]["Metadata"] != before["Any"]["Metadata"]
