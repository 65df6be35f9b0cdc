"""Transform jobs: requests are validated."""

from recore.simulator.compute.batch.data_processing import DataProcessing
from recore.simulator.compute.batch.feeding import MOST_MEGABYTES
from recore.simulator.compute.servers.chain import named_containers
from recore.simulator.compute.transform import TransformRun
from recore.simulator.protocol.errors import ServiceError, ValidationException
from recore.simulator.resources.job import JobResource
from recore.simulator.resources.resource import refuse_others
from recore.simulator.state.records import Record

MOST_INSTANCES = 20  # of one job
# members that are simulated, or make no difference here; a request that has another one is refused
JOB = {
    "TransformJobName",
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "Tags",
    "ExperimentConfig",
}
OUTPUT = {"S3OutputPath", "Accept", "AssembleWith", "KmsKeyId"}
RESOURCES = {"InstanceType", "InstanceCount", "VolumeKmsKeyId"}


class TransformJobs(JobResource):
    kind = "TransformJob"
    arn_type = "transform-job"
    newest_first = True
    job_run = TransformRun

    def CreateTransformJob(self, request: Record) -> Record:
        refuse_others(request, JOB, "CreateTransformJob")
        refuse_others(request["TransformOutput"], OUTPUT, "TransformOutput")
        refuse_others(request["TransformResources"], RESOURCES, "TransformResources")
        model = self.store.get("Model", request["ModelName"])
        if model is None:
            raise ValidationException(f"Could not find model '{request['ModelName']}'")
        for _, container in named_containers(model | model.internal):
            self.check_image(container.get("Image", ""))
        if problem := _not_run_here(request):
            raise ValidationException(problem)
        payload, concurrent = request.get("MaxPayloadInMB", 6), max(request.get("MaxConcurrentTransforms", 1), 1)
        if payload * concurrent > MOST_MEGABYTES:
            raise ValidationException(f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {MOST_MEGABYTES} MB")
        if (count := request["TransformResources"]["InstanceCount"]) > MOST_INSTANCES:
            message = f"TransformResources: at most {MOST_INSTANCES} instances run here, not {count}"
            raise ServiceError("ResourceLimitExceeded", message)
        return {"TransformJobArn": self.submit(request)}


def _not_run_here(request: Record) -> str | None:
    """What a request asks for that this machine cannot do; None where it can."""
    source = request["TransformInput"]
    if (split := source.get("SplitType", "None")) not in ("None", "Line"):
        return f"TransformInput: SplitType {split} is not simulated: None and Line are"
    if (kind := source["DataSource"]["S3DataSource"]["S3DataType"]) not in ("S3Prefix", "ManifestFile"):
        return f"TransformInput: S3DataType {kind} is not simulated: S3Prefix and ManifestFile are"
    try:
        DataProcessing.of(request)
    except ValueError as error:
        return str(error)
    return None
