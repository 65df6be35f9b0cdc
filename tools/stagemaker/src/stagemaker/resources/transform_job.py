"""Transform jobs: request validation."""

from typing import ClassVar

from stagemaker.compute.batch_transform.data_processing import DataProcessing
from stagemaker.compute.batch_transform.feeder import MAX_MEGABYTES
from stagemaker.compute.servers.chain import named_containers
from stagemaker.compute.servers.multi_model import is_multi_model
from stagemaker.compute.transform_run import TransformRun
from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.job import JobResource
from stagemaker.resources.model import Models
from stagemaker.resources.resource import reject_members, unsimulated_value
from stagemaker.resources.s3_data import check_input, output_problem
from stagemaker.state.records import Record

INPUT_VALUES = {"SplitType": ("None", "Line"), "S3DataType": ("S3Prefix", "ManifestFile")}
MAX_INSTANCES = 20  # maximum for one job


class TransformJobs(JobResource):
    kind = "TransformJob"
    arn_type = "transform-job"
    missing_messages: ClassVar[dict[str, str]] = {"StopTransformJob": error_messages.JOB_TO_STOP_MISSING}
    newest_first = True
    job_run = TransformRun

    def CreateTransformJob(self, request: Record) -> Record:
        reject_members(request, ["DataCaptureConfig"], "CreateTransformJob")
        reject_members(request["TransformResources"], ["TransformAmiVersion"], "TransformResources")
        model = self.store.get(Models.kind, request["ModelName"])
        if model is None:
            raise ValidationException(Models.message(Models.missing_message, request["ModelName"]))
        for _, container in named_containers(model | model.internal):
            self.check_image(container.get("Image", ""))
        if is_multi_model(model | model.internal):
            raise ValidationException(f"The model {request['ModelName']} is for a multi-model endpoint")
        _check_request(request)
        payload, concurrency = request.get("MaxPayloadInMB", 6), max(request.get("MaxConcurrentTransforms", 1), 1)
        if payload * concurrency > MAX_MEGABYTES:
            raise ValidationException(f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {MAX_MEGABYTES} MB")
        if (count := request["TransformResources"]["InstanceCount"]) > MAX_INSTANCES:
            message = f"TransformResources: at most {MAX_INSTANCES} instances are simulated, not {count}"
            raise ServiceError("ResourceLimitExceeded", message)
        source = request["TransformInput"]["DataSource"]["S3DataSource"]
        if source["S3DataType"] == "S3Prefix":
            check_input(self.platform, source["S3Uri"], model.get("ExecutionRoleArn"))
        return {"TransformJobArn": self.submit(request)}


def _check_request(request: Record) -> None:
    source = request["TransformInput"]
    if problem := unsimulated_value(source | source["DataSource"]["S3DataSource"], INPUT_VALUES):
        raise ValidationException(f"TransformInput: {problem}")
    if problem := output_problem("S3OutputPath", request["TransformOutput"]["S3OutputPath"]):
        raise ValidationException(f"TransformOutput: {problem}")
    try:
        DataProcessing.from_request(request)
    except ValueError as error:
        raise ValidationException(str(error)) from None
