"""Write, start and follow the SageMaker Pipeline that trains, evaluates and registers a version."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from recore.data_file import compress_csv
from recore.evaluation import JOB_SECONDS, Step, SubmissionFiles
from recore.production.definition import STEPS, make_definition
from recore.production.project import NO_REASON, Outcome, ProductionProject, WorkFailedError, wait_for_end
from recore.production.project_state import suggest_next
from recore.production.sources import upload_sources
from recore.production.versions import read_score, read_version

DATA_FILE = "public.csv.gz"
MAX_EXECUTIONS = 20  # number of latest executions that are searched for an equal one
# the states of a run's step, by the status of an execution's step
STATES = {"Starting": "InProgress", "Executing": "InProgress", "Succeeded": "Completed"}
WatchStep = Callable[[Step], None]  # called with each step that changes
Steps = dict[str, dict[str, Any]]  # SageMaker's descriptions of the steps of an execution, by name


def train(
    project: ProductionProject,
    files: SubmissionFiles,
    public: Path | None,
    steps: dict[str, Step],
    watch: WatchStep,
    announce: Callable[[], None],
    hyperparameters: Mapping[str, Any],
    again: bool = False,
) -> Outcome:
    """Train a submission through the pipeline, and register it as a version.

    public: the data file, or None for INPUT_DATA. steps: from `make_steps`. announce: called before an execution
    starts. again: start an execution even if an identical one has succeeded; if one is running, it is always followed
    instead. Raises WorkFailedError if the execution fails, or ProductionError or ClientError if it cannot start.
    """
    data = find_data(project, public)
    definition = make_definition(project, upload_sources(project, files), hyperparameters)
    parameters = {"InputData": data}
    write_pipeline(project, definition)
    earlier_arn = _find_earlier(project, definition, parameters, again)
    done = earlier_arn is not None and earlier_arn["PipelineExecutionStatus"] == "Succeeded"
    if earlier_arn is None:
        announce()
    arn = earlier_arn["PipelineExecutionArn"] if earlier_arn else start(project, parameters)
    step_records = read_steps(project, arn) if done else wait_for_execution(project, arn, steps, watch)
    version = read_version(project, _registered_arn(step_records))
    cached = [step for step in step_records if "CacheHitResult" in step_records[step]]
    name = f"version {version.number} of {project.settings.model_package_group_name}"
    details = {"execution": arn, "cached": cached, "version": version.describe()}
    next_step = suggest_next(project, version.number)
    if done:
        line = f"{name} already has this submission, data and settings ({version.score_text}); nothing changed"
        return Outcome([line], details, next_step, changed=False)
    lines = [f"{name} is registered, {version.approval}, {version.score_text}"]
    if cached:
        lines.append(f"results from the cache: {', '.join(cached)}")
    return Outcome(lines, details, next_step)


def find_data(project: ProductionProject, public: Path | None) -> str:
    """Upload a data file and return its folder's URI, or return INPUT_DATA if `public` is None."""
    if public is None:
        return project.settings.input_data
    with compress_csv(public) as path:
        return project.upload_file("data", path, DATA_FILE)


def make_steps() -> dict[str, Step]:
    """Return the steps of an execution that has not started, by name."""
    return {name: Step(name) for name in STEPS}


def format_pipeline_costs(project: ProductionProject, more_hours: float = 0) -> list[str]:
    """Return lines about the instances that an execution starts. more_hours: instance-hours of other jobs."""
    settings = project.settings
    hours = JOB_SECONDS / 3600
    count = settings.processing_instance_count
    return [
        f"Train: 1 x {settings.training_instance_type}, at most {hours:g} h",
        f"Features, Evaluate: {count} x {settings.processing_instance_type} each, at most {hours:g} h each",
        f"at most {(1 + 2 * count) * hours + more_hours:g} instance-hours in total",
    ]


def write_pipeline(project: ProductionProject, definition: str) -> None:
    """Create the pipeline, or update it if its definition differs."""
    name = project.settings.pipeline_name
    existing = project.find("DescribePipeline", PipelineName=name)
    members = {"PipelineName": name, "PipelineDefinition": definition, "RoleArn": project.role}
    if existing is None:
        project.sagemaker.create_pipeline(**members, ClientRequestToken=str(uuid4()))
    elif json.loads(existing["PipelineDefinition"]) != json.loads(definition):
        project.sagemaker.update_pipeline(**members)


def start(project: ProductionProject, parameters: dict[str, str]) -> str:
    response = project.sagemaker.start_pipeline_execution(
        PipelineName=project.settings.pipeline_name,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        ClientRequestToken=str(uuid4()),
    )
    return str(response["PipelineExecutionArn"])


def wait_for_execution(project: ProductionProject, arn: str, steps: dict[str, Step], watch: WatchStep) -> Steps:
    """Wait until an execution has ended, and return its steps. Raises WorkFailedError if it did not succeed.

    On KeyboardInterrupt, stop the execution, wait for its jobs, and re-raise.
    """

    def look() -> dict[str, Any]:
        description: dict[str, Any] = project.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        _update(steps, read_steps(project, arn), watch)
        return description

    request = {"PipelineExecutionArn": arn, "ClientRequestToken": str(uuid4())}
    ended = wait_for_end(look, "PipelineExecutionStatus", partial(project.sagemaker.stop_pipeline_execution, **request))
    status, description = ended["PipelineExecutionStatus"], read_steps(project, arn)
    if status == "Succeeded":
        return description
    for name, step in description.items():
        if step["StepStatus"] == "Failed":
            reason = step.get("FailureReason", NO_REASON)
            raise WorkFailedError(f"{name} failed: {reason}{_format_low_score(project, description)}")
    result = "was stopped" if status == "Stopped" else f"failed: {ended.get('FailureReason', NO_REASON)}"
    raise WorkFailedError(f"the execution {arn} {result}")


def read_steps(project: ProductionProject, arn: str) -> Steps:
    """Return SageMaker's descriptions of the steps, by name."""
    pages = project.sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    return {step["StepName"]: step for step in pages.search("PipelineExecutionSteps[]")}


def _format_low_score(project: ProductionProject, steps: Steps) -> str:
    """Return the score to append to LowScore's message, such as ": it is 0.4", or "" if another step failed."""
    if "LowScore" not in steps:
        return ""
    arn = steps["Evaluate"]["Metadata"]["ProcessingJob"]["Arn"]
    job = project.sagemaker.describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
    [output] = job["ProcessingOutputConfig"]["Outputs"]
    score = read_score(project, f"{output['S3Output']['S3Uri']}/evaluation.json")
    return "" if score is None else f"; it is {score:.4f}"


def _update(steps: dict[str, Step], step_records: Steps, watch: WatchStep) -> None:
    for name, step in steps.items():
        if name not in step_records:
            continue
        status: str = step_records[name]["StepStatus"]
        state = STATES.get(status, status)
        if state != step.state:
            step.start_time = step.start_time or time.monotonic()
            step.state = state
            if state in ("Completed", "Failed", "Stopped"):
                started, ended = (step_records[name].get(key) for key in ("StartTime", "EndTime"))
                step.seconds = (ended - started).total_seconds() if started and ended else 0.0
            watch(step)


def _find_earlier(
    project: ProductionProject, definition: str, parameters: dict[str, str], again: bool
) -> dict[str, Any] | None:
    """Return the latest identical execution that is running or (unless `again`) registered a version, or None."""
    name = project.settings.pipeline_name
    statuses = ("Executing",) if again else ("Executing", "Succeeded")
    executions = project.sagemaker.list_pipeline_executions(PipelineName=name, MaxResults=MAX_EXECUTIONS)
    for execution in executions["PipelineExecutionSummaries"]:
        arn = execution["PipelineExecutionArn"]
        if execution["PipelineExecutionStatus"] not in statuses:
            continue
        definition_used = project.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
        if json.loads(definition_used["PipelineDefinition"]) != json.loads(definition):
            continue
        paginator = project.sagemaker.get_paginator("list_pipeline_parameters_for_execution")
        listed_parameters = paginator.paginate(PipelineExecutionArn=arn).search("PipelineParameters[]")
        values = {item["Name"]: item["Value"] for item in listed_parameters}
        if any(values.get(parameter) != value for parameter, value in parameters.items()):
            continue
        if execution["PipelineExecutionStatus"] == "Executing" or project.find(
            "DescribeModelPackage", ModelPackageName=_registered_arn(read_steps(project, arn))
        ):
            return dict(execution)
    return None


def _registered_arn(steps: Steps) -> str:
    return str(steps["RegisterModel"]["Metadata"]["RegisterModel"]["Arn"])
