"""Hyperparameter tuning jobs, which run training jobs with values from a search, and report the best job."""

import secrets
import uuid

from stagemaker.orchestration.tuning.definitions import Definition, read_definitions
from stagemaker.orchestration.tuning.strategies import hyperband_resources, number_of_jobs, strategy_problems
from stagemaker.orchestration.tuning.trials import KIND, Trial, best_trial, completion_details, counters, trials_of
from stagemaker.orchestration.tuning.tuning_work import TuningWork
from stagemaker.orchestration.tuning.warm_start import check_warm_start, comparable_trials
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.paging import Position, make_page, sort_key
from stagemaker.resources.resource import Resource
from stagemaker.resources.training_job import add_image_metrics, request_problem, settings_problem
from stagemaker.state.records import Record, StoredRecord, now

MAX_JOBS, MAX_PARALLEL_JOBS = 750, 100


class TuningJobs(Resource):
    """The tuning jobs. Their internal members:

    Seed: the search's random seed. TuningId: distinguishes a tuning job from an earlier one with the same name.
    """

    kind = "HyperParameterTuningJob"
    arn_type = "hyper-parameter-tuning-job"
    missing_message = error_messages.TUNING_JOB_MISSING
    exists_message = error_messages.TUNING_JOB_EXISTS
    verbs = ("Describe", "List", "Stop", "Delete")
    runs = True
    work = TuningWork

    def CreateHyperParameterTuningJob(self, request: Record) -> Record:
        _check_request(request)
        for definition in read_definitions(request):
            image = definition.request["AlgorithmSpecification"].get("TrainingImage", "")
            self.check_image(image)
            if self.platform.isolation.uses_local_python and (problem := settings_problem(definition.settings, image)):
                raise ValidationException(problem)
        check_warm_start(self.store, request)
        seed = request["HyperParameterTuningJobConfig"].get("RandomSeed", secrets.randbits(31))
        internal = {"Seed": seed, "TuningId": uuid.uuid4().hex}
        arn = self.add(request, None, internal, HyperParameterTuningJobStatus="InProgress")
        self.begin_work(request[f"{self.kind}Name"])
        return {f"{self.kind}Arn": arn}

    def ListTrainingJobsForHyperParameterTuningJob(self, request: Record) -> Record:
        tuning = self.find("ListTrainingJobsForHyperParameterTuningJob", request)
        sort_by, status = request.get("SortBy", "Name"), request.get("StatusEquals")
        trials = [trial for trial in trials_of(self.store, tuning) if trial.job and status in (None, trial.status)]
        if sort_by == "FinalObjectiveMetricValue":
            trials = [trial for trial in trials if trial.objective is not None]
        entries = [(_position(trial, sort_by), trial.summary()) for trial in trials]
        return make_page(request, "TrainingJobSummaries", entries, request.get("SortOrder") == "Descending")

    def describe_record(self, record: StoredRecord) -> Record:
        trials = trials_of(self.store, record)
        parent_trials = comparable_trials(self.store, record)
        best, overall_best = best_trial(trials), best_trial([*parent_trials, *trials])
        seconds = ((record.get("HyperParameterTuningEndTime") or now()) - record["CreationTime"]).total_seconds()
        return (
            record
            | _describe_definitions(record)
            | counters(trials)
            | {
                "BestTrainingJob": best.summary() if best else None,
                "OverallBestTrainingJob": overall_best.summary() if overall_best and parent_trials else None,
                "TuningJobCompletionDetails": completion_details(trials),
                "ConsumedResources": {"RuntimeInSeconds": int(seconds)},
            }
        )

    def page(self, operation: str, request: Record) -> Record:
        response = super().page(operation, request)
        all_trials = self.store.all(KIND)
        for record in response[f"{self.kind}Summaries"]:
            config = record[f"{self.kind}Config"]
            record |= counters(trials_of(self.store, record, all_trials))
            record |= {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
        return response

    def delete(self, operation: str, request: Record) -> Record:
        with self.store.transaction():
            if (status := self.find(operation, request)[f"{self.kind}Status"]) in self.running_statuses:
                raise ValidationException(f"The tuning job is in status {status}; stop it before you delete it")
            return super().delete(operation, request)


def _position(trial: Trial, sort_by: str) -> Position:
    job = trial.job or {}
    values = {"Name": trial.name, "Status": trial.status, "CreationTime": job.get("CreationTime")}
    return sort_key(trial.objective if sort_by == "FinalObjectiveMetricValue" else values[sort_by]), trial.name


def _describe_definitions(record: Record) -> Record:
    """Return definitions with a ResourceConfig and the objective hyperparameter, as version 2 of the SDK expects."""

    def describe(item: Record, definition: Definition) -> Record:
        resources = definition.request["ResourceConfig"]
        algorithm = add_image_metrics(item["AlgorithmSpecification"])
        members = {"AlgorithmSpecification": algorithm, "ResourceConfig": resources}
        return item | members | {"StaticHyperParameters": definition.settings}

    definitions = read_definitions(record)
    if definition_record := record.get("TrainingJobDefinition"):
        return {"TrainingJobDefinition": describe(definition_record, definitions[0])}
    return {"TrainingJobDefinitions": list(map(describe, record["TrainingJobDefinitions"], definitions))}


def _check_request(request: Record) -> None:
    if "Autotune" in request:
        raise ValidationException("Autotune is not simulated; set the ranges and limits yourself")
    config, definitions = request["HyperParameterTuningJobConfig"], read_definitions(request)
    if problem := next(strategy_problems(config, definitions), None):
        raise ValidationException(problem)
    for definition in definitions:
        hyperband_resources(config, definition)
        if problem := request_problem(definition.request | {"HyperParameters": definition.settings}):
            raise ValidationException(f"{definition.location}: {problem}")
    max_jobs, max_parallel = number_of_jobs(config, definitions), config["ResourceLimits"]["MaxParallelTrainingJobs"]
    if max_jobs > MAX_JOBS or max_parallel > MAX_PARALLEL_JOBS:
        limit = f"at most {MAX_JOBS} training jobs, {MAX_PARALLEL_JOBS} of them in parallel"
        raise ServiceError("ResourceLimitExceeded", f"ResourceLimits: a tuning job can have {limit}")
    if max_parallel > max_jobs:
        problem = f"MaxParallelTrainingJobs {max_parallel} is greater than the number of training jobs, {max_jobs}"
        raise ValidationException(f"ResourceLimits: {problem}")
