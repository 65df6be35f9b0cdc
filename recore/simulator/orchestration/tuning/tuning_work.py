"""The work of a tuning job: it creates training jobs, monitors them and learns from their results."""

import contextlib
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from recore.simulator.orchestration.runner import Work, raise_if_unavailable, send
from recore.simulator.orchestration.tuning.completion import is_complete, is_worse_than_median, running_averages
from recore.simulator.orchestration.tuning.definitions import hyperband_resources, number_of_jobs, read_definitions
from recore.simulator.orchestration.tuning.ranges import Range
from recore.simulator.orchestration.tuning.trials import KIND, OBJECTIVES, Trial, in_order_of_end, trials_of
from recore.simulator.orchestration.tuning.warm_start import TUNING, warm_start
from recore.simulator.state.records import Record, StoredRecord, now

if TYPE_CHECKING:
    from recore.simulator.orchestration.tuning.search import Search

PERIOD = 0.1  # seconds between two polls of the training jobs
ATTEMPTS = 5  # a tuning job fails if this many training jobs have ended and none has an objective


@dataclass
class Followed(Trial):
    """A trial of a running tuning job.

    index: its definition's index. number: its number in the search. values: the objective's values so far. averages:
    the running averages of the values, if it has ended. read: how many of the observed metrics have been read.
    stopped: whether it has been requested to stop.
    """

    index: int
    number: int
    values: list[float] = field(default_factory=list)
    averages: list[float] = field(default_factory=list)
    read: int = 0
    stopped: bool = False


class TuningWork(Work):
    """The work of one tuning job."""

    def run(self) -> None:
        record = self.store.get(TUNING, self.key)
        if record is None:
            return
        self._prepare(record)
        while True:
            for followed in self._running():
                self._poll(followed)
            ending = self._ending()
            if ending is None:
                self._launch()
            elif self._all_stopped():
                self._end(*ending)
                return
            self.wait(PERIOD)

    def fail(self, reason: str) -> None:
        self._end("Failed", reason)

    def _prepare(self, record: StoredRecord) -> None:
        """Read the tuning job's record and those of its trials."""
        self._record = record
        self._config = record["HyperParameterTuningJobConfig"]
        self._definitions = read_definitions(record)
        self._maximize = self._definitions[0].maximize
        self._max_jobs = number_of_jobs(self._config, self._definitions)
        self._searches = [self._search(index) for index in range(len(self._definitions))]
        self._first = warm_start(self.store, record, self._searches[0])
        self._failure: str | None = None
        self._followed: list[Followed] = []
        for trial in trials_of(self.store, record):
            self._replay(trial)

    def _search(self, index: int) -> "Search":
        from recore.simulator.orchestration.tuning.search import Search  # Optuna takes most of a second to import

        definition = self._definitions[index]
        resources = hyperband_resources(self._config, definition)
        seed = self._record.internal["Seed"] + index
        return Search(self._config["Strategy"], definition.ranges, definition.maximize, seed, resources)

    def _replay(self, trial: Trial) -> None:
        """Continue with a trial that is in the records."""
        names = [definition.name for definition in self._definitions]
        index = names.index(trial.record["DefinitionName"])
        number, _ = self._searches[index].add(trial.record["Values"])
        followed = Followed(trial.record, trial.job, index, number)
        self._followed.append(followed)
        for value in (self.store.get(OBJECTIVES, trial.name) or {"Values": []})["Values"]:
            followed.values.append(value)
            self._searches[index].report(number, len(followed.values), value)
        if trial.ended:
            followed.averages = running_averages(followed.values)
            self._searches[index].finish(number, trial.objective)

    def _running(self) -> list[Followed]:
        return [followed for followed in self._followed if not followed.ended]

    def _poll(self, followed: Followed) -> None:
        """Read the progress of a trial. Stop it if it is not worth continuing; record its result if it has ended."""
        job = self.store.get("TrainingJob", followed.name)
        observed = self.platform.observed_metrics.get(followed.name, [])
        others = self._others(followed)
        for metric, value in observed[followed.read :]:
            followed.read += 1
            if metric == followed.record["MetricName"]:
                followed.values.append(value)
                self._judge(followed, value, others)
        followed.job = job
        if followed.ended:
            followed.averages = running_averages(followed.values)
            if followed.values:
                self.store.add(OBJECTIVES, followed.name, {"Values": followed.values})
            self._searches[followed.index].finish(followed.number, followed.objective)
            self.platform.observed_metrics.pop(followed.name, None)

    def _others(self, followed: Followed) -> list[list[float]]:
        """Return the running averages of the trials with which early stopping compares this one."""
        if followed.stopped or self._config.get("TrainingJobEarlyStoppingType") != "Auto":
            return []
        ended = [other for other in self._followed if other.ended and other.index == followed.index]
        return [other.averages for other in ended if other.objective is not None]

    def _judge(self, followed: Followed, value: float, others: list[list[float]]) -> None:
        """Stop a trial if its objective is worse than that of others, or if it has used up its Hyperband resources."""
        if followed.stopped:
            return
        step = len(followed.values)
        worse = self._searches[followed.index].report(followed.number, step, value)
        if worse or is_worse_than_median(step, value, others, self._maximize):
            self._stop(followed)

    def _ending(self) -> tuple[str, str | None] | None:
        """Return the tuning job's final status, with the reason if it has failed, or None if it continues."""
        record: Record = self.store.get(TUNING, self._record[f"{TUNING}Name"]) or {}
        if record.get(f"{TUNING}Status") == "Stopping":
            return "Stopped", None
        if self._failure:
            return "Failed", self._failure
        trials = [trial for trial in self._followed if not trial.interrupted]
        objectives = [trial.objective or 0.0 for trial in in_order_of_end(trials)]
        ended = [trial for trial in trials if trial.ended]
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds", math.inf)
        timed_out = (now() - self._record["CreationTime"]).total_seconds() > limit
        finished = len(trials) >= self._max_jobs and len(ended) == len(trials)
        if not objectives and (len(ended) >= ATTEMPTS or finished or timed_out):
            self._failure = _reason(ended, self._definitions[0].metric)  # this is final: running jobs are stopped
            return "Failed", self._failure
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        complete = finished or timed_out or is_complete(criteria, objectives, self._maximize)
        return ("Completed", None) if complete else None

    def _all_stopped(self) -> bool:
        """Stop the jobs that are still running. Returns whether none is left."""
        running = [followed for followed in self._running() if followed.job]
        for followed in running:
            self._stop(followed)
        return not running

    def _stop(self, followed: Followed) -> None:
        if followed.stopped:
            return
        try:
            send(self.platform, "StopTrainingJob", {"TrainingJobName": followed.name})
        except ClientError as error:  # a job that has just ended by itself is refused too
            raise_if_unavailable(error)
        followed.stopped = True

    def _launch(self) -> None:
        """Create training jobs, as many as may run at a time: first those of planned trials, then new ones."""
        running = self._running()
        for followed in [followed for followed in running if followed.job is None]:
            self._create(followed)
        free = self._config["ResourceLimits"]["MaxParallelTrainingJobs"] - len(running)
        for _ in range(free):
            if self._failure or not self._plan():
                return
            self._create(self._followed[-1])

    def _plan(self) -> bool:
        """Plan one more trial. Returns False if there are no more to plan."""
        replaced = {followed.record["Replaces"] for followed in self._followed}
        for followed in self._followed:
            if followed.interrupted and followed.name not in replaced:
                number, values = self._searches[followed.index].add(followed.record["Values"])
                self._keep(followed.index, number, values, followed.name)
                return True
        count = sum(not followed.interrupted for followed in self._followed)
        if count >= self._max_jobs:
            return False
        index = count % len(self._definitions)
        suggestion = self._suggest(index, count)
        if suggestion is None:
            return False
        self._keep(index, *suggestion)
        return True

    def _suggest(self, index: int, count: int) -> tuple[int, dict[str, str]] | None:
        """Return the next trial's number and values; the values of a warm start come first."""
        if count < len(self._first):
            ranges: tuple[Range, ...] = self._definitions[index].ranges
            values = {item.name: self._first[count].get(item.name, "") for item in ranges}
            with contextlib.suppress(ValueError):  # the values are outside this tuning job's ranges
                return self._searches[index].add(values)
        return self._searches[index].suggest()

    def _keep(self, index: int, number: int, values: dict[str, str], replaces: str | None = None) -> None:
        """Record a trial before its training job exists."""
        definition, tuning = self._definitions[index], self._record[f"{TUNING}Name"]
        record: dict[str, Any] = {
            "TrainingJobName": f"{tuning}-{len(self._followed) + 1:03}-{uuid.uuid4().hex[:8]}",
            f"{TUNING}Name": tuning,
            f"{TUNING}Arn": self._record[f"{TUNING}Arn"],
            "TuningId": self._record.internal["TuningId"],
            "DefinitionName": definition.name,
            "MetricName": definition.metric,
            "ObjectiveType": "Maximize" if definition.maximize else "Minimize",
            "Values": values,
            "Replaces": replaces,
        }
        self.store.add(KIND, record["TrainingJobName"], record)
        self._followed.append(Followed(record, None, index, number))

    def _create(self, followed: Followed) -> None:
        """Create a trial's training job. If the service refuses it, the tuning job fails."""
        if self._config["Strategy"] == "Hyperband" or self._config.get("TrainingJobEarlyStoppingType") == "Auto":
            self.platform.observed_metrics.setdefault(followed.name, [])
        tags: Record = self.store.get("Tags", self._record[f"{TUNING}Arn"]) or {}
        request = self._definitions[followed.index].job(followed.name, followed.record["Values"]) | tags
        try:
            send(self.platform, "CreateTrainingJob", request)
        except ClientError as error:
            raise_if_unavailable(error)
            if error.response["Error"]["Code"] != "ResourceInUse":  # in use: it was created, but the response was lost
                self._failure = f"ClientError: {error}"
        followed.job = self.store.get("TrainingJob", followed.name)

    def _end(self, status: str, reason: str | None) -> None:
        """Record how the tuning job ended: as Stopped if it was stopping."""

        def ended(record: Record) -> Record:
            stopping, time = record[f"{TUNING}Status"] == "Stopping", now()
            return record | {
                f"{TUNING}Status": "Stopped" if stopping else status,
                "FailureReason": None if stopping or reason is None else reason[:1024],
                "HyperParameterTuningEndTime": time,
                "LastModifiedTime": time,
            }

        self.store.change(TUNING, self.key, ended)


def _reason(ended: Sequence[Trial], metric: str) -> str:
    """Return the FailureReason of a tuning job whose training jobs have no objective."""
    failed = [trial for trial in ended if trial.status == "Failed" and trial.job]
    if failed and len(failed) == len(ended):
        first = (failed[0].job or {}).get("FailureReason", "")
        return f"No training job succeeded after {len(ended)} attempts. {failed[0].name} failed: {first}"
    advice = "let the script print a line that the Regex of this metric's definition matches"
    return f"No objective metric '{metric}' was found after {len(ended)} training jobs: {advice}"
