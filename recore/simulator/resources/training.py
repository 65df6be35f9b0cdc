"""Training jobs: what an image's `train` does, a script by its toolkit or an algorithm, or an entrypoint."""

import contextlib
import re
from typing import ClassVar

import regex

from recore.simulator.compute.jobs import archives, script_mode, transfers
from recore.simulator.compute.jobs.failure import JobFailed, JobStopped, JobTimedOut
from recore.simulator.compute.jobs.logs import JobLog
from recore.simulator.compute.jobs.metrics import TrainingMetrics
from recore.simulator.compute.jobs.output_files import OutputFolder
from recore.simulator.compute.jobs.process import Ending
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.jobs.reasons import failure_file
from recore.simulator.compute.jobs.volume import Volume
from recore.simulator.images.catalogue import family_of
from recore.simulator.protocol.account import REGION
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.ineffective import without_effect
from recore.simulator.resources.job import JobResource
from recore.simulator.state.records import Record, now

OWN_METRICS = "You can't override the metric definitions for Amazon SageMaker algorithms"  # programs look for it
MOST_METRICS = 40  # of MetricDefinitions in the API
DISTRIBUTION = re.compile("sagemaker_.*_enabled")  # hyperparameters that a `distribution` of version 2 of the SDK sets
UPLOADING = ("Uploading", "Uploading the model")


class TrainingJobs(JobResource):
    kind = "TrainingJob"
    arn_type = "training-job"
    log_group = "/aws/sagemaker/TrainingJobs"
    started, ended = "TrainingStartTime", "TrainingEndTime"
    timed_out: ClassVar[Record] = {"SecondaryStatus": "MaxRuntimeExceeded"}

    def CreateTrainingJob(self, request: Record) -> Record:
        algorithm = request.get("AlgorithmSpecification", {})
        self.check_image(algorithm.get("TrainingImage", ""))
        problem = not_run_here(request)
        if self.platform.isolation.local_python:
            problem = problem or distributed(request.get("HyperParameters", {}))
        if problem:
            raise ServiceError("ValidationException", problem)
        name, output = request["TrainingJobName"], request["OutputDataConfig"]
        file = "model/" if output.get("CompressionType") == "NONE" else "model.tar.gz"
        artifacts = f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{file}"
        arn = self.begin(
            request,
            SecondaryStatus="Starting",
            SecondaryStatusTransitions=[
                {"Status": "Starting", "StartTime": now(), "StatusMessage": "Preparing the job"}
            ],
            ModelArtifacts={"S3ModelArtifacts": artifacts},
        )
        return {"TrainingJobArn": arn}

    def described(self, record: Record) -> Record:
        trial = self.store.get("TuningTrial", record["TrainingJobName"]) or {}
        # SageMaker always answers KmsKeyId, and version 2 of its SDK reads it
        output = {"KmsKeyId": ""} | record["OutputDataConfig"]
        algorithm = with_own_metrics(record["AlgorithmSpecification"])
        members = {"OutputDataConfig": output, "AlgorithmSpecification": algorithm}
        return record | members | {"TuningJobArn": trial.get("HyperParameterTuningJobArn")}

    def execute(self, record: Record, job: Job) -> Record:
        name, algorithm = record["TrainingJobName"], record["AlgorithmSpecification"]
        family = family_of(algorithm["TrainingImage"])
        definitions = family.own_metrics(algorithm["TrainingImage"]) or algorithm.get("MetricDefinitions", [])
        observed = self.platform.observed.get(name)
        patterns = {metric["Name"]: metric["Regex"] for metric in definitions}
        metrics = TrainingMetrics(self.platform.cloudwatch, self.log_group, name, patterns, observed)
        log = self.log(name, metrics)
        remarks = family.remarks(algorithm["TrainingImage"]) if self.platform.isolation.local_python else []
        for line in [*remarks, *without_effect(record)]:
            log.line(line)
        with self.limited(record, job, record["ResourceConfig"], log) as volume:
            self._work_on(record, job, volume, log, metrics)
        return {}

    def _work_on(self, record: Record, job: Job, volume: Volume, log: JobLog, metrics: TrainingMetrics) -> None:
        """The job's phases; each is a secondary status."""
        name = record["TrainingJobName"]
        ending = self._run(record, job, volume, log)
        seconds = round(ending.seconds)
        self.change(
            name, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds, FinalMetricDataList=metrics.final()
        )
        try:
            self.check_ending(job, ending, log, failure_file(job, log))
        except JobStopped as early:  # such a job leaves what it had saved until then
            timed_out = isinstance(early, JobTimedOut)
            self._enter(name, *(UPLOADING if timed_out else ("Stopping", "Stopping the training job")))
            job.save_what_is_left()
            with contextlib.suppress(JobStopped):
                self._upload(record, job, volume, log)
            raise
        self._enter(name, *UPLOADING)
        self._upload(record, job, volume, log)

    def _run(self, record: Record, job: Job, volume: Volume, log: JobLog) -> Ending:
        """Download what the job reads, install what it asks for, run its command."""
        name, algorithm = record["TrainingJobName"], record["AlgorithmSpecification"]
        self._enter(name, "Downloading", "Downloading input data")
        requirements = script_mode.prepare(record, job, self.platform.s3, volume, self.platform.isolation.true_paths)
        has_network = not record.get("EnableNetworkIsolation")
        sandbox = self.platform.sandbox(job, algorithm["TrainingImage"], requirements, log, has_network=has_network)
        command = algorithm.get("ContainerEntrypoint") or self.platform.isolation.training(algorithm["TrainingImage"])
        command = [*command, *algorithm.get("ContainerArguments", [])]
        variables = {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": record["TrainingJobArn"]}
        variables |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION} | record.get("Environment", {})
        self._enter(name, "Training", "Training image download completed. Training in progress.")
        ending = job.run(sandbox.launch(command, variables), log)
        self.measure(name, ending, job.instance)
        return ending

    def _upload(self, record: Record, job: Job, volume: Volume, log: JobLog) -> None:
        try:
            self._upload_model(record, job, volume)
        except JobFailed as failure:
            log.line(str(failure))
            raise

    def _upload_model(self, record: Record, job: Job, volume: Volume) -> None:
        """The model, and where there is any, what the job wrote to /opt/ml/output/data."""
        target, check, s3 = record["ModelArtifacts"]["S3ModelArtifacts"], job.raise_if_stopping, self.platform.s3
        ml = job.folder / "ml"
        model, data = OutputFolder(ml, "/opt/ml/model"), OutputFolder(ml, "/opt/ml/output/data")
        packed = {"output": data} if data.exists() and any(data.files(check)) else {}
        if target.endswith("/"):
            transfers.upload_folder(s3, model, target, volume, check)
        else:
            packed["model"] = model
        for name, folder in packed.items():
            archive = job.folder / f"{name}.tar.gz"
            archives.pack(folder, archive, volume, check)
            transfers.upload_file(s3, archive, f"{target[: target.rindex('/output/')]}/output/{archive.name}", check)

    def ended_record(self, record: Record, status: str, members: Record) -> Record:
        secondary = members.pop("SecondaryStatus", status)
        message = members.get("FailureReason", f"Training job {status.lower()}")
        return _next(super().ended_record(record, status, members), secondary, message)

    def _enter(self, name: str, status: str, message: str) -> None:
        """Go on to the next secondary status."""
        self.store.change(self.kind, name, lambda record: _next(record, status, message))


def _next(record: Record, status: str, message: str) -> Record:
    """A record with one more secondary status."""
    *before, last = record["SecondaryStatusTransitions"]
    transitions = [*before, last | {"EndTime": now()}, {"Status": status, "StartTime": now(), "StatusMessage": message}]
    return record | {
        "SecondaryStatus": status,
        "SecondaryStatusTransitions": transitions,
        "LastModifiedTime": now(),
    }


def with_own_metrics(algorithm: Record) -> Record:
    """An AlgorithmSpecification as it is described: with the metric definitions of its image, if that has any."""
    own = family_of(algorithm["TrainingImage"]).own_metrics(algorithm["TrainingImage"])
    return algorithm | {"MetricDefinitions": own[:MOST_METRICS]} if own else algorithm


def distributed(settings: Record) -> str | None:
    """Why a script with these hyperparameters cannot be started as the SDK's `distribution` asks; None without one."""
    for name, value in settings.items():
        if DISTRIBUTION.fullmatch(name) and value.strip('"').lower() == "true":
            return f"HyperParameters: {name}: distributed training does not run here; leave out the `distribution`"
    return None


def not_run_here(request: Record) -> str | None:
    """What is wrong with a request, or why this machine cannot do what it asks for; None where it can."""
    algorithm, resources = request.get("AlgorithmSpecification", {}), request.get("ResourceConfig", {})
    if "InstanceType" not in resources or resources.get("InstanceCount", 1) != 1:
        return "ResourceConfig: one instance, of a named InstanceType, runs here"
    image, definitions = algorithm.get("TrainingImage", ""), algorithm.get("MetricDefinitions", [])
    if definitions and family_of(image).own_metrics(image):  # in script mode, too, as on AWS
        return f"{OWN_METRICS}. Please retry the request without specifying metric definitions"
    for metric in definitions:
        try:
            regex.compile(metric["Regex"])
        except regex.error as error:
            return f"MetricDefinitions: the Regex of {metric['Name']} is invalid: {error}"
    if not request["OutputDataConfig"]["S3OutputPath"].startswith("s3://"):
        return "OutputDataConfig: S3OutputPath must begin with s3://"
    names = {".", ".."}
    for channel in request.get("InputDataConfig", []):
        name, given = channel["ChannelName"], channel["DataSource"].get("S3DataSource", {})
        if name in names:
            return f"InputDataConfig: there are two channels {name}, or the name is not that of a folder"
        names.add(name)
        # to the job, a file streamed from S3 is a file
        mode = channel.get("InputMode", algorithm.get("TrainingInputMode", "File"))
        if mode not in ("File", "FastFile") or given.get("S3DataType") != "S3Prefix":
            return f"Channel {name}: only File and FastFile mode, of an S3Prefix, run here"
        if channel.get("CompressionType", "None") != "None":
            return f"Channel {name}: compressed channels do not run here"
    return None
