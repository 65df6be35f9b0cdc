"""Processing jobs: request validation."""

import os
from pathlib import Path

from stagemaker.compute.processing_run import NO_ENTRYPOINT, ProcessingRun, local_members
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.job import JobResource
from stagemaker.resources.resource import find_repeated, unsimulated_value
from stagemaker.resources.s3_data import output_problem
from stagemaker.state.records import Record

DEFAULT_LIMIT = {"MaxRuntimeInSeconds": 86400}
INPUT_VALUES = {"S3DataType": ("S3Prefix",), "S3InputMode": ("File",), "S3CompressionType": ("None",)}


class ProcessingJobs(JobResource):
    kind = "ProcessingJob"
    arn_type = "processing-job"
    verbs = (*JobResource.verbs, "Delete")
    job_run = ProcessingRun

    def CreateProcessingJob(self, request: Record) -> Record:
        specification = request["AppSpecification"]
        self.check_image(specification["ImageUri"])
        if not specification.get("ContainerEntrypoint") and self.platform.isolation.uses_local_python:
            raise ValidationException(NO_ENTRYPOINT)
        for member in local_members(request):
            if not _is_valid_folder(member["LocalPath"]):
                requirements = "must be below /opt/ml/processing/, without '..' or a name longer than 255 bytes"
                raise ValidationException(f"LocalPath {member['LocalPath']!r} {requirements}")
        for item in request.get("ProcessingInputs", []):
            if problem := unsimulated_value(item["S3Input"], INPUT_VALUES):
                raise ValidationException(f"Input {item['InputName']}: {problem}")
        for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            if "S3Output" in item and (problem := output_problem("S3Uri", item["S3Output"]["S3Uri"])):
                raise ValidationException(f"Output {item['OutputName']}: {problem}")
        if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
            raise ValidationException("ProcessingResources: only one instance is simulated")
        _check_names(request)
        return {"ProcessingJobArn": self.submit({"StoppingCondition": DEFAULT_LIMIT} | request)}


def _check_names(request: Record) -> None:
    inputs, outputs = request.get("ProcessingInputs", []), request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    names = [item["InputName"] for item in inputs] + [item["OutputName"] for item in outputs]
    if repeated_names := find_repeated(names):
        raise ValidationException(error_messages.NAMES_NOT_UNIQUE.format(names=", ".join(repeated_names)))
    name_by_folder: dict[Path, str] = {}
    for item in inputs:
        folder, name = Path(item["S3Input"]["LocalPath"]), item["InputName"]
        if folder in name_by_folder:
            message = f"the inputs {name_by_folder[folder]} and {name} have the same LocalPath, {folder}"
            raise ValidationException(f"ProcessingInputs: {message}; give each input a separate folder")
        name_by_folder[folder] = name


def _is_valid_folder(path: str) -> bool:
    try:
        names = [os.fsencode(name) for name in Path(path).parts]
    except UnicodeError:
        return False
    are_names_valid = all(len(name) <= 255 and name != b".." for name in names)
    return path.startswith("/opt/ml/processing/") and "\0" not in path and are_names_valid
