"""Processing jobs: any command in the container, with files in and files out."""

import codecs
import contextlib
import json
from pathlib import Path

from recore.simulator import objects
from recore.simulator.errors import ServiceError
from recore.simulator.failure import JobFailed, JobStopped
from recore.simulator.instances import instance_of
from recore.simulator.resources.job import JobResource, start_of
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
        for given in request.get("ProcessingInputs", []):
            source = given["S3Input"]
            plain = source.get("S3CompressionType", "None") == "None" and source.get("S3InputMode", "File") == "File"
            if source.get("S3DataType", "S3Prefix") != "S3Prefix" or not plain:
                message = f"Input {given['InputName']}: only an S3Prefix, in File mode and not compressed, runs here"
                raise ServiceError("ValidationException", message)
        if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
            raise ServiceError("ValidationException", "ProcessingResources: one instance runs here")
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
            objects.download(self.platform.s3, given["S3Input"]["S3Uri"], folder, job.stopping.is_set)
        cluster = record["ProcessingResources"]["ClusterConfig"]
        (ml / "config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        (ml / "config/processingjobconfig.json").write_text(json.dumps(record, default=str))
        variables = {"PROCESSING_JOB_NAME": name, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        variables |= record.get("Environment", {})
        command = [*specification["ContainerEntrypoint"], *specification.get("ContainerArguments", [])]
        sandbox = self.platform.sandbox(job, specification["ImageUri"], None, log)
        limit = record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        instance = instance_of(cluster["InstanceType"])
        ending = job.run(sandbox.launch(command, variables), log, limit, instance)
        self.measure(name, ending, instance.memory)
        if message := _message(ml / "output/message"):
            self.change(name, ExitMessage=message)
        try:
            self.check_ending(job, ending, log, ml / "output/failure")
        except (JobFailed, JobStopped):  # SageMaker uploads what such a job left, too
            with contextlib.suppress(JobFailed):
                self._upload(record, ml)
            raise
        if ending.reason == "time":
            log.line(f"The job was stopped: it ran longer than its MaxRuntimeInSeconds, {limit}")
            log.deliver()
        self._upload(record, ml)
        return {"Status": "Stopped"} if ending.reason == "time" else {}

    def _upload(self, record: Record, ml: Path) -> None:
        for output in record.get("ProcessingOutputConfig", {}).get("Outputs", []):
            folder = ml / output["S3Output"]["LocalPath"].removeprefix(ML)
            objects.upload(self.platform.s3, folder, output["S3Output"]["S3Uri"])


def _message(path: Path) -> str:
    """What the job left as its ExitMessage. Raises JobFailed where that is no UTF-8."""
    try:  # its end may be half a character
        return codecs.getincrementaldecoder("utf-8")().decode(start_of(path, 1024))
    except UnicodeDecodeError:
        raise JobFailed("ClientError: /opt/ml/output/message is not encoded in UTF-8") from None


def _places(record: Record) -> list[Record]:
    """The S3Input and S3Output members of a request."""
    given = [entry.get("S3Input") for entry in record.get("ProcessingInputs", [])]
    given += [entry.get("S3Output") for entry in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    if any(place is None or "LocalPath" not in place for place in given):
        raise ServiceError("ValidationException", "Only S3Input and S3Output, each with a LocalPath, run here")
    return [place for place in given if place is not None]
