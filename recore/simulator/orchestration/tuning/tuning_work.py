"""A tuning job at work: it makes training jobs, follows them, learns from them, and ends."""

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

PERIOD = 0.1  # seconds between looks at the training jobs
ATTEMPTS = 5  # a tuning job fails if so many training jobs have ended and none has an objective


@dataclass
class Followed(Trial):
    """A trial of a tuning job at work.

    place: of its definition. number: in the search. values: of its objective until now. averages: of its values, when
    it has ended. read: how many of the observed metrics were read. stopped: whether it was requested to stop.
    """

    place: int
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
                self._look(followed)
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
        self._most = number_of_jobs(self._config, self._definitions)
        self._searches = [self._search(place) for place in range(len(self._definitions))]
        self._first = warm_start(self.store, record, self._searches[0])
        self._failure: str | None = None
        self._followed: list[Followed] = []
        for trial in trials_of(self.store, record):
            self._replay(trial)

    def _search(self, place: int) -> "Search":
        from recore.simulator.orchestration.tuning.search import Search  # Optuna takes most of a second to import

        definition = self._definitions[place]
        resources = hyperband_resources(self._config, definition)
        seed = self._record.internal["Seed"] + place
        return Search(self._config["Strategy"], definition.ranges, definition.maximize, seed, resources)

    def _replay(self, trial: Trial) -> None:
        """Continue with a trial that is in the records."""
        names = [definition.name for definition in self._definitions]
        place = names.index(trial.record["DefinitionName"])
        number, _ = self._searches[place].add(trial.record["Values"])
        followed = Followed(trial.record, trial.job, place, number)
        self._followed.append(followed)
        for value in (self.store.get(OBJECTIVES, trial.name) or {"Values": []})["Values"]:
            followed.values.append(value)
            self._searches[place].report(number, len(followed.values), value)
        if trial.ended:
            followed.averages = running_averages(followed.values)
            self._searches[place].finish(number, trial.objective)

    def _running(self) -> list[Followed]:
        return [followed for followed in self._followed if not followed.ended]

    def _look(self, followed: Followed) -> None:
        """Read the progress of a trial: stop it if it is not worth continuing, or learn from it if it has ended."""
        job = self.store.get("TrainingJob", followed.name)
        observed = self.platform.observed.get(followed.name, [])
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
            self._searches[followed.place].finish(followed.number, followed.objective)
            self.platform.observed.pop(followed.name, None)

    def _others(self, followed: Followed) -> list[list[float]]:
        """The averages of the trials that early stopping compares a trial with."""
        if followed.stopped or self._config.get("TrainingJobEarlyStoppingType") != "Auto":
            return []
        ended = [other for other in self._followed if other.ended and other.place == followed.place]
        return [other.averages for other in ended if other.objective is not None]

    def _judge(self, followed: Followed, value: float, others: list[list[float]]) -> None:
        """Stop a trial if its objective so far is too bad, or if it has used up what Hyperband allots to it."""
        if followed.stopped:
            return
        step = len(followed.values)
        worse = self._searches[followed.place].report(followed.number, step, value)
        if worse or is_worse_than_median(step, value, others, self._maximize):
            self._stop(followed)

    def _ending(self) -> tuple[str, str | None] | None:
        """The status with which the tuning job is to end, and the reason if it has failed; None if it goes on."""
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
        finished = len(trials) >= self._most and len(ended) == len(trials)
        if not objectives and (len(ended) >= ATTEMPTS or finished or timed_out):
            self._failure = _reason(ended, self._definitions[0].metric)  # final: what still runs is stopped
            return "Failed", self._failure
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        complete = finished or timed_out or is_complete(criteria, objectives, self._maximize)
        return ("Completed", None) if complete else None

    def _all_stopped(self) -> bool:
        """Stop what still runs; whether nothing does any more."""
        running = [followed for followed in self._running() if followed.job]
        for followed in running:
            self._stop(followed)
        return not running

    def _stop(self, followed: Followed) -> None:
        if followed.stopped:
            return
        try:
            send(self.platform, "StopTrainingJob", {"TrainingJobName": followed.name})
        except ClientError as error:  # otherwise it has ended by itself at this moment
            raise_if_unavailable(error)
        followed.stopped = True

    def _launch(self) -> None:
        """Make training jobs, as many as may run at a time: first those that are missing, then new ones."""
        running = self._running()
        for followed in [followed for followed in running if followed.job is None]:
            self._create(followed)
        free = self._config["ResourceLimits"]["MaxParallelTrainingJobs"] - len(running)
        for _ in range(free):
            if self._failure or not self._plan():
                return
            self._create(self._followed[-1])

    def _plan(self) -> bool:
        """Plan one more trial; False if there are to be no more."""
        replaced = {followed.record["Replaces"] for followed in self._followed}
        for followed in self._followed:
            if followed.interrupted and followed.name not in replaced:
                number, values = self._searches[followed.place].add(followed.record["Values"])
                self._keep(followed.place, number, values, followed.name)
                return True
        count = sum(not followed.interrupted for followed in self._followed)
        if count >= self._most:
            return False
        place = count % len(self._definitions)
        suggestion = self._suggest(place, count)
        if suggestion is None:
            return False
        self._keep(place, *suggestion)
        return True

    def _suggest(self, place: int, count: int) -> tuple[int, dict[str, str]] | None:
        """The next values; those that a warm start has for the beginning come first."""
        if count < len(self._first):
            ranges: tuple[Range, ...] = self._definitions[place].ranges
            values = {item.name: self._first[count].get(item.name, "") for item in ranges}
            with contextlib.suppress(ValueError):  # it is not within this tuning job's ranges
                return self._searches[place].add(values)
        return self._searches[place].suggest()

    def _keep(self, place: int, number: int, values: dict[str, str], replaces: str | None = None) -> None:
        """Record a trial before its training job exists."""
        definition, tuning = self._definitions[place], self._record[f"{TUNING}Name"]
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
        self._followed.append(Followed(record, None, place, number))

    def _create(self, followed: Followed) -> None:
        """Create a trial's training job. If the service refuses it, the tuning job fails."""
        if self._config["Strategy"] == "Hyperband" or self._config.get("TrainingJobEarlyStoppingType") == "Auto":
            self.platform.observed.setdefault(followed.name, [])
        tags: Record = self.store.get("Tags", self._record[f"{TUNING}Arn"]) or {}
        request = self._definitions[followed.place].job(followed.name, followed.record["Values"]) | tags
        try:
            send(self.platform, "CreateTrainingJob", request)
        except ClientError as error:
            raise_if_unavailable(error)
            if error.response["Error"]["Code"] != "ResourceInUse":  # created, though no answer came
                self._failure = f"ClientError: {error}"
        followed.job = self.store.get("TrainingJob", followed.name)

    def _end(self, status: str, reason: str | None) -> None:
        """Record how the tuning job ended: as Stopped, if it was stopping."""

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
    """Why a tuning job whose training jobs gave no objective has failed."""
    failed = [trial for trial in ended if trial.status == "Failed" and trial.job]
    if failed and len(failed) == len(ended):
        first = (failed[0].job or {}).get("FailureReason", "")
        return f"No training job succeeded after {len(ended)} attempts. {failed[0].name} failed: {first}"
    advice = "let the script print a line that the Regex of this metric's definition matches"
    return f"No objective metric '{metric}' was found after {len(ended)} training jobs: {advice}"
