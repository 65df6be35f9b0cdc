"""Hyperparameter tuning jobs: training jobs with values that a search chooses, until the best one is found."""

import secrets
import uuid

from recore.simulator.orchestration.tuning.definitions import read_definitions
from recore.simulator.orchestration.tuning.trials import KIND, Trial, best, completion_details, counters, trials_of
from recore.simulator.orchestration.tuning.tuning_work import TuningWork
from recore.simulator.orchestration.tuning.warm_start import check_warm_start, comparable_trials
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.paging import Place, page, sortable
from recore.simulator.resources.resource import Resource
from recore.simulator.resources.training import distributed
from recore.simulator.resources.tuning_request import check_request, described_definitions
from recore.simulator.state.records import Record, StoredRecord, now


class TuningJobs(Resource):
    """Internal members of a tuning job:

    Seed: of the search. TuningId: tells a tuning job from an earlier one of the same name.
    """

    kind = "HyperParameterTuningJob"
    arn_type = "hyper-parameter-tuning-job"
    verbs = ("Describe", "List", "Stop", "Delete")
    runs = True
    work = TuningWork

    def CreateHyperParameterTuningJob(self, request: Record) -> Record:
        check_request(request)
        for definition in read_definitions(request):
            self.check_image(definition.request["AlgorithmSpecification"].get("TrainingImage", ""))
            if self.platform.isolation.local_python and (problem := distributed(definition.settings)):
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
        placed = [(_place(trial, by), trial.summary()) for trial in trials]
        return page(request, "TrainingJobSummaries", placed, request.get("SortOrder") == "Descending")

    def described(self, record: StoredRecord) -> Record:
        trials = trials_of(self.store, record)
        comparable = comparable_trials(self.store, record)
        found, overall = best(trials), best([*comparable, *trials])
        seconds = ((record.get("HyperParameterTuningEndTime") or now()) - record["CreationTime"]).total_seconds()
        return (
            record
            | described_definitions(record)
            | counters(trials)
            | {
                "BestTrainingJob": found.summary() if found else None,
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


def _place(trial: Trial, by: str) -> Place:
    """Where a trial stands in a list."""
    job = trial.job or {}
    values = {"Name": trial.name, "Status": trial.status, "CreationTime": job.get("CreationTime")}
    return sortable(trial.objective if by == "FinalObjectiveMetricValue" else values[by]), trial.name
