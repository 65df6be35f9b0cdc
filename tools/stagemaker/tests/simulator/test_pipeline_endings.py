"""Executions that do not succeed (failing steps, Fail steps, stops, retries, retry policies), and deleted pipelines."""

import threading
import uuid
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from stagemaker_support.pipelines import (
    FAILING_SCRIPT,
    SLEEPING_SCRIPT,
    SPECIFICATION,
    Pipelines,
    condition,
    created_by,
    definition,
    equals,
    fail,
    get,
    join,
    model,
    step,
)
from stagemaker_support.simulator_client import rejection

from stagemaker.orchestration.pipelines.records import StepRecords
from stagemaker.orchestration.pipelines.step_cache import StepCache
from stagemaker.orchestration.pipelines.step_resource import StepResource
from stagemaker.server import BUCKET, ROLE_ARN

STEP_FAILURE = "Step failure: One or multiple steps failed."


def transform(name: str, model_name: Any = "no-such-model", instances: int = 1, **members: Any) -> dict[str, Any]:
    """Return a transform step. instances: the InstanceCount; a large number exceeds the account's limit."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing"}}
    arguments = {
        "ModelName": model_name,
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": instances},
    }
    return step(name, "Transform", arguments, **members)


def depends_on(trigger: str, *names: str) -> dict[str, list[Any]]:
    return {"DependsOn": [{"Step": name, "Trigger": trigger} for name in names]}


def triggered_step(name: str, trigger: str, *names: str) -> dict[str, Any]:
    return model(name) | depends_on(trigger, *names)


def summary(pipelines: Pipelines, execution: str) -> dict[str, Any]:
    pipeline = pipelines.describe(execution)["PipelineArn"]
    [item] = pipelines.sagemaker.list_pipeline_executions(PipelineName=pipeline)["PipelineExecutionSummaries"]
    return item


def test_steps_that_depend_on_a_failed_step_do_not_run(pipelines: Pipelines) -> None:
    dependent_steps = [model("After", "Fails"), model("AfterThat", X=get("Steps.After.ModelName"))]
    independent_steps = [model("Alone"), model("AfterAlone", "Alone")]
    rejected_steps = [transform("Rejected"), transform("Invalid", get("Parameters.P"))]
    execution = pipelines.run(
        *(pipelines.processing("Fails", FAILING_SCRIPT), *dependent_steps, *independent_steps, *rejected_steps),
        Parameters=[{"Name": "P", "Type": "String", "DefaultValue": "not a name"}],
        status="Failed",
    )
    assert pipelines.describe(execution)["FailureReason"] == STEP_FAILURE
    assert summary(pipelines, execution)["PipelineExecutionFailureReason"] == STEP_FAILURE
    steps = pipelines.steps(execution)
    assert set(steps) == {"Fails", "Alone", "AfterAlone", "Rejected", "Invalid"}
    assert "EndTime" in steps["Fails"]
    reasons = {name: item.get("FailureReason", "") for name, item in steps.items()}
    assert reasons["Fails"].startswith("AlgorithmError: ")
    assert "no luck" in reasons["Fails"]
    assert reasons["Rejected"].startswith("ClientError: sagemaker:CreateTransformJob was rejected: Could not find")
    assert "'not a name'" in reasons["Invalid"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("no good\x1b[2J\u202e", "no good?[2J?"),
        (
            {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/nothing.json", "Path": "a"}},
            f"ClientError: s3://{BUCKET}/nothing.json could not be read",
        ),
    ],
    ids=["text", "cannot be read"],
)
def test_a_fail_step_ends_the_execution(pipelines: Pipelines, message: Any, reason: str) -> None:
    sleeping_step = pipelines.processing("Sleeps", SLEEPING_SCRIPT)
    condition_step = condition("C", [equals(1, 1)], [fail("Bad", message)], [])
    execution = pipelines.run(sleeping_step, condition_step, model("After", "Sleeps"), status="Failed")
    steps = pipelines.steps(execution)
    assert steps["Bad"]["FailureReason"].startswith(reason)
    assert pipelines.statuses(execution) == {"Sleeps": "Stopped", "C": "Succeeded", "Bad": "Failed"}
    job = pipelines.client.describe("ProcessingJob", created_by(steps["Sleeps"]))
    assert job["ProcessingJobStatus"] == "Stopped"


def test_a_fail_step_writes_an_outcome_as_expressions_do(pipelines: Pipelines) -> None:
    """Metadata says False, as in the API, but a message says false. An empty message sets no FailureReason."""
    message = join("it is ", get("Steps.C.Outcome"))
    steps = pipelines.steps(
        pipelines.run(condition("C", [equals(1, 2)], [], []), fail("Bad", message), status="Failed")
    )
    assert steps["Bad"]["FailureReason"] == "it is false"
    assert steps["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "it is false"}}
    assert steps["C"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    step = pipelines.steps(pipelines.run(fail("Bad", ""), status="Failed"))["Bad"]
    assert step["Metadata"] == {"Fail": {"ErrorMessage": ""}}
    assert "FailureReason" not in step


def test_a_stop_request_that_fails_is_repeated(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request gets an error response, as if the disk were full."""
    execution, _ = pipelines.sleeping()
    error_response: Any = {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    errors = iter([ClientError(error_response, "StopProcessingJob")])
    make_api_call = BaseClient._make_api_call

    def reject_first_stop_request(self: BaseClient, operation: str, *arguments: Any) -> Any:
        if operation == "StopProcessingJob" and (error := next(errors, None)):
            raise error
        return make_api_call(self, operation, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", reject_first_stop_request)
    pipelines.stop(execution)
    assert pipelines.statuses(execution) == {"Sleeps": "Stopped"}
    assert next(errors, None) is None


def fail_writes(monkeypatch: pytest.MonkeyPatch, status: str) -> tuple[threading.Event, threading.Event]:
    """Make writes of step records with this status fail. Return an event set by failures, and one that ends them."""
    put, write_failed, disk_has_space = StepRecords.put, threading.Event(), threading.Event()

    def reject(self: StepRecords, name: str, **members: Any) -> Any:
        if members.get("StepStatus") == status and not disk_has_space.is_set():
            write_failed.set()
            raise OSError("No space left on device")
        return put(self, name, **members)

    monkeypatch.setattr(StepRecords, "put", reject)
    return write_failed, disk_has_space


def test_a_job_whose_start_was_not_recorded_is_stopped(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    write_failed, disk_has_space = fail_writes(monkeypatch, "Executing")
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT)))
    assert write_failed.wait(30)
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    disk_has_space.set()
    pipelines.wait(execution, "Stopped")
    step = pipelines.steps(execution)["Sleeps"]
    assert step["StepStatus"] == "Stopped"
    assert pipelines.client.describe("ProcessingJob", created_by(step))["ProcessingJobStatus"] == "Stopped"


def test_a_stopped_job_without_a_recorded_end_runs_once(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    execution, job = pipelines.sleeping()
    write_failed, disk_has_space = fail_writes(monkeypatch, "Stopped")
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    assert write_failed.wait(30)
    disk_has_space.set()
    pipelines.wait(execution, "Failed")
    step = pipelines.steps(execution)["Sleeps"]
    assert (step["StepStatus"], step["AttemptCount"]) == ("Stopped", 1)


def test_an_unexpected_error_fails_only_its_step(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    describe = StepResource.describe

    def describe_or_fail(self: StepResource, arn: str) -> Any:
        if "-Broken-" in self.name:
            raise RuntimeError("broken")
        return describe(self, arn)

    monkeypatch.setattr(StepResource, "describe", describe_or_fail)
    steps = [pipelines.processing("Broken", "pass"), model("Sound"), model("After", "Sound")]
    execution = pipelines.run(*steps, model("Never", "Broken"), status="Failed")
    assert pipelines.steps(execution)["Broken"]["FailureReason"] == "InternalServerError: RuntimeError('broken')"
    assert pipelines.statuses(execution) == {"Broken": "Failed", "Sound": "Succeeded", "After": "Succeeded"}


def test_an_error_in_the_execution_itself_stops_its_jobs(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    execution, job = pipelines.sleeping()
    with monkeypatch.context() as patch:
        patch.setattr(StepCache, "forget_contents", lambda _: 1 / 0)
        description = pipelines.wait(execution, "Failed")
    assert "ZeroDivisionError" in description["FailureReason"]
    assert pipelines.statuses(execution) == {"Sleeps": "Failed"}
    assert pipelines.client.wait("ProcessingJob", job)["ProcessingJobStatus"] == "Stopped"


def test_a_stopped_execution_can_be_retried(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    retried_step, set_gate = pipelines.gated_step("Again")
    sleeping_step = pipelines.processing("Sleeps", SLEEPING_SCRIPT)
    execution = pipelines.start(pipelines.create(model("First"), retried_step, sleeping_step, model("After", "Again")))
    pipelines.wait_for(execution, "Again", "Failed")
    pipelines.wait_for(execution, "Sleeps")
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    assert "FailureReason" not in pipelines.stop(execution)  # it may be stopping already
    assert pipelines.statuses(execution) == {"First": "Succeeded", "Again": "Failed", "Sleeps": "Stopped"}
    assert "is in status Stopped" in rejection(sagemaker.stop_pipeline_execution, PipelineExecutionArn=execution)
    old_steps = pipelines.steps(execution)
    set_gate("yes")
    token = uuid.uuid4().hex
    for _ in range(2):  # a repeated request is carried out only once
        sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution, ClientRequestToken=token)
    pipelines.wait_for(execution, "After", "Succeeded")
    new_steps = pipelines.steps(execution)
    assert new_steps["First"] == old_steps["First"]
    assert (old_steps["Again"]["AttemptCount"], new_steps["Again"]["AttemptCount"]) == (1, 2)
    assert new_steps["Again"]["Metadata"] != old_steps["Again"]["Metadata"]
    message = rejection(sagemaker.retry_pipeline_execution, PipelineExecutionArn=execution)
    assert "in status Executing; only a failed or stopped execution" in message
    pipelines.stop(execution)


def test_retry_runs_the_failed_step_again_and_discards_later_steps(pipelines: Pipelines) -> None:
    retried_step, set_gate = pipelines.gated_step("Again")
    triggered_steps = [triggered_step(trigger, trigger, "Again") for trigger in ("Failed", "Any")]
    other_steps = [model("AfterFailed", "Failed"), model("After", "Again"), model("Alone")]
    execution = pipelines.run(retried_step, *triggered_steps, *other_steps, status="CompletedWithFailures")
    old_steps = pipelines.steps(execution)
    assert set(old_steps) == {"Again", "Failed", "AfterFailed", "Any", "Alone"}
    set_gate("yes")
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    pipelines.wait(execution)
    new_steps = pipelines.steps(execution)
    assert set(new_steps) == {"Again", "After", "Any", "Alone"}
    assert new_steps["Alone"] == old_steps["Alone"]
    assert new_steps["Any"]["Metadata"] != old_steps["Any"]["Metadata"]


def test_only_errors_in_a_retry_policy_are_retried(pipelines: Pipelines) -> None:
    limit_policy = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 1, "MaxAttempts": 1}
    limit_policy["BackoffRate"] = 1.0
    other_policy = {"ExceptionType": ["Step.THROTTLING", "Step.SERVICE_FAULT"], "ExpireAfterMin": 5}
    policies = {"RetryPolicies": [other_policy, limit_policy]}
    retried_step = transform("Retried", get("Steps.M.ModelName"), 21, **policies)
    execution = pipelines.run(model("M"), retried_step, transform("Plain", **policies), status="Failed")
    steps = pipelines.steps(execution)
    assert {name: item["AttemptCount"] for name, item in steps.items()} == {"M": 1, "Retried": 2, "Plain": 1}
    assert "at most 20 instances" in steps["Retried"]["FailureReason"]
    assert steps["Retried"]["StepStatus"] == "Failed"


def test_an_execution_can_be_stopped_while_a_step_waits_for_its_next_attempt(pipelines: Pipelines) -> None:
    policy = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 3600, "ExpireAfterMin": 600}
    waiting_step = transform("T", get("Steps.M.ModelName"), 21, RetryPolicies=[policy])
    triggered_steps = [triggered_step(trigger, trigger, "T") for trigger in ("Failed", "Stopped", "Any")]
    execution = pipelines.start(pipelines.create(model("M"), waiting_step, *triggered_steps))
    pipelines.wait_for(execution, "T", "Starting")
    assert "FailureReason" not in pipelines.stop(execution)
    assert pipelines.statuses(execution) == {"M": "Succeeded", "T": "Stopped"}


def test_executions_are_deleted_with_their_pipeline(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    execution = pipelines.start(name := pipelines.create(model("M")))
    pipelines.wait(execution)
    sagemaker.add_tags(ResourceArn=execution, Tags=[{"Key": "a", "Value": "b"}])
    sagemaker.delete_pipeline(PipelineName=name)
    for call in (sagemaker.describe_pipeline_execution, sagemaker.list_pipeline_execution_steps):
        with pytest.raises(sagemaker.exceptions.ResourceNotFound):
            call(PipelineExecutionArn=execution)
    sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=definition(fail("F")), RoleArn=ROLE_ARN)
    assert sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"] == []


def test_steps_can_register_versions_in_the_same_new_group(pipelines: Pipelines) -> None:
    arguments = {"ModelPackageGroupName": "new-group", "InferenceSpecification": SPECIFICATION}
    name = pipelines.create(*(step(name, "RegisterModel", arguments) for name in "ABC"))
    executions = [pipelines.start(name) for _ in range(4)]
    for execution in executions:
        pipelines.wait(execution)
    versions = [int(created_by(item)) for execution in executions for item in pipelines.steps(execution).values()]
    assert sorted(versions) == list(range(1, 13))


TRIGGERS = ("Completed", "Failed", "Stopped", "Any")


def test_only_steps_with_a_matching_trigger_run_after_a_failed_or_successful_step(pipelines: Pipelines) -> None:
    steps = [triggered_step(f"{trigger}{name}", trigger, name) for name in "FM" for trigger in TRIGGERS]
    steps += [model("AfterFailed", "FailedF"), model("After", "F"), model("M"), transform("F")]
    execution = pipelines.run(*steps, status="CompletedWithFailures")
    assert pipelines.describe(execution)["FailureReason"] == STEP_FAILURE
    successful_steps = ("M", "FailedF", "AnyF", "AfterFailed", "CompletedM", "AnyM")
    assert pipelines.statuses(execution) == {"F": "Failed"} | dict.fromkeys(successful_steps, "Succeeded")
    assert summary(pipelines, execution)["PipelineExecutionStatus"] == "CompletedWithFailures"


def test_a_step_whose_job_is_stopped_or_runs_too_long_is_stopped(pipelines: Pipelines) -> None:
    sleeping_step, late_step = (pipelines.processing(name, SLEEPING_SCRIPT) for name in ("S", "Late"))
    late_step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    steps = [triggered_step(trigger, trigger, "S") for trigger in TRIGGERS]
    steps += [triggered_step("AfterLate", "Stopped", "Late"), model("After", "S")]
    execution = pipelines.start(pipelines.create(sleeping_step, late_step, *steps))
    job = created_by(pipelines.wait_for(execution, "S"))
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    pipelines.wait(execution, "CompletedWithFailures")
    for name in ("S", "Late"):
        item = pipelines.steps(execution)[name]
        reason = f"ClientError: The ProcessingJob '{created_by(item)}' was stopped by its time limit or by a request"
        assert item["FailureReason"].startswith(reason)
    successful_steps = dict.fromkeys(("Stopped", "Any", "AfterLate"), "Succeeded")
    assert pipelines.statuses(execution) == {"S": "Stopped", "Late": "Stopped"} | successful_steps


@pytest.mark.parametrize(
    ("steps", "failed_steps"),
    [
        ([triggered_step("Follows", "Failed", "F"), transform("G")], {"F", "G"}),
        ([transform("G") | depends_on("Failed", "F")], {"F", "G"}),
        ([model("M"), triggered_step("Both", "Failed", "F", "M")], {"F"}),
    ],
    ids=["another step", "the step that handles it", "two steps"],
)
def test_an_unhandled_failure_fails_the_execution(
    pipelines: Pipelines, steps: list[dict[str, Any]], failed_steps: set[str]
) -> None:
    statuses = pipelines.statuses(pipelines.run(transform("F"), *steps, status="Failed"))
    assert {name for name, status in statuses.items() if status == "Failed"} == failed_steps
    assert "Both" not in statuses
