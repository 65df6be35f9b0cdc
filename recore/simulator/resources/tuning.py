"""Hyperparameter tuning jobs: training jobs with values that a search chooses, until the best one is found."""

import secrets
import uuid

from recore.simulator.orchestration.tuning.definitions import (
    Definition,
    hyperband_resources,
    number_of_jobs,
    read_definitions,
    refused,
)
from recore.simulator.orchestration.tuning.ranges import CategoricalRange
from recore.simulator.orchestration.tuning.trials import (
    KIND,
    Trial,
    best_trial,
    completion_details,
    counters,
    trials_of,
)
from recore.simulator.orchestration.tuning.tuning_work import TuningWork
from recore.simulator.orchestration.tuning.warm_start import check_warm_start, comparable_trials
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.paging import Position, page, sortable
from recore.simulator.resources.resource import Resource
from recore.simulator.resources.training import distributed, not_run_here, with_own_metrics
from recore.simulator.state.records import Record, StoredRecord, now

MOST_JOBS, MOST_PARALLEL = 750, 100


class TuningJobs(Resource):
    """The tuning jobs. Their internal members:

    Seed: the search's seed. TuningId: distinguishes a tuning job from an earlier one with the same name.
    """

    kind = "HyperParameterTuningJob"
    arn_type = "hyper-parameter-tuning-job"
    verbs = ("Describe", "List", "Stop", "Delete")
    runs = True
    work = TuningWork

    def CreateHyperParameterTuningJob(self, request: Record) -> Record:
        _check_request(request)
        for definition in read_definitions(request):
            self.check_image(definition.request["AlgorithmSpecification"].get("TrainingImage", ""))
            if self.platform.isolation.uses_local_python and (problem := distributed(definition.settings)):
                raise ServiceError("ValidationException", problem)
        check_warm_start(self.store, request)
        seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", secrets.randbits(31))
        internal = {"Seed": seed, "TuningId": uuid.uuid4().hex}
        arn = self.add(request, None, internal, HyperParameterTuningJobStatus="InProgress")
        self.begin_work(request[f"{self.kind}Name"])
        return {f"{self.kind}Arn": arn}

    def ListTrainingJobsForHyperParameterTuningJob(self, request: Record) -> Record:
        tuning = self.find("ListTrainingJobsForHyperParameterTuningJob", request)
        by, status = request.get("SortBy", "Name"), request.get("StatusEquals")
        trials = [trial for trial in trials_of(self.store, tuning) if trial.job and status in (None, trial.status)]
        if by == "FinalObjectiveMetricValue":
            trials = [trial for trial in trials if trial.objective is not None]
        placed = [(_position(trial, by), trial.summary()) for trial in trials]
        return page(request, "TrainingJobSummaries", placed, request.get("SortOrder") == "Descending")

    def described(self, record: StoredRecord) -> Record:
        trials = trials_of(self.store, record)
        comparable = comparable_trials(self.store, record)
        best_own, overall = best_trial(trials), best_trial([*comparable, *trials])
        seconds = ((record.get("HyperParameterTuningEndTime") or now()) - record["CreationTime"]).total_seconds()
        return (
            record
            | _described_definitions(record)
            | counters(trials)
            | {
                "BestTrainingJob": best_own.summary() if best_own else None,
                "OverallBestTrainingJob": overall.summary() if overall and comparable else None,
                "TuningJobCompletionDetails": completion_details(trials),
                "ConsumedResources": {"RuntimeInSeconds": int(seconds)},
            }
        )

    def page(self, operation: str, request: Record) -> Record:
        answer = super().page(operation, request)
        known = self.store.all(KIND)
        for record in answer[f"{self.kind}Summaries"]:
            config = record[f"{self.kind}Config"]
            record |= counters(trials_of(self.store, record, known))
            record |= {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
        return answer

    def delete(self, operation: str, request: Record) -> Record:
        with self.store.transaction():
            if (status := self.find(operation, request)[f"{self.kind}Status"]) in self.running:
                message = f"The tuning job is in status {status}: stop it before it is deleted"
                raise ServiceError("ValidationException", message)
            return super().delete(operation, request)


def _position(trial: Trial, by: str) -> Position:
    """Return the position of a trial in a list."""
    job = trial.job or {}
    values = {"Name": trial.name, "Status": trial.status, "CreationTime": job.get("CreationTime")}
    return sortable(trial.objective if by == "FinalObjectiveMetricValue" else values[by]), trial.name


def _described_definitions(record: Record) -> Record:
    """Return the definitions of a tuning job as SageMaker describes them, and as version 2 of its SDK expects them.

    The objective's metric is a static hyperparameter, and there is always a ResourceConfig.
    """

    def described(item: Record, definition: Definition) -> Record:
        resources = definition.request["ResourceConfig"]
        algorithm = with_own_metrics(item["AlgorithmSpecification"])
        members = {"AlgorithmSpecification": algorithm, "ResourceConfig": resources}
        return item | members | {"StaticHyperParameters": definition.settings}

    definitions = read_definitions(record)
    if single := record.get("TrainingJobDefinition"):
        return {"TrainingJobDefinition": described(single, definitions[0])}
    return {"TrainingJobDefinitions": list(map(described, record["TrainingJobDefinitions"], definitions))}


def _check_request(record: Record) -> None:
    """Check the limits, the strategy and the completion criteria of a request. Raises ServiceError."""
    if "Autotune" in record:
        raise refused("Autotune is not simulated; name the ranges and limits yourself")
    config, definitions = record["HyperParameterTuningJobConfig"], read_definitions(record)
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    if strategy == "Grid":
        _check_grid(config, definitions)
    elif "MaxNumberOfTrainingJobs" not in limits:
        raise refused(f"ResourceLimits: the {strategy} strategy needs MaxNumberOfTrainingJobs")
    if "HyperbandStrategyConfig" in config.get("StrategyConfig", {}) and strategy != "Hyperband":
        raise refused(f"StrategyConfig: HyperbandStrategyConfig is for the strategy Hyperband, not {strategy}")
    if strategy == "Hyperband":
        if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise refused("TrainingJobEarlyStoppingType must be Off with Hyperband, which stops jobs itself")
        for definition in definitions:
            hyperband_resources(config, definition)
    for definition in definitions:
        if problem := not_run_here(definition.request):
            raise refused(f"{definition.place}: {problem}")
    most, parallel = number_of_jobs(config, definitions), limits["MaxParallelTrainingJobs"]
    if most > MOST_JOBS or parallel > MOST_PARALLEL:
        limit = f"at most {MOST_JOBS} training jobs, {MOST_PARALLEL} of them in parallel"
        raise ServiceError("ResourceLimitExceeded", f"ResourceLimits: a tuning job can have {limit}")
    if parallel > most:
        raise refused(
            f"ResourceLimits: MaxParallelTrainingJobs {parallel} is greater than the number of training jobs, {most}"
        )


def _check_grid(config: Record, definitions: list[Definition]) -> None:
    if len(definitions) > 1:
        raise refused("TrainingJobDefinitions: the Grid strategy with several definitions is not simulated")
    for item in definitions[0].ranges:
        if not isinstance(item, CategoricalRange):
            raise refused(f"ParameterRanges: the Grid strategy accepts only categorical ranges, not '{item.name}'")
    most, count = config["ResourceLimits"].get("MaxNumberOfTrainingJobs"), number_of_jobs(config, definitions)
    if most not in (None, count):
        raise refused(f"ResourceLimits: MaxNumberOfTrainingJobs {most} must be the number of combinations, {count}")
