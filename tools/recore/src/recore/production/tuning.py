"""Tune the hyperparameters of a submission's fit(), and train a version with the best values.

The name of a tuning job contains a digest of its request, so that the same command finds an earlier job.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from recore.evaluation import JOB_SECONDS, Step, SubmissionFiles
from recore.listing import count
from recore.production.definition import OBJECTIVE, model_training_arguments
from recore.production.fit_hyperparameters import Value, format_values, restore_values
from recore.production.pipeline import WatchStep, find_data, format_pipeline_costs, train
from recore.production.project import PAUSE, RUNNING, Outcome, ProductionProject, Watch, WorkFailedError, wait_for_end
from recore.production.ranges import TuningPlan
from recore.production.sources import upload_sources
from stagemaker import interrupts

GROUP = "recore:model-package-group"  # a tag, because a job's name contains only the prefix of the group's name
MAX_NAME_LENGTH, DIGITS = 32, 10  # characters of a tuning job's name, and of the digest at its end
ENDED_COUNTERS = ("Completed", "NonRetryableError", "Stopped")  # counters of training jobs that have ended


@dataclass(frozen=True)
class TuningResult:
    """The result of a tuning job. values: the best hyperparameters. r2: their mean R2 on held-out drill holes.

    failed: the number of failed training jobs. changed: False if the tuning job was already complete.
    """

    plan: TuningPlan
    job: str
    values: dict[str, Value]
    r2: float
    failed: int
    changed: bool


def find_best(
    project: ProductionProject,
    files: SubmissionFiles,
    public: Path | None,
    plan: TuningPlan,
    watch: Watch,
    announce: Callable[[], None],
    again: bool = False,
) -> TuningResult:
    """Find the best hyperparameters with a new or an identical existing tuning job, and wait until it ends.

    public: None stands for INPUT_DATA. watch: called with the best mean R2, and the number of ended training jobs.
    Raises WorkFailedError if no training job succeeds. On KeyboardInterrupt, stop the tuning job, and re-raise.
    """
    request = _make_request(project, files, find_data(project, public), plan)
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:DIGITS]
    name = f"{project.settings.model_package_group_name[: MAX_NAME_LENGTH - DIGITS - 1]}-{digest}"
    job = _find(project, name)
    status = job["HyperParameterTuningJobStatus"] if job else ""
    is_finished = status == "Completed" and not again
    if status not in RUNNING and not is_finished:
        if job:
            delete_tuning_job(project, name)
        announce()
        project.sagemaker.create_hyper_parameter_tuning_job(HyperParameterTuningJobName=name, **request)
    job = _wait_for_tuning(project, name, plan.jobs, watch)
    best_job = job.get("BestTrainingJob", {})
    if job["HyperParameterTuningJobStatus"] != "Completed" or not best_job:
        raise WorkFailedError(_format_failure(project, job))
    return TuningResult(
        plan,
        name,
        restore_values(plan.known, best_job["TunedHyperParameters"]),
        best_job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"],
        job["TrainingJobStatusCounters"]["NonRetryableError"],
        changed=not is_finished,
    )


def train_best(
    project: ProductionProject,
    files: SubmissionFiles,
    public: Path | None,
    best: TuningResult,
    steps: dict[str, Step],
    watch: WatchStep,
    announce: Callable[[], None],
) -> Outcome:
    """Train a submission with the best hyperparameters, as `train` does."""
    result = train(project, files, public, steps, watch, announce, best.values)
    ranges = "; ".join(map(str, best.plan.ranges))
    failed = f" ({best.failed} failed)" if best.failed else ""
    verb = "tried" if best.changed else "has already tried"
    lines = [
        f"the tuning job {best.job} {verb} {ranges}",
        f"the best of {count(best.plan.jobs, 'training job')}{failed}: {format_values(best.values)}",
        f"these values' mean R2 on held-out drill holes, {best.r2:.4f}, is optimistic: it is the highest of several",
        *result.lines,
    ]
    details = {"tuning_job": best.job, "hyperparameters": best.values, "best_r2": best.r2, **result.details}
    return Outcome(lines, details, result.next_command, best.changed or result.changed)


def format_tuning_costs(project: ProductionProject, plan: TuningPlan) -> list[str]:
    hours = JOB_SECONDS / 3600
    jobs = f"{count(plan.jobs, 'training job')}, {plan.parallel} at a time"
    line = f"{jobs}: 1 x {project.settings.training_instance_type} each, at most {hours:g} h each"
    return [line, *format_pipeline_costs(project, plan.jobs * hours)]


def list_tuning_jobs(project: ProductionProject) -> dict[str, str]:
    """Return the statuses of the project's tuning jobs, by name."""
    group = project.settings.model_package_group_name
    prefix = group[: MAX_NAME_LENGTH - DIGITS - 1]
    pages = project.sagemaker.get_paginator("list_hyper_parameter_tuning_jobs").paginate(NameContains=prefix)
    jobs = {}
    for job in pages.search("HyperParameterTuningJobSummaries[]"):
        name, arn = job["HyperParameterTuningJobName"], job["HyperParameterTuningJobArn"]
        if not re.fullmatch(f"{re.escape(prefix)}-[0-9a-f]{{{DIGITS}}}", name):
            continue
        if {"Key": GROUP, "Value": group} not in project.sagemaker.list_tags(ResourceArn=arn)["Tags"]:
            continue
        jobs[name] = job["HyperParameterTuningJobStatus"]
    return jobs


def _make_request(project: ProductionProject, files: SubmissionFiles, data: str, plan: TuningPlan) -> dict[str, Any]:
    instance = project.settings.training_instance_type
    arguments = model_training_arguments(project, data, instance, upload_sources(project, files), {})
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": OBJECTIVE["Name"]},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": plan.jobs, "MaxParallelTrainingJobs": plan.parallel},
            "ParameterRanges": plan.request,
        },
        "TrainingJobDefinition": {"StaticHyperParameters": arguments.pop("HyperParameters"), **arguments},
        "Tags": [{"Key": GROUP, "Value": project.settings.model_package_group_name}],
    }


def _wait_for_tuning(project: ProductionProject, name: str, jobs: int, watch: Watch) -> dict[str, Any]:
    def look() -> dict[str, Any]:
        job = _find(project, name)
        if job is None:
            raise WorkFailedError(f"the tuning job {name} was deleted in the meantime")
        r2 = job.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
        counts = job.get("TrainingJobStatusCounters", {})
        stage = "no R2 so far" if r2 is None else f"best mean R2 so far {r2:.4f}"
        watch(stage, sum(counts.get(counter, 0) for counter in ENDED_COUNTERS), jobs)
        return job

    stop = partial(project.sagemaker.stop_hyper_parameter_tuning_job, HyperParameterTuningJobName=name)
    return wait_for_end(look, "HyperParameterTuningJobStatus", stop)


def _format_failure(project: ProductionProject, job: dict[str, Any]) -> str:
    name = job["HyperParameterTuningJobName"]
    if job["HyperParameterTuningJobStatus"] == "Stopped":
        return f"the tuning job {name} was stopped: run the same command to start it again"
    failed = project.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, StatusEquals="Failed", MaxResults=1
    )["TrainingJobSummaries"]
    reason = failed[0].get("FailureReason") if failed else job.get("FailureReason")
    reason = reason or f"no training job printed a line that {OBJECTIVE['Regex']} matches"
    return f"no training job of the tuning job {name} succeeded; the reason for one failure: {reason}"


def _find(project: ProductionProject, name: str) -> dict[str, Any] | None:
    return project.find("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def delete_tuning_job(project: ProductionProject, name: str) -> None:
    """Delete the record of a tuning job that has ended, and wait until it no longer exists."""
    project.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    while job := _find(project, name):
        if job["HyperParameterTuningJobStatus"] == "DeleteFailed":
            raise WorkFailedError(f"the tuning job {name} could not be deleted: {job.get('FailureReason')}")
        interrupts.sleep(PAUSE)
