"""Training jobs: request validation, and the choice of the model's S3 URI."""

import re
from typing import ClassVar

import regex

from stagemaker.compute.training_run import TrainingRun
from stagemaker.images.catalogue import family_of
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.job import JobResource
from stagemaker.resources.resource import Filter, reject_other_members, unsimulated_value
from stagemaker.resources.s3_data import check_input, output_problem
from stagemaker.state.records import Record, StoredRecord, now

# The simulated values of a channel's members. FastFile is File here: a job sees no difference. So is Pipe for
# a built-in algorithm, but a script would have to read from pipes.
MODES = ("File", "FastFile")
CHANNEL_VALUES: dict[str, tuple[str, ...]] = {"InputMode": MODES, "TrainingInputMode": MODES}
CHANNEL_VALUES |= {"S3DataType": ("S3Prefix",), "CompressionType": ("None",)}
ALGORITHM_CHANNEL_VALUES = CHANNEL_VALUES | dict.fromkeys(("InputMode", "TrainingInputMode"), (*MODES, "Pipe"))
MAX_METRICS = 40  # the API's limit on MetricDefinitions
# matches hyperparameters that version 2 of the SDK sets for its `distribution` argument
DISTRIBUTION_PARAMETER = re.compile("sagemaker_.*_enabled")


class TrainingJobs(JobResource):
    kind = "TrainingJob"
    arn_type = "training-job"
    missing_message = error_messages.TRAINING_JOB_MISSING
    exists_message = error_messages.TRAINING_JOB_EXISTS
    verbs = (*JobResource.verbs, "Delete")
    filters: ClassVar[dict[str, Filter]] = {
        "WarmPoolStatusEquals": ("WarmPoolStatus", lambda pool, status: pool["Status"] == status)
    }
    job_run = TrainingRun

    def CreateTrainingJob(self, request: Record) -> Record:
        algorithm = request.get("AlgorithmSpecification", {})
        self.check_image(algorithm.get("TrainingImage", ""))
        problem = request_problem(request)
        if self.platform.isolation.uses_local_python:
            problem = problem or settings_problem(request.get("HyperParameters", {}), algorithm["TrainingImage"])
        if problem:
            raise ValidationException(problem)
        for channel in request.get("InputDataConfig", []):
            check_input(self.platform, channel["DataSource"]["S3DataSource"]["S3Uri"], request["RoleArn"])
        name, output = request["TrainingJobName"], request["OutputDataConfig"]
        file = "model/" if output.get("CompressionType") == "NONE" else "model.tar.gz"
        artifacts = {"S3ModelArtifacts": f"{output['S3OutputPath'].rstrip('/')}/{name}/output/{file}"}
        transition = {"Status": "Starting", "StartTime": now(), "StatusMessage": "Preparing the job"}
        members: Record = {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": [transition]}
        if request["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
            members["WarmPoolStatus"] = {"Status": "InUse", "ResourceRetainedBillableTimeInSeconds": 0}
        return {"TrainingJobArn": self.submit(request, ModelArtifacts=artifacts, **members)}

    def UpdateTrainingJob(self, request: Record) -> Record:
        """Record the new retention length of a job's warm pool."""
        reject_other_members(request, {"TrainingJobName", "ResourceConfig"}, "UpdateTrainingJob")
        with self.store.transaction():
            record = self.find("UpdateTrainingJob", request)
            if "WarmPoolStatus" not in record:
                reason = "it was created without KeepAlivePeriodInSeconds"
                raise ValidationException(f"TrainingJob '{self.key(request)}' has no warm pool: {reason}")
            resources = record["ResourceConfig"] | request.get("ResourceConfig", {})
            self.store.update(self.kind, self.key(request), ResourceConfig=resources, LastModifiedTime=now())
        return {"TrainingJobArn": record["TrainingJobArn"]}

    def page(self, operation: str, request: Record) -> Record:
        """Return the response of List. With MaxResults, only the jobs of a page are filtered by status, as on AWS."""
        if not {"MaxResults", "StatusEquals"} <= request.keys():
            return super().page(operation, request)
        status = request["StatusEquals"]
        response = super().page(operation, {name: value for name, value in request.items() if name != "StatusEquals"})
        summaries = response["TrainingJobSummaries"]
        return response | {"TrainingJobSummaries": [job for job in summaries if job["TrainingJobStatus"] == status]}

    def describe_record(self, record: StoredRecord) -> Record:
        trial: Record = self.store.get("TuningTrial", record["TrainingJobName"]) or {}
        # SageMaker always returns KmsKeyId, and version 2 of its SDK reads it
        output = {"KmsKeyId": ""} | record["OutputDataConfig"]
        algorithm = add_image_metrics(record["AlgorithmSpecification"])
        members = {"OutputDataConfig": output, "AlgorithmSpecification": algorithm}
        if position := self.platform.jobs.position(record["TrainingJobArn"]):
            *past, last = record["SecondaryStatusTransitions"]
            message = f"Waiting for a free CPU: position {position} in the queue"
            members["SecondaryStatusTransitions"] = [*past, last | {"StatusMessage": message}]
        return record | members | {"TuningJobArn": trial.get("HyperParameterTuningJobArn")}

    def delete(self, operation: str, request: Record) -> Record:
        key = self.key(request)
        with self.store.transaction():
            if trial := self.store.get("TuningTrial", key):  # named after its job, without its results
                name = trial["HyperParameterTuningJobName"]
                tuning = self.store.get("HyperParameterTuningJob", name)
                if tuning and tuning.internal["TuningId"] == trial["TuningId"]:
                    message = f"belongs to the tuning job '{name}'; delete the tuning job first"
                    raise ValidationException(f"TrainingJob '{key}' {message}")
                self.store.delete("TuningTrial", key)
            return super().delete(operation, request)


def add_image_metrics(algorithm: Record) -> Record:
    """Return an AlgorithmSpecification as Describe returns it: with the image's metric definitions, if any."""
    image_metrics = family_of(algorithm["TrainingImage"]).metric_definitions(algorithm["TrainingImage"])
    return algorithm | {"MetricDefinitions": image_metrics[:MAX_METRICS]} if image_metrics else algorithm


def settings_problem(settings: Record, image: str) -> str | None:
    """Return why a job with these hyperparameters and this image cannot run, or None.

    The hyperparameters must not request distributed training, nor a script if the image runs only an algorithm.
    """
    for name, value in settings.items():
        if DISTRIBUTION_PARAMETER.fullmatch(name) and value.strip('"').lower() == "true":
            return f"HyperParameters: {name}: distributed training is not simulated; remove the `distribution` argument"
    if "sagemaker_program" in settings and not (family := family_of(image)).runs_scripts:
        return f"HyperParameters: sagemaker_program: {family.name} images do not run scripts; remove `entry_point`"
    return None


def request_problem(request: Record) -> str | None:
    """Return why a request is invalid or not simulated, or None."""
    algorithm, resources = request.get("AlgorithmSpecification", {}), request.get("ResourceConfig", {})
    if "InstanceType" not in resources or resources.get("InstanceCount", 1) != 1:
        return "ResourceConfig: InstanceType is required, and only one instance is simulated"
    image, definitions = algorithm.get("TrainingImage", ""), algorithm.get("MetricDefinitions", [])
    if definitions and family_of(image).metric_definitions(
        image
    ):  # even in script mode, as on AWS; the message is AWS's
        message = "You can't override the metric definitions for Amazon SageMaker algorithms"
        return f"{message}. Please retry the request without specifying metric definitions"
    for metric in definitions:
        try:
            regex.compile(metric["Regex"])
        except regex.error as error:
            return f"MetricDefinitions: the Regex of {metric['Name']} is invalid: {error}"
    if problem := output_problem("S3OutputPath", request["OutputDataConfig"]["S3OutputPath"]):
        return f"OutputDataConfig: {problem}"
    runs_algorithm = family_of(image).algorithm and "sagemaker_program" not in request.get("HyperParameters", {})
    channel_values = ALGORITHM_CHANNEL_VALUES if runs_algorithm else CHANNEL_VALUES
    names = {".", ".."}
    for channel in request.get("InputDataConfig", []):
        name, source = channel["ChannelName"], channel["DataSource"]
        if name in names:
            return f"InputDataConfig: the channel name {name} is used twice, or is not a valid folder name"
        names.add(name)
        if "S3DataSource" not in source:
            return f"Channel {name}: {next(iter(source), 'an empty DataSource')} is not simulated; use S3DataSource"
        mode = {} if "InputMode" in channel else {"TrainingInputMode": algorithm.get("TrainingInputMode", "File")}
        if problem := unsimulated_value(mode | channel | source["S3DataSource"], channel_values):
            return f"Channel {name}: {problem}"
    return None
