"""The trials of a tuning job: the values and the result of each training job, and the best trial.

A trial's record is stored under its training job's name before the job is created, so that no job is created twice or
forgotten if the simulator is killed. A trial's result is always read from the training job's record.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stagemaker.compute.failure import was_interrupted
from stagemaker.orchestration.tuning.completion import convergence, jobs_without_improvement
from stagemaker.state.records import Record, Store, StoredRecord

KIND = "TuningTrial"
OBJECTIVES = "TuningObjectives"  # kind of the records with the objective's values, keyed by training job name
RUNNING = ("InProgress", "Stopping")


@dataclass
class Trial:
    """A trial. record: the trial's record. job: the training job's record, or None if it does not exist yet."""

    record: Record
    job: Record | None

    @property
    def name(self) -> str:
        return str(self.record["TrainingJobName"])

    @property
    def status(self) -> str:
        return str(self.job["TrainingJobStatus"]) if self.job else "InProgress"

    @property
    def has_ended(self) -> bool:
        return self.status not in RUNNING

    @property
    def was_interrupted(self) -> bool:
        """Whether the job failed because its simulator stopped. Another job then replaces it."""
        return self.job is not None and was_interrupted(self.job)

    @property
    def objective(self) -> float | None:
        """The last value of the objective, or None if the job is running, has failed or reported no value."""
        if self.job is None or self.status not in ("Completed", "Stopped"):
            return None
        metrics = self.job.get("FinalMetricDataList", [])
        values = [item["Value"] for item in metrics if item["MetricName"] == self.record["MetricName"]]
        return float(values[-1]) if values else None

    @property
    def objective_status(self) -> str:
        if not self.has_ended:
            return "Pending"
        return "Failed" if self.objective is None else "Succeeded"

    @property
    def end_time(self) -> datetime.datetime:
        time = (self.job or {}).get("TrainingEndTime")
        return time or datetime.datetime.max.replace(tzinfo=datetime.UTC)

    def summary(self) -> Record:
        job = self.job or {}
        names = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "FailureReason", "TrainingJobArn")
        metric = {
            "Type": self.record["ObjectiveType"],
            "MetricName": self.record["MetricName"],
            "Value": self.objective,
        }
        return {name: job.get(name) for name in names} | {
            "TrainingJobName": self.name,
            "TrainingJobDefinitionName": self.record["DefinitionName"] or None,
            "TuningJobName": self.record["HyperParameterTuningJobName"],
            "TrainingJobStatus": self.status,
            "TunedHyperParameters": self.record["Values"],
            "FinalHyperParameterTuningJobObjectiveMetric": metric if self.objective is not None else None,
            "ObjectiveStatus": self.objective_status,
        }


def trials_of(store: Store, tuning: StoredRecord, records: Sequence[Record] | None = None) -> list[Trial]:
    """Return a tuning job's trials in the order in which they were planned.

    records: the records of all trials, if the caller has already read them.
    """
    all_records: Sequence[Record] = store.all(KIND) if records is None else records
    job_records = [record for record in all_records if record["TuningId"] == tuning.internal["TuningId"]]
    return [Trial(record, store.get("TrainingJob", record["TrainingJobName"])) for record in job_records]


def counters(trials: list[Trial]) -> Record:
    created_trials = [trial for trial in trials if trial.job]
    status_counts = Counter(_status_counter(trial) for trial in created_trials)
    objective_counts = Counter(trial.objective_status for trial in created_trials)
    names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {
        "TrainingJobStatusCounters": {name: status_counts[name] for name in names},
        "ObjectiveStatusCounters": {name: objective_counts[name] for name in ("Succeeded", "Pending", "Failed")},
    }


def best_trial(trials: list[Trial]) -> Trial | None:
    """Return the best trial, or None if no trial has an objective. In a tie, the trial that ended first wins."""
    trials = sort_by_end_time(trials)
    if not trials:
        return None
    choose = max if trials[0].record["ObjectiveType"] == "Maximize" else min
    return choose(trials, key=lambda trial: trial.objective or 0.0)


def sort_by_end_time(trials: Sequence[Trial]) -> list[Trial]:
    return sorted((trial for trial in trials if trial.objective is not None), key=lambda trial: trial.end_time)


def completion_details(trials: list[Trial]) -> Record:
    trials = sort_by_end_time(trials)
    if not trials:
        return {"NumberOfTrainingJobsObjectiveNotImproving": 0}
    objectives = [trial.objective or 0.0 for trial in trials]
    maximize = trials[0].record["ObjectiveType"] == "Maximize"
    details: dict[str, Any] = {
        "NumberOfTrainingJobsObjectiveNotImproving": jobs_without_improvement(objectives, maximize)[-1]
    }
    if (position := convergence(objectives, maximize)) is not None:
        details["ConvergenceDetectedTime"] = trials[position].end_time
    return details


def _status_counter(trial: Trial) -> str:
    if not trial.has_ended:
        return "InProgress"
    if trial.status == "Failed":
        is_internal_error = str((trial.job or {}).get("FailureReason", "")).startswith("InternalServerError")
        return "RetryableError" if is_internal_error else "NonRetryableError"
    return trial.status
