"""Steps that run because another one failed, was stopped or ended, and how an execution with such steps ends."""

from typing import Any

import pytest
from support.pipelines import Pipelines, model
from support.simulator_client import Client

from recore.simulator.server import BUCKET

FAILS = "raise ValueError('no luck')"
SLEEPS = "import time\ntime.sleep(300)"
# A script that fails unless its copy of the object "go" contains "yes".
IF_THERE = """
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


def triggered(name: str, trigger: str, *names: str) -> Step:
    return model(name) | depends_on(trigger, *names)


def test_steps_that_run_after_a_failed_step(pipelines: Pipelines) -> None:
    followed = [triggered("Failed", "Failed", "F"), triggered("Any", "Any", "F"), model("AfterFailed", "Failed")]
    others = [triggered("Stopped", "Stopped", "F"), triggered("Completed", "Completed", "F"), model("After", "F")]
    execution = pipelines.run(*followed, *others, pipelines.processing("F", FAILS))
    described = pipelines.describe(execution)
    assert described["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert described["FailureReason"].startswith("Step failure: 1 step failed: F (AlgorithmError: ")
    statuses = pipelines.statuses(execution)
    assert statuses == {"F": "Failed"} | dict.fromkeys(("Failed", "Any", "AfterFailed"), "Succeeded")
    [listed] = pipelines.sagemaker.list_pipeline_executions(PipelineName=described["PipelineArn"])[
        "PipelineExecutionSummaries"
    ]
    assert listed["PipelineExecutionStatus"] == "CompletedWithFailures"


def test_steps_that_run_after_a_successful_step(pipelines: Pipelines) -> None:
    steps = [triggered(trigger, trigger, "M") for trigger in ("Completed", "Failed", "Stopped", "Any")]
    execution = pipelines.run(*steps, model("M"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert set(pipelines.statuses(execution)) == {"M", "Completed", "Any"}


def test_steps_that_run_after_a_stopped_job(pipelines: Pipelines) -> None:
    steps = [triggered(trigger, trigger, "S") for trigger in ("Failed", "Stopped", "Any")]
    execution = pipelines.start(pipelines.create(pipelines.processing("S", SLEEPS), *steps))
    job = pipelines.wait_for(execution, "S")["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    described = pipelines.wait(execution)
    assert described["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert f"S (ClientError: The ProcessingJob '{job}' was stopped" in described["FailureReason"]
    assert pipelines.statuses(execution) == {"S": "Stopped", "Stopped": "Succeeded", "Any": "Succeeded"}


def test_nothing_follows_when_the_execution_is_stopped(pipelines: Pipelines) -> None:
    steps = [triggered(trigger, trigger, "S") for trigger in ("Failed", "Stopped", "Any")]
    execution = pipelines.start(pipelines.create(pipelines.processing("S", SLEEPS), *steps))
    pipelines.wait_for(execution, "S")
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    described = pipelines.wait(execution)
    assert (described["PipelineExecutionStatus"], "FailureReason" in described) == ("Stopped", False)
    assert pipelines.statuses(execution) == {"S": "Stopped"}


@pytest.mark.parametrize("other", ["one that nothing follows", "the one that follows"])
def test_a_failure_without_a_following_step(pipelines: Pipelines, other: str) -> None:
    """The execution fails, although one of its two failures started a step."""
    follows = pipelines.processing("Follows", FAILS) if other == "the one that follows" else model("Follows")
    steps = [pipelines.processing("F", FAILS), follows | depends_on("Failed", "F")]
    steps += [pipelines.processing("Alone", FAILS)] if other == "one that nothing follows" else []
    execution = pipelines.run(*steps)
    described = pipelines.describe(execution)
    assert described["PipelineExecutionStatus"] == "Failed"
    assert "2 steps failed: " in described["FailureReason"]


def test_several_steps_have_to_fail(pipelines: Pipelines) -> None:
    both = triggered("Both", "Failed", "F", "M")
    execution = pipelines.run(pipelines.processing("F", FAILS), model("M"), both)
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    assert set(pipelines.statuses(execution)) == {"F", "M"}


def test_retry_runs_the_failed_step_again_and_discards_later_steps(pipelines: Pipelines) -> None:
    retried_step = pipelines.processing("Again", IF_THERE)
    source = retried_step["Arguments"]["ProcessingInputs"][0]["S3Input"]
    source["S3Uri"] = source["S3Uri"].rpartition("/")[0]
    key = f"{source['S3Uri'].removeprefix(f's3://{BUCKET}/')}/go"
    pipelines.client.put(key, "no")
    followed = [
        triggered("Failed", "Failed", "Again"),
        model("AfterFailed", "Failed"),
        triggered("Any", "Any", "Again"),
    ]
    execution = pipelines.run(retried_step, *followed, model("After", "Again"), model("Alone"))
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
