"""Run processing jobs: download the inputs from S3, run a command in the container, and upload the outputs."""

import codecs
import contextlib
import json
from pathlib import Path

from stagemaker.compute.failure import JobFailed, JobStopped
from stagemaker.compute.files import transfers
from stagemaker.compute.files.output_files import OutputFolder
from stagemaker.compute.ineffective_settings import ineffective_setting_lines
from stagemaker.compute.job_run import JobRun
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.processes.reasons import read_start
from stagemaker.compute.processes.volume import Volume
from stagemaker.compute.scripts.input_files import translate_scripts, unpack_source
from stagemaker.compute.scripts.requirements import find_requirements
from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record
from stagemaker.text import printable

ML = "/opt/ml/"
NO_ENTRYPOINT = "The image has no processing entrypoint: specify a ContainerEntrypoint"
# paths below ML of a FrameworkProcessor's inputs: its source, and a script that unpacks the source and uses /opt/ml
SDK_SOURCE, SDK_SCRIPTS = "processing/input/code/sourcedir.tar.gz", "processing/input/*/runproc.sh"


class ProcessingRun(JobRun):
    kind = "ProcessingJob"

    def run(self) -> None:
        log = self.create_log()
        for line in ineffective_setting_lines("processing", self.record):
            log.line(line)
        self.begin((self.record["AppSpecification"]["ImageUri"], log))
        with self.apply_limits(self.record["ProcessingResources"]["ClusterConfig"], log) as volume:
            self._process(volume, log)

    def _process(self, volume: Volume, log: JobLog) -> None:
        record, job, specification = self.record, self.job, self.record["AppSpecification"]
        ml = self._prepare(volume)
        # requirements are installed here, because a FrameworkProcessor's script would do so without a network, and fail
        source = ml / SDK_SOURCE
        requirements = find_requirements(unpack_source(source, job, volume)) if source.is_file() else None
        has_network = not record.get("NetworkConfig", {}).get("EnableNetworkIsolation")
        sandbox = self.platform.sandbox(job, specification["ImageUri"], requirements, log, has_network=has_network)
        entrypoint = specification.get("ContainerEntrypoint") or sandbox.isolation.entrypoint(sandbox.image)
        if not entrypoint:
            raise JobFailed(f"ClientError: {NO_ENTRYPOINT}")
        command = [*entrypoint, *specification.get("ContainerArguments", [])]
        ending = self.run_command(sandbox, command, {"PROCESSING_JOB_NAME": self.name}, log)
        if message := _exit_message(ml / "output/message"):
            self.change(ExitMessage=message)
        try:
            self.check_ending(ending, log, ml / "output/failure")
        except (JobFailed, JobStopped) as error:  # SageMaker also uploads the outputs of such a job
            if isinstance(error, JobStopped):
                job.save_outputs()
            with contextlib.suppress(JobFailed, JobStopped):
                self._upload(volume, log)
            raise
        self._upload(volume, log)

    def _prepare(self, volume: Volume) -> Path:
        record, job = self.record, self.job
        ml = job.folder / "ml"
        for folder in ("config", "output", "processing"):
            (ml / folder).mkdir(parents=True)
        for location in local_members(record):
            (ml / location["LocalPath"].removeprefix(ML)).mkdir(parents=True, exist_ok=True)
        for item in record.get("ProcessingInputs", []):
            folder = ml / item["S3Input"]["LocalPath"].removeprefix(ML)
            transfers.download(self.platform.s3, item["S3Input"]["S3Uri"], folder, job.raise_if_stopping, volume)
        if not self.platform.isolation.keeps_paths:
            translate_scripts(ml.glob(SDK_SCRIPTS), ml)
        (ml / "config/resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
        (ml / "config/processingjobconfig.json").write_text(json.dumps(record, default=str))
        return ml

    def _upload(self, volume: Volume, log: JobLog) -> None:
        """Upload all outputs. If some fail, raise the first JobFailed after the others have been uploaded."""
        failures = []
        for output in self.record.get("ProcessingOutputConfig", {}).get("Outputs", []):
            location = output["S3Output"]
            folder = OutputFolder(self.job.folder / "ml", location["LocalPath"])
            try:
                transfers.upload_folder(self.platform.s3, folder, location["S3Uri"], volume, self.job.raise_if_stopping)
            except JobFailed as failure:
                log.line(str(failure))
                failures.append(failure)
        if failures:
            raise failures[0]


def _exit_message(path: Path) -> str:
    try:  # the last character may be cut off
        return printable(codecs.getincrementaldecoder("utf-8")().decode(read_start(path, 1024)))
    except UnicodeDecodeError:
        raise JobFailed("ClientError: /opt/ml/output/message is not encoded in UTF-8") from None


def local_members(record: Record) -> list[Record]:
    """Return a request's S3Input and S3Output members. Raises ServiceError if one is missing or lacks a LocalPath."""
    locations = [entry.get("S3Input", {}) for entry in record.get("ProcessingInputs", [])]
    locations += [entry.get("S3Output", {}) for entry in record.get("ProcessingOutputConfig", {}).get("Outputs", [])]
    if any("LocalPath" not in location for location in locations):
        raise ValidationException("Only S3Input and S3Output, each with a LocalPath, are simulated")
    return locations
