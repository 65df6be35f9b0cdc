"""A kind of resource that the simulator does not have: an AutoML job that runs two processing jobs in turn."""

from typing import ClassVar

from stagemaker.compute.failure import was_interrupted
from stagemaker.orchestration.runner import Work, send
from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record
from stagemaker_support.simulator_client import IMAGE

KIND = "AutoMLJob"
POLL_SECONDS = 0.05  # time between two checks of a job's status


class AutoMLWork(Work):
    def run(self) -> None:
        for number in (1, 2):
            self._finish(number)
        self.store.update(KIND, self.key, AutoMLJobStatus="Completed")

    def fail(self, reason: str) -> None:
        self.store.update(KIND, self.key, AutoMLJobStatus="Failed", FailureReason=reason)

    def _finish(self, number: int) -> None:
        """Run a job to its end, and replace a job that an earlier simulator left in progress."""
        attempt = 1
        while True:
            name = f"{self.key}-{number}-{attempt}"
            job = self.store.get("ProcessingJob", name)
            if job is None:
                send(self.platform, "CreateProcessingJob", self._request(name))
            elif was_interrupted(job):
                attempt += 1
            elif job["ProcessingJobStatus"] == "Completed":
                return
            elif job["ProcessingJobStatus"] != "InProgress":
                raise RuntimeError(f"{name} is {job['ProcessingJobStatus']}")
            else:
                self.wait(POLL_SECONDS)

    def _request(self, name: str) -> Record:
        record = self.store.get(KIND, self.key) or {}
        script = record["InputDataConfig"][0]["TargetAttributeName"]
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        return {
            "ProcessingJobName": name,
            "RoleArn": record["RoleArn"],
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", script]},
            "ProcessingResources": {"ClusterConfig": cluster},
        }


class AutoMLJobs(Resource):
    kind = KIND
    arn_type = "automl-job"
    verbs: ClassVar[tuple[str, ...]] = ("Describe",)
    runs = True
    work = AutoMLWork

    def CreateAutoMLJob(self, request: Record) -> Record:
        """Create a resource. The request's TargetAttributeName contains the script of both jobs."""
        arn = self.add(request, AutoMLJobStatus="InProgress")
        self.begin_work(request["AutoMLJobName"])
        return {"AutoMLJobArn": arn}

    def describe_record(self, record: Record) -> Record:
        return record | {"AutoMLJobSecondaryStatus": "Starting"}
