"""The base class of all kinds of jobs, which share their queue and the operations List, Describe and Stop."""

from typing import Any, ClassVar

from stagemaker.compute.failure import INTERRUPTED_REASON
from stagemaker.compute.job_run import JobRun
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.experiment import TrialComponents
from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record


class JobResource(Resource):
    """The jobs of one kind. The internal member TrialComponent is the key of the component that describes a job."""

    verbs: ClassVar[tuple[str, ...]] = ("Describe", "List", "Stop")
    runs = True
    missing_code = "ValidationException"  # although the service model lists ResourceNotFound
    missing_message = error_messages.JOB_MISSING
    exists_message = error_messages.JOB_EXISTS
    job_run: ClassVar[type[JobRun]]

    def resume(self) -> None:
        for name, record in self.store.items(self.kind):
            if record[f"{self.kind}Status"] in self.running_statuses:
                self.job_run(self.platform, name).end("Failed", FailureReason=INTERRUPTED_REASON)

    def submit(self, request: Record, **members: Any) -> str:
        name = request[f"{self.kind}Name"]
        with self.store.transaction():  # a job without the component of its experiment is not added
            internal = {}
            if "ExperimentConfig" in request:
                component = TrialComponents(self.platform).add_job_component(request, self.kind, self.arn(name))
                internal = {"TrialComponent": component}
            arn = self.add(request | {f"{self.kind}Status": "InProgress"}, None, internal, **members)
        job_run = self.job_run(self.platform, name)
        try:
            self.platform.jobs.submit(arn, job_run.work)
        except RuntimeError as error:  # no thread could be started
            job_run.end("Failed", FailureReason=f"InternalServerError: {error!r}"[:1024])
        return arn

    def delete(self, operation: str, request: Record) -> Record:
        with self.store.transaction():
            record = self.find(operation, request)
            if (status := record[f"{self.kind}Status"]) in self.running_statuses:
                raise ValidationException(f"{self.kind} '{self.key(request)}' cannot be deleted in status {status}")
            if component := record.internal.get("TrialComponent"):
                TrialComponents(self.platform).keep(component)
            return super().delete(operation, request)

    def stop(self, operation: str, request: Record) -> Record:
        response = super().stop(operation, request)
        self.platform.jobs.stop(self.arn(self.key(request)))
        return response
