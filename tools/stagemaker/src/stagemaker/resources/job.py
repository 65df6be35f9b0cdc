"""The base class of all kinds of jobs, which are queued, listed, described and stopped in the same way."""

from typing import Any, ClassVar

from stagemaker.compute.failure import INTERRUPTED
from stagemaker.compute.job_run import JobRun
from stagemaker.protocol import error_texts
from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record


class JobResource(Resource):
    verbs = ("Describe", "List", "Stop")
    runs = True
    missing_code = "ValidationException"  # although the model has ResourceNotFound
    missing_text = error_texts.JOB_MISSING
    exists_text = error_texts.JOB_EXISTS
    job_run: ClassVar[type[JobRun]]

    def resume(self) -> None:
        for name, record in self.store.items(self.kind):
            if record[f"{self.kind}Status"] in self.running_statuses:
                self.job_run(self.platform, name).end("Failed", FailureReason=INTERRUPTED)

    def submit(self, request: Record, **members: Any) -> str:
        name = request[f"{self.kind}Name"]
        arn = self.add(request | {f"{self.kind}Status": "InProgress"}, **members)
        job_run = self.job_run(self.platform, name)
        try:
            self.platform.jobs.submit(arn, job_run.work)
        except RuntimeError as error:  # no thread could be started
            job_run.end("Failed", FailureReason=f"InternalServerError: {error!r}"[:1024])
        return arn

    def stop(self, operation: str, request: Record) -> Record:
        response = super().stop(operation, request)
        self.platform.jobs.stop(self.arn(self.key(request)))
        return response
