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
    definition,
    equals,
    fail,
    get,
    join,
    model,
    step,
)
from stagemaker_support.simulator_client import refusal

from stagemaker.orchestration.pipelines.executions.execution_records import StepRecords
from stagemaker.orchestration.pipelines.executions.step_cache import StepCache
from stagemaker.orchestration.pipelines.executions.step_resource import StepResource
from stagemaker.server import BUCKET, ROLE_ARN


def transform(name: str, model_name: Any, instances: int, **members: Any) -> dict[str, Any]:
    """Return a transform step; with too many instances, its request is refused as exceeding the account's limit."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/nothing"}}
    arguments = {
        "ModelName": model_name,
        "TransformInput": {"DataSource": source},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": instances},
    }
    return step(name, "Transform", arguments, **members)


def test_steps_that_depend_on_a_failed_step_do_not_run(pipelines: Pipelines) -> None:
    failing_step = pipelines.processing("Fails", FAILING_SCRIPT)
    dependent_steps = [model("After", "Fails"), model("AfterThat", X=get("Steps.After.ModelName"))]
    independent_steps = [model("Alone"), model("AfterAlone", "Alone")]
    execution = pipelines.run(failing_step, *dependent_steps, *independent_steps)
    description, steps = pipelines.describe(execution), pipelines.steps(execution)
    assert description["PipelineExecutionStatus"] == "Failed"
    assert description["FailureReason"] == "Step failure: One or multiple steps failed."
    assert set(steps) == {"Fails", "Alone", "AfterAlone"}
    assert steps["Fails"]["FailureReason"].startswith("AlgorithmError: ")
    assert "no luck" in steps["Fails"]["FailureReason"]
    assert "EndTime" in steps["Fails"]
    response = pipelines.sagemaker.list_pipeline_executions(PipelineName=description["PipelineArn"])
    [summary] = response["PipelineExecutionSummaries"]
    assert summary["PipelineExecutionFailureReason"] == description["FailureReason"]


def test_steps_whose_requests_are_refused_fail(pipelines: Pipelines) -> None:
    execution = pipelines.run(transform("T", "no-such-model", 1), transform("U", get("Parameters.P"), 1),
        Parameters=[{"Name": "P", "Type": "String", "DefaultValue": "not a name"}])  # fmt: skip
    reasons = {name: item["FailureReason"] for name, item in pipelines.steps(execution).items()}
    assert reasons["T"].startswith("ClientError: sagemaker:CreateTransformJob was rejected: Could not find model")
    assert "'not a name'" in reasons["U"]


def test_a_fail_step_ends_the_execution(pipelines: Pipelines) -> None:
    sleeping_step = pipelines.processing("Sleeps", SLEEPING_SCRIPT)
    first_step = pipelines.processing("First", "pass")
    condition_step = condition(
        "C", [equals(get("Steps.First.ProcessingJobStatus"), "Completed")], [fail("Bad", "no good")], []
    )
    execution = pipelines.run(first_step, sleeping_step, condition_step, model("After", "Sleeps"))
    description = pipelines.describe(execution)
    assert description["PipelineExecutionStatus"] == "Failed"
    steps = pipelines.steps(execution)
    assert steps["Bad"]["Metadata"] == {"Fail": {"ErrorMessage": "no good"}}
    assert steps["Bad"]["FailureReason"] == "no good"
    statuses = {name: item["StepStatus"] for name, item in steps.items()}
    assert statuses == {"Sleeps": "Stopped", "First": "Succeeded", "C": "Succeeded", "Bad": "Failed"}
    job = steps["Sleeps"]["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert pipelines.client.describe("ProcessingJob", job)["ProcessingJobStatus"] == "Stopped"


def test_a_fail_step_writes_an_outcome_as_expressions_do(pipelines: Pipelines) -> None:
    """The Metadata have the API's True and False, and an expression writes false. Without a message, no reason."""
    outcome = get("Steps.C.Outcome")
    execution = pipelines.run(condition("C", [equals(1, 2)], [], []), fail("Bad", join("it is ", outcome)))
    assert pipelines.steps(execution)["Bad"]["FailureReason"] == "it is false"
    assert pipelines.steps(execution)["C"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    step = pipelines.steps(pipelines.run(fail("Bad", "")))["Bad"]
    assert step["Metadata"] == {"Fail": {"ErrorMessage": ""}}
    assert "FailureReason" not in step


def test_a_fail_step_whose_message_cannot_be_read_ends_the_execution(pipelines: Pipelines) -> None:
    message = {"Std:JsonGet": {"S3Uri": f"s3://{BUCKET}/nothing.json", "Path": "a"}}
    execution = pipelines.run(pipelines.processing("Sleeps", SLEEPING_SCRIPT), fail("Bad", message))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    reason = pipelines.steps(execution)["Bad"]["FailureReason"]
    assert reason.startswith(f"ClientError: s3://{BUCKET}/nothing.json could not be read")
    assert pipelines.statuses(execution) == {"Sleeps": "Stopped", "Bad": "Failed"}


def test_a_stop_request_that_fails_is_repeated(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request gets an error response, as if the disk were full."""
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT)))
    pipelines.wait_for(execution, "Sleeps")
    error_response: Any = {"Error": {"Code": "InternalFailure"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
    errors = iter([ClientError(error_response, "StopProcessingJob")])
    make_api_call = BaseClient._make_api_call

    def refuse_first_stop_request(self: BaseClient, operation: str, *arguments: Any) -> Any:
        if operation == "StopProcessingJob" and (error := next(errors, None)):
            raise error
        return make_api_call(self, operation, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse_first_stop_request)
    assert pipelines.stop(execution)["PipelineExecutionStatus"] == "Stopped"
    assert pipelines.statuses(execution) == {"Sleeps": "Stopped"}


def fail_writes(monkeypatch: pytest.MonkeyPatch, status: str) -> tuple[threading.Event, threading.Event]:
    """Make writes of step records with this status fail; return events for a failed write and for free space."""
    put, write_failed, disk_has_space = StepRecords.put, threading.Event(), threading.Event()

    def refuse(self: StepRecords, name: str, **members: Any) -> Any:
        if members.get("StepStatus") == status and not disk_has_space.is_set():
            write_failed.set()
            raise OSError("No space left on device")
        return put(self, name, **members)

    monkeypatch.setattr(StepRecords, "put", refuse)
    return write_failed, disk_has_space


def test_a_job_whose_start_was_not_recorded_is_stopped(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    write_failed, disk_has_space = fail_writes(monkeypatch, "Executing")
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT)))
    assert write_failed.wait(30)
    pipelines.sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    disk_has_space.set()
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Stopped"
    step = pipelines.steps(execution)["Sleeps"]
    assert step["StepStatus"] == "Stopped"
    job = step["Metadata"]["ProcessingJob"]["Arn"].rpartition("/")[2]
    assert pipelines.client.describe("ProcessingJob", job)["ProcessingJobStatus"] == "Stopped"


def test_a_stopped_job_whose_end_was_not_recorded_runs_once(
    pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT)))
    job = pipelines.job_of(execution, "Sleeps")
    write_failed, disk_has_space = fail_writes(monkeypatch, "Stopped")
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    assert write_failed.wait(30)
    disk_has_space.set()
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Failed"
    step = pipelines.steps(execution)["Sleeps"]
    assert (step["StepStatus"], step["AttemptCount"]) == ("Stopped", 1)


def test_an_unexpected_error_fails_only_its_step(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    describe = StepResource.describe

    def describe_or_fail(self: StepResource, arn: str) -> Any:
        if "-Broken-" in self.name:
            raise RuntimeError("broken")
        return describe(self, arn)

    monkeypatch.setattr(StepResource, "describe", describe_or_fail)
    steps = [pipelines.processing("Broken", "pass"), pipelines.processing("Sound", "pass"), model("After", "Sound")]
    execution = pipelines.run(*steps, model("Never", "Broken"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    assert pipelines.steps(execution)["Broken"]["FailureReason"] == "InternalServerError: RuntimeError('broken')"
    assert pipelines.statuses(execution) == {"Broken": "Failed", "Sound": "Succeeded", "After": "Succeeded"}


def test_an_error_in_the_execution_itself_stops_its_jobs(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT)))
    job = pipelines.job_of(execution, "Sleeps")
    with monkeypatch.context() as patch:
        patch.setattr(StepCache, "forget_contents", lambda _: 1 / 0)
        description = pipelines.wait(execution)
    assert description["PipelineExecutionStatus"] == "Failed"
    assert "ZeroDivisionError" in description["FailureReason"]
    assert pipelines.statuses(execution) == {"Sleeps": "Failed"}
    assert pipelines.client.wait("ProcessingJob", job)["ProcessingJobStatus"] == "Stopped"


def test_a_step_whose_job_is_stopped_or_runs_too_long_is_stopped(pipelines: Pipelines) -> None:
    sleeping_step, late_step = (pipelines.processing(name, SLEEPING_SCRIPT) for name in ("Sleeps", "Late"))
    late_step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 1}
    execution = pipelines.start(pipelines.create(sleeping_step, late_step, model("After", "Sleeps")))
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=pipelines.job_of(execution, "Sleeps"))
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Failed"
    for item in pipelines.steps(execution).values():
        assert item["StepStatus"] == "Stopped"
        assert "was stopped by its time limit or by a request" in item["FailureReason"]
    assert set(pipelines.statuses(execution)) == {"Sleeps", "Late"}


def test_a_stopped_execution_can_be_retried(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    retried_step, set_gate = pipelines.gated("Again")
    sleeping_step = pipelines.processing("Sleeps", SLEEPING_SCRIPT)
    name = pipelines.create(model("First"), retried_step, sleeping_step, model("After", "Again"))
    execution = pipelines.start(name)
    pipelines.wait_for(execution, "Again", "Failed")
    pipelines.wait_for(execution, "Sleeps")
    for _ in range(2):  # the second time, the execution is already stopping
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
    description = pipelines.wait(execution)
    assert description["PipelineExecutionStatus"] == "Stopped"
    assert "FailureReason" not in description
    assert pipelines.statuses(execution) == {"First": "Succeeded", "Again": "Failed", "Sleeps": "Stopped"}
    assert "is in status Stopped" in refusal(sagemaker.stop_pipeline_execution, PipelineExecutionArn=execution)
    before = pipelines.steps(execution)
    set_gate("yes")
    token = uuid.uuid4().hex
    for _ in range(2):  # a repeated request is carried out only once
        sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution, ClientRequestToken=token)
    pipelines.wait_for(execution, "After", "Succeeded")
    after = pipelines.steps(execution)
    assert after["First"] == before["First"]
    assert (before["Again"]["AttemptCount"], after["Again"]["AttemptCount"]) == (1, 2)
    assert after["Again"]["Metadata"] != before["Again"]["Metadata"]
    message = refusal(sagemaker.retry_pipeline_execution, PipelineExecutionArn=execution)
    assert "in status Executing: only a failed or stopped execution" in message
    assert pipelines.stop(execution)["PipelineExecutionStatus"] == "Stopped"


def test_retry_runs_a_fail_step_again(pipelines: Pipelines) -> None:
    execution = pipelines.run(condition("C", [equals(1, 1)], [fail("Bad")], []), model("M"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Failed"
    assert pipelines.steps(execution)["Bad"]["AttemptCount"] == 2
    successful_execution = pipelines.run(model("M"))
    retry = pipelines.sagemaker.retry_pipeline_execution
    assert "in status Succeeded" in refusal(retry, PipelineExecutionArn=successful_execution)


def test_only_errors_named_by_a_retry_policy_are_retried(pipelines: Pipelines) -> None:
    limit_policy = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "IntervalSeconds": 1, "MaxAttempts": 1}
    limit_policy["BackoffRate"] = 1.0
    other_policy = {"ExceptionType": ["Step.THROTTLING", "Step.SERVICE_FAULT"], "ExpireAfterMin": 5}
    model_step = model("M")
    retried_step = transform("Retried", get("Steps.M.ModelName"), 21, RetryPolicies=[other_policy, limit_policy])
    plain_step = transform("Plain", "no-such-model", 1, RetryPolicies=[other_policy, limit_policy])
    execution = pipelines.run(model_step, retried_step, plain_step)
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
    description = pipelines.stop(execution)
    assert (description["PipelineExecutionStatus"], "FailureReason" in description) == ("Stopped", False)
    assert pipelines.statuses(execution) == {"M": "Succeeded", "T": "Stopped"}


def test_executions_are_deleted_with_their_pipeline(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    name = pipelines.create(pipelines.processing("Sleeps", SLEEPING_SCRIPT))
    execution = pipelines.start(name)
    with pytest.raises(sagemaker.exceptions.ConflictException, match="is running"):
        sagemaker.delete_pipeline(PipelineName=name)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution)
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
        assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Succeeded"
    arns = [item["Metadata"]["RegisterModel"]["Arn"] for arn in executions for item in pipelines.steps(arn).values()]
    assert sorted(int(arn.rpartition("/")[2]) for arn in arns) == list(range(1, 13))


def depends_on(trigger: str, *names: str) -> dict[str, list[Any]]:
    return {"DependsOn": [{"Step": name, "Trigger": trigger} for name in names]}


def triggered_step(name: str, trigger: str, *names: str) -> dict[str, Any]:
    return model(name) | depends_on(trigger, *names)


def test_only_steps_with_a_matching_trigger_run_after_a_failed_step(pipelines: Pipelines) -> None:
    steps = [triggered_step(trigger, trigger, "F") for trigger in ("Completed", "Failed", "Stopped", "Any")]
    steps += [model("AfterFailed", "Failed"), model("After", "F")]
    execution = pipelines.run(*steps, transform("F", "no-such-model", 1))
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
    job = pipelines.job_of(execution, "S")
    pipelines.sagemaker.stop_processing_job(ProcessingJobName=job)
    description = pipelines.wait(execution)
    assert description["PipelineExecutionStatus"] == "CompletedWithFailures"
    reason = pipelines.steps(execution)["S"]["FailureReason"]
    assert reason.startswith(f"ClientError: The ProcessingJob '{job}' was stopped")
    assert pipelines.statuses(execution) == {"S": "Stopped", "Stopped": "Succeeded", "Any": "Succeeded"}


def test_an_unhandled_failure_fails_the_execution(pipelines: Pipelines) -> None:
    failing, other = (transform(name, "no-such-model", 1) for name in ("F", "G"))
    for steps, failed_steps in (
        ([failing, triggered_step("Follows", "Failed", "F"), other], {"F", "G"}),
        ([failing, other | depends_on("Failed", "F")], {"F", "G"}),
        ([failing, model("M"), triggered_step("Both", "Failed", "F", "M")], {"F"}),
    ):
        execution = pipelines.run(*steps)
        assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
        statuses = pipelines.statuses(execution)
        assert {name for name, status in statuses.items() if status == "Failed"} == failed_steps
        assert "Both" not in statuses


def test_retry_runs_the_failed_step_again_and_discards_later_steps(pipelines: Pipelines) -> None:
    retried_step, set_gate = pipelines.gated("Again")
    following_steps = [
        triggered_step("Failed", "Failed", "Again"),
        model("AfterFailed", "Failed"),
        triggered_step("Any", "Any", "Again"),
    ]
    execution = pipelines.run(retried_step, *following_steps, model("After", "Again"), model("Alone"))
    assert pipelines.describe(execution)["PipelineExecutionStatus"] == "CompletedWithFailures"
    before = pipelines.steps(execution)
    assert set(before) == {"Again", "Failed", "AfterFailed", "Any", "Alone"}
    set_gate("yes")
    pipelines.sagemaker.retry_pipeline_execution(PipelineExecutionArn=execution)
    assert pipelines.wait(execution)["PipelineExecutionStatus"] == "Succeeded"
    after = pipelines.steps(execution)
    assert set(after) == {"Again", "After", "Any", "Alone"}
    assert after["Alone"] == before["Alone"]
    assert after["Any"]["Metadata"] != before["Any"]["Metadata"]
