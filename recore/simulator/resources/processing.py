"""Processing jobs: any command in the container, with files in and files out."""

import codecs
import contextlib
import json
import os
from pathlib import Path

from recore.simulator.compute.jobs import archives, transfers
from recore.simulator.compute.jobs.failure import JobFailed, JobStopped
from recore.simulator.compute.jobs.logs import JobLog
from recore.simulator.compute.jobs.output_files import OutputFolder
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.jobs.reasons import start_of
from recore.simulator.compute.jobs.requirements import RequirementsFile
from recore.simulator.compute.jobs.script_mode import find_requirements, translate_scripts
from recore.simulator.compute.jobs.volume import Volume
from recore.simulator.protocol.account import REGION
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.ineffective import PROCESSING, without_effect
from recore.simulator.resources.job import JobResource
from recore.simulator.state.records import Record

ML = "/opt/ml/"
LONGEST_NAME = 255  # bytes
NO_ENTRYPOINT = "The image has no processing entrypoint: name one"
# of the SDK's FrameworkProcessor: its source below ML, and its script, which unpacks the source and names /opt/ml
SDK_SOURCE, SDK_SCRIPTS = "processing/input/code/sourcedir.tar.gz", "processing/input/*/runproc.sh"


class ProcessingJobs(JobResource):
    kind = "ProcessingJob"
    arn_type = "processing-job"
    log_group = "/aws/sagemaker/ProcessingJobs"
    started, ended = "ProcessingStartTime", "ProcessingEndTime"

    def CreateProcessingJob(self, request: Record) -> Record:
        specification = request["AppSpecification"]
        self.check_image(specification["ImageUri"])
        if not specification.get("ContainerEntrypoint") and self.platform.isolation.local_python:
            raise ServiceError("ValidationException", NO_ENTRYPOINT)
        for place in _places(request):
            if not _is_folder(place["LocalPath"]):
                limits = "must lie below /opt/ml/processing/, without '..', and its names have at most 255 bytes"
                message = f"LocalPath {place['LocalPath']!r} {limits}"
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

    def execute(self, record: Record, job: Job) -> Record:
        log = self.log(record["ProcessingJobName"])
        for line in without_effect(record, PROCESSING):
            log.line(line)
        with self.limited(record, job, record["ProcessingResources"]["ClusterConfig"], log) as volume:
            self._run(record, job, volume, log)
        return {}

    def _run(self, record: Record, job: Job, volume: Volume, log: JobLog) -> None:
        """Download what the job reads, run its command, upload what it left."""
        name, specification = record["ProcessingJobName"], record["AppSpecification"]
        ml = self._prepare(record, job, volume)
        variables = {"PROCESSING_JOB_NAME": name, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        variables |= record.get("Environment", {})
        requirements = _requirements(ml / SDK_SOURCE, job, volume)
        has_network = not record.get("NetworkConfig", {}).get("EnableNetworkIsolation")
        sandbox = self.platform.sandbox(job, specification["ImageUri"], requirements, log, has_network=has_network)
        entrypoint = specification.get("ContainerEntrypoint") or sandbox.isolation.entrypoint(sandbox.image)
        if not entrypoint:
            raise JobFailed(f"ClientError: {NO_ENTRYPOINT}")
        command = [*entrypoint, *specification.get("ContainerArguments", [])]
        ending = job.run(sandbox.launch(command, variables), log)
        self.measure(name, ending, job.instance)
        if message := _message(ml / "output/message"):
            self.change(name, ExitMessage=message)
        try:
            self.check_ending(job, ending, log, ml / "output/failure")
        except (JobFailed, JobStopped) as early:  # SageMaker uploads what such a job left, too
            if isinstance(early, JobStopped):
                job.save_what_is_left()
            with contextlib.suppress(JobFailed, JobStopped):
                self._upload(record, job, volume, log)
            raise
        self._upload(record, job, volume, log)

    def _prepare(self, record: Record, job: Job, volume: Volume) -> Path:
        """Fill /opt/ml with the inputs and the configuration; its folder on this machine."""
        ml = job.folder / "ml"
        for folder in ("config", "output", "processing"):
            (ml / folder).mkdir(parents=True)
        for place in _places(record):
            (ml / place["LocalPath"].removeprefix(ML)).mkdir(parents=True, exist_ok=True)
        for given in record.get("ProcessingInputs", []):
            folder = ml / given["S3Input"]["LocalPath"].removeprefix(ML)
            transfers.download(self.platform.s3, given["S3Input"]["S3Uri"], folder, job.raise_if_stopping, volume)
        if not self.platform.isolation.true_paths:
            translate_scripts(ml.glob(SDK_SCRIPTS), ml)
        (ml / "config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        (ml / "config/processingjobconfig.json").write_text(json.dumps(record, default=str))
        return ml

    def _upload(self, record: Record, job: Job, volume: Volume, log: JobLog) -> None:
        """Upload every output that can be, and raise the first failure of the others."""
        failures = []
        for output in record.get("ProcessingOutputConfig", {}).get("Outputs", []):
            place = output["S3Output"]
            folder = OutputFolder(job.folder / "ml", place["LocalPath"])
            try:
                transfers.upload_folder(self.platform.s3, folder, place["S3Uri"], volume, job.raise_if_stopping)
            except JobFailed as failure:
                log.line(str(failure))
                failures.append(failure)
        if failures:
            raise failures[0]


def _requirements(archive: Path, job: Job, volume: Volume) -> RequirementsFile | None:
    """The requirements of a FrameworkProcessor, whose script would install them where there is no network.

    The archive is unpacked for them alone: the script unpacks it for itself. Raises JobFailed if it is invalid.
    """
    if not archive.is_file():
        return None
    folder = job.folder / "unpacked"
    archives.unpack(archive, folder, volume, job.raise_if_stopping)
    return find_requirements(folder)


def _is_folder(path: str) -> bool:
    """Whether a path can be that of a folder of a job's inputs or outputs."""
    try:
        names = [os.fsencode(name) for name in Path(path).parts]
    except UnicodeError:
        return False
    fits = all(len(name) <= LONGEST_NAME and name != b".." for name in names)
    return path.startswith("/opt/ml/processing/") and "\0" not in path and fits


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
