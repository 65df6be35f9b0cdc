"""Processing jobs: any command in the container, with files in and files out."""

import json
from pathlib import Path

from recore.simulator import objects
from recore.simulator.errors import ServiceError
from recore.simulator.failure import JobFailed
from recore.simulator.platform import memory_of
from recore.simulator.resources.job import JobResource, _read
from recore.simulator.resources.resource import REGION
from recore.simulator.running import Job
from recore.simulator.store import Record

ML = "/opt/ml/"


class ProcessingJobs(JobResource):
    kind = "ProcessingJob"
    arn_type = "processing-job"
    log_group = "/aws/sagemaker/ProcessingJobs"
    started, ended = "ProcessingStartTime", "ProcessingEndTime"

    def CreateProcessingJob(self, request: Record) -> Record:
        specification = request["AppSpecification"]
        self.check_image(specification["ImageUri"])
        if not specification.get("ContainerEntrypoint"):
            raise ServiceError("ValidationException", "The scikit-learn image has no processing entrypoint: name one")
        for place in _places(request):
            if not place["LocalPath"].startswith("/opt/ml/processing/") or ".." in Path(place["LocalPath"]).parts:
                message = f"LocalPath '{place['LocalPath']}' must lie below /opt/ml/processing/"
                raise ServiceError("ValidationException", message)
        return {"ProcessingJobArn": self.begin(request)}

    def DescribeProcessingJob(self, request: Record) -> Record:
        return self.find("DescribeProcessingJob", request)

    def ListProcessingJobs(self, request: Record) -> Record:
        return self.page(request, "ProcessingJobSummaries")

    def StopProcessingJob(self, request: Record) -> Record:
        self.stop("StopProcessingJob", request)
        return {}

    def execute(self, record: Record, job: Job) -> Record:
        name, specification = record["ProcessingJobName"], record["AppSpecification"]
        log = self.log(name)
        ml = job.folder / "ml"
        for folder in ("config", "output", "processing"):
            (ml / folder).mkdir(parents=True)
        for place in _places(record):
            (ml / place["LocalPath"].removeprefix(ML)).mkdir(parents=True, exist_ok=True)
        for given in record.get("ProcessingInputs", []):
            folder = ml / given["S3Input"]["LocalPath"].removeprefix(ML)
            objects.download(self.platform.s3, given["S3Input"]["S3Uri"], folder)
        cluster = record["ProcessingResources"]["ClusterConfig"]
        (ml / "config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        (ml / "config/processingjobconfig.json").write_text(json.dumps(record, default=str))
        variables = {"PROCESSING_JOB_NAME": name, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        variables |= record.get("Environment", {})
        command = [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
        sandbox = self.platform.sandbox(job, None, log)
        limit = record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        try:
            ending = job.run(sandbox.launch(command, variables), log, limit, memory_of(cluster["InstanceType"]))
            self.check_ending(ending, log, ml / "output/failure")
        finally:  # SageMaker uploads what a failed job left, too
            for output in record.get("ProcessingOutputConfig", {}).get("Outputs", []):
                folder = ml / output["S3Output"]["LocalPath"].removeprefix(ML)
                objects.upload(self.platform.s3, folder, output["S3Output"]["S3Uri"])
        if ending.reason == "time":
            raise JobFailed(f"ClientError: The job ran longer than its MaxRuntimeInSeconds, {limit}")
        message = _read(ml / "output/message")
        return {"ExitMessage": message[:1024]} if message else {}


def _places(record: Record) -> list[Record]:
    """The S3Input and S3Output members of a request."""
    given = [entry.get("S3Input") for entry in record.get("ProcessingInputs", [])]
    given += [entry.get("S3Output") for entry in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    if any(place is None or "LocalPath" not in place for place in given):
        raise ServiceError("ValidationException", "Only S3Input and S3Output, each with a LocalPath, run here")
    return [place for place in given if place is not None]
