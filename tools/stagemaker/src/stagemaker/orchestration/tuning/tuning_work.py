"""The work of a tuning job: it creates training jobs, monitors them and uses their results to choose the next ones."""

import contextlib
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stagemaker.orchestration.runner import Work, raise_if_unavailable, send
from stagemaker.orchestration.tuning.completion import is_complete, is_worse_than_median, running_averages
from stagemaker.orchestration.tuning.definitions import read_definitions
from stagemaker.orchestration.tuning.ranges import Range
from stagemaker.orchestration.tuning.strategies import hyperband_resources, number_of_jobs
from stagemaker.orchestration.tuning.trials import KIND, OBJECTIVES, Trial, sort_by_end_time, trials_of
from stagemaker.orchestration.tuning.warm_start import TUNING_JOB, warm_start
from stagemaker.state.records import Record, StoredRecord, now

if TYPE_CHECKING:
    from stagemaker.orchestration.tuning.search import Search

POLL_INTERVAL = 0.1  # seconds between polls of the training jobs
MAX_JOBS_WITHOUT_OBJECTIVE = 5  # if this many training jobs have ended, all without an objective, the tuning job fails


@dataclass
class TrackedTrial(Trial):
    """A trial of a running tuning job.

    index: the index of its definition. number: its number in the search. averages: the running averages of the values,
    empty until the trial ends. metrics_read: the number of metrics read. stop_requested: whether a stop was requested.
    """

    index: int
    number: int
    values: list[float] = field(default_factory=list)
    averages: list[float] = field(default_factory=list)
    metrics_read: int = 0
    stop_requested: bool = False


class TuningWork(Work):
    def run(self) -> None:
        record = self.store.get(TUNING_JOB, self.key)
        if record is None:
            return
        self._prepare(record)
        images = [definition.request["AlgorithmSpecification"]["TrainingImage"] for definition in self._definitions]
        self._began = self.clock() - (now() - record["CreationTime"]).total_seconds()
        self.make_available(images)
        while True:
            for trial in self._running_trials():
                self._poll(trial)
            ending = self._ending()
            if ending is None:
                self._launch()
            elif self._stop_all():
                self._end(*ending)
                return
            self.wait(POLL_INTERVAL)

    def fail(self, reason: str) -> None:
        self._end("Failed", reason)

    def _prepare(self, record: StoredRecord) -> None:
        self._record = record
        self._config = record["HyperParameterTuningJobConfig"]
        self._definitions = read_definitions(record)
        self._maximize = self._definitions[0].maximize
        self._max_jobs = number_of_jobs(self._config, self._definitions)
        self._searches = [self._make_search(index) for index in range(len(self._definitions))]
        self._initial_values = warm_start(self.store, record, self._searches[0])
        self._failure: str | None = None
        self._trials: list[TrackedTrial] = []
        for trial in trials_of(self.store, record):
            self._replay(trial)

    def _make_search(self, index: int) -> "Search":
        from stagemaker.orchestration.tuning.search import Search  # Optuna takes most of a second to import

        definition = self._definitions[index]
        resources = hyperband_resources(self._config, definition)
        seed = self._record.internal["Seed"] + index
        return Search(self._config["Strategy"], definition.ranges, definition.maximize, seed, resources)

    def _replay(self, stored_trial: Trial) -> None:
        names = [definition.name for definition in self._definitions]
        index = names.index(stored_trial.record["DefinitionName"])
        number, _ = self._searches[index].add(stored_trial.record["Values"])
        trial = TrackedTrial(stored_trial.record, stored_trial.job, index, number)
        self._trials.append(trial)
        for value in (self.store.get(OBJECTIVES, trial.name) or {"Values": []})["Values"]:
            trial.values.append(value)
            self._searches[index].report(number, len(trial.values), value)
        if trial.has_ended:
            trial.averages = running_averages(trial.values)
            self._searches[index].finish(number, trial.objective)

    def _running_trials(self) -> list[TrackedTrial]:
        return [trial for trial in self._trials if not trial.has_ended]

    def _poll(self, trial: TrackedTrial) -> None:
        job = self.store.get("TrainingJob", trial.name)
        metrics = self.platform.observed_metrics.get(trial.name, [])
        other_averages = self._other_averages(trial)
        for metric, value in metrics[trial.metrics_read :]:
            trial.metrics_read += 1
            if metric == trial.record["MetricName"]:
                trial.values.append(value)
                if not trial.stop_requested and self._is_unpromising(trial, other_averages):
                    self._stop(trial)
        trial.job = job
        if trial.has_ended:
            trial.averages = running_averages(trial.values)
            if trial.values:
                self.store.add(OBJECTIVES, trial.name, {"Values": trial.values})
            self._searches[trial.index].finish(trial.number, trial.objective)
            self.platform.observed_metrics.pop(trial.name, None)

    def _other_averages(self, trial: TrackedTrial) -> list[list[float]]:
        if trial.stop_requested or self._config.get("TrainingJobEarlyStoppingType") != "Auto":
            return []
        ended_trials = [other for other in self._trials if other.has_ended and other.index == trial.index]
        return [other.averages for other in ended_trials if other.objective is not None]

    def _is_unpromising(self, trial: TrackedTrial, other_averages: list[list[float]]) -> bool:
        step, value = len(trial.values), trial.values[-1]
        should_stop = self._searches[trial.index].report(trial.number, step, value)
        return should_stop or is_worse_than_median(step, value, other_averages, self._maximize)

    def _ending(self) -> tuple[str, str | None] | None:
        record: Record = self.store.get(TUNING_JOB, self._record[f"{TUNING_JOB}Name"]) or {}
        if record.get(f"{TUNING_JOB}Status") == "Stopping":
            return "Stopped", None
        if self._failure:
            return "Failed", self._failure
        trials = [trial for trial in self._trials if not trial.was_interrupted]
        objectives = [trial.objective or 0.0 for trial in sort_by_end_time(trials)]
        ended_trials = [trial for trial in trials if trial.has_ended]
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds", math.inf)
        timed_out = self.clock() - self._began > limit
        is_finished = len(trials) >= self._max_jobs and len(ended_trials) == len(trials)
        if not objectives and (len(ended_trials) >= MAX_JOBS_WITHOUT_OBJECTIVE or is_finished or timed_out):
            # final: running jobs are stopped
            self._failure = _failure_reason(ended_trials, self._definitions[0].metric)
            return "Failed", self._failure
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        is_over = is_finished or timed_out or is_complete(criteria, objectives, self._maximize)
        return ("Completed", None) if is_over else None

    def _stop_all(self) -> bool:
        trials = [trial for trial in self._running_trials() if trial.job]
        for trial in trials:
            self._stop(trial)
        return not trials

    def _stop(self, trial: TrackedTrial) -> None:
        if trial.stop_requested:
            return
        try:
            send(self.platform, "StopTrainingJob", {"TrainingJobName": trial.name})
        except ClientError as error:  # also raised for a job that has just ended
            raise_if_unavailable(error)
        trial.stop_requested = True

    def _launch(self) -> None:
        trials = self._running_trials()
        for trial in [trial for trial in trials if trial.job is None]:
            self._create(trial)
        free_slots = self._config["ResourceLimits"]["MaxParallelTrainingJobs"] - len(trials)
        for _ in range(free_slots):
            if self._failure or not self._plan_trial():
                return
            self._create(self._trials[-1])

    def _plan_trial(self) -> bool:
        names = {trial.record["Replaces"] for trial in self._trials}
        for trial in self._trials:
            if trial.was_interrupted and trial.name not in names:
                number, values = self._searches[trial.index].add(trial.record["Values"])
                self._add_trial(trial.index, number, values, trial.name)
                return True
        count = sum(not trial.was_interrupted for trial in self._trials)
        if count >= self._max_jobs:
            return False
        index = count % len(self._definitions)
        suggestion = self._suggest(index, count)
        if suggestion is None:
            return False
        self._add_trial(index, *suggestion)
        return True

    def _suggest(self, index: int, count: int) -> tuple[int, dict[str, str]] | None:
        """Return the next trial's number and values, warm-start values first, or None if the grid is exhausted."""
        if count < len(self._initial_values):
            ranges: tuple[Range, ...] = self._definitions[index].ranges
            values = {item.name: self._initial_values[count].get(item.name, "") for item in ranges}
            with contextlib.suppress(ValueError):  # the values may be outside this tuning job's ranges
                return self._searches[index].add(values)
        return self._searches[index].suggest()

    def _add_trial(self, index: int, number: int, values: dict[str, str], replaces: str | None = None) -> None:
        definition, tuning = self._definitions[index], self._record[f"{TUNING_JOB}Name"]
        record: dict[str, Any] = {
            "TrainingJobName": f"{tuning}-{len(self._trials) + 1:03}-{uuid.uuid4().hex[:8]}",
            f"{TUNING_JOB}Name": tuning,
            f"{TUNING_JOB}Arn": self._record[f"{TUNING_JOB}Arn"],
            "TuningId": self._record.internal["TuningId"],
            "DefinitionName": definition.name,
            "MetricName": definition.metric,
            "ObjectiveType": "Maximize" if definition.maximize else "Minimize",
            "Values": values,
            "Replaces": replaces,
        }
        self.store.add(KIND, record["TrainingJobName"], record)
        self._trials.append(TrackedTrial(record, None, index, number))

    def _create(self, trial: TrackedTrial) -> None:
        if self._config["Strategy"] == "Hyperband" or self._config.get("TrainingJobEarlyStoppingType") == "Auto":
            self.platform.observed_metrics.setdefault(trial.name, [])
        tags: Record = self.store.get("Tags", self._record[f"{TUNING_JOB}Arn"]) or {}
        request = self._definitions[trial.index].job_request(trial.name, trial.record["Values"]) | tags
        try:
            send(self.platform, "CreateTrainingJob", request)
        except ClientError as error:
            raise_if_unavailable(error)
            if error.response["Error"]["Code"] != "ResourceInUse":  # in use: it was created, but the response was lost
                self._failure = f"ClientError: {error}"
        trial.job = self.store.get("TrainingJob", trial.name)

    def _end(self, status: str, reason: str | None) -> None:
        def end(record: Record) -> Record:
            stopping, time = record[f"{TUNING_JOB}Status"] == "Stopping", now()
            return record | {
                f"{TUNING_JOB}Status": "Stopped" if stopping else status,
                "FailureReason": None if stopping or reason is None else reason[:1024],
                "HyperParameterTuningEndTime": time,
                "LastModifiedTime": time,
            }

        self.store.change(TUNING_JOB, self.key, end)


def _failure_reason(ended_trials: Sequence[Trial], metric: str) -> str:
    plural = "" if len(ended_trials) == 1 else "s"
    trials = [trial for trial in ended_trials if trial.status == "Failed" and trial.job]
    if trials and len(trials) == len(ended_trials):
        reason = (trials[0].job or {}).get("FailureReason", "")
        return f"No training job succeeded after {len(ended_trials)} attempt{plural}. {trials[0].name} failed: {reason}"
    advice = "make the script print a line that the Regex in this metric's definition matches"
    return f"No objective metric '{metric}' was found after {len(ended_trials)} training job{plural}: {advice}"
