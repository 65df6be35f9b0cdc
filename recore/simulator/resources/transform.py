"""Transform jobs: the servers of a model's containers started, fed with objects from S3, and stopped."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from recore.simulator.compute.jobs import transfers
from recore.simulator.compute.jobs.failure import JobFailed
from recore.simulator.compute.jobs.manifest import SourceObject, source_objects
from recore.simulator.compute.jobs.queue import Job
from recore.simulator.compute.serving.chain import Chain, named_containers
from recore.simulator.compute.serving.data_processing import DataProcessing
from recore.simulator.compute.serving.feeding import TOGETHER, Feeding
from recore.simulator.compute.serving.response import NoResponse
from recore.simulator.compute.serving.sharing import share_out
from recore.simulator.isolation.instances import Instance, instance_of
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.ineffective import TRANSFORM, without_effect
from recore.simulator.resources.job import JobResource
from recore.simulator.resources.resource import refuse_others
from recore.simulator.state.records import Record

PARAMETERS_SECONDS = 60.0  # for /execution-parameters
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
    log_group = "/aws/sagemaker/TransformJobs"
    started, ended = "TransformStartTime", "TransformEndTime"

    def CreateTransformJob(self, request: Record) -> Record:
        refuse_others(request, JOB, "CreateTransformJob")
        refuse_others(request["TransformOutput"], OUTPUT, "TransformOutput")
        refuse_others(request["TransformResources"], RESOURCES, "TransformResources")
        model = self.store.get("Model", request["ModelName"])
        if model is None:
            raise ServiceError("ValidationException", f"Could not find model '{request['ModelName']}'")
        for _, container in named_containers(model):
            self.check_image(container.get("Image", ""))
        if problem := _not_run_here(request):
            raise ServiceError("ValidationException", problem)
        payload, concurrent = request.get("MaxPayloadInMB", 6), max(request.get("MaxConcurrentTransforms", 1), 1)
        if payload * concurrent > TOGETHER:
            message = f"MaxConcurrentTransforms * MaxPayloadInMB cannot exceed {TOGETHER} MB"
            raise ServiceError("ValidationException", message)
        if (count := request["TransformResources"]["InstanceCount"]) > MOST_INSTANCES:
            message = f"TransformResources: at most {MOST_INSTANCES} instances run here, not {count}"
            raise ServiceError("ResourceLimitExceeded", message)
        return {"TransformJobArn": self.begin(request)}

    def execute(self, record: Record, job: Job) -> Record:
        model = self.store.get("Model", record["ModelName"])
        if model is None:
            raise JobFailed(f"ClientError: The model '{record['ModelName']}' was deleted")
        source = record["TransformInput"]["DataSource"]["S3DataSource"]
        objects = source_objects(self.platform.s3, source, job.raise_if_stopping)
        instance = instance_of(record["TransformResources"]["InstanceType"])
        count = min(record["TransformResources"]["InstanceCount"], len(objects))  # others would have nothing to do
        chains = [self._chain(record, model, job, instance, number) for number in range(1, count + 1)]
        for line in without_effect(record, TRANSFORM):
            chains[0].log.line(line)
        try:
            share_out(job, chains, objects, partial(self._transform, record, job))
        finally:
            endings = [chain.ending for chain in chains if chain.ending]
            if endings:
                largest = max(endings, key=lambda ending: ending.peak)
                self.measure(record["TransformJobName"], largest, instance)
        return {}

    def _chain(self, record: Record, model: Record, job: Job, instance: Instance, number: int) -> Chain:
        """The model's servers on one of the job's instances."""
        payload = record.get("MaxPayloadInMB")
        return Chain(
            self.platform,
            job,
            model,
            self.log(record["TransformJobName"], instance=number),
            instance,
            f"instance-{number}",
            environment=record.get("Environment", {}) | {"SAGEMAKER_BATCH": "true"},
            defaults={"MAX_CONTENT_LENGTH": str(payload << 20)} if payload else {},
        )

    def _transform(self, record: Record, job: Job, chain: Chain, objects: Iterator[SourceObject]) -> None:
        """Send objects through a chain, and the responses to each to its key on S3."""
        target, s3 = record["TransformOutput"]["S3OutputPath"].rstrip("/"), self.platform.s3
        given, taken = chain.folder / "given", chain.folder / "taken"
        feeding = _feeding(record, chain)
        for source in objects:
            job.raise_if_stopping()
            transfers.download_file(s3, source.bucket, source.key, given, job.raise_if_stopping)
            try:
                feeding.feed(chain, given, taken, job.stopping.is_set)
            except JobFailed as failure:
                data_log = chain.log.of_container("data-log")
                data_log.line(f"[sagemaker logs]: {source.bucket}/{source.key}: {str(failure).splitlines()[0]}")
                data_log.deliver()
                raise
            transfers.upload_file(s3, taken, f"{target}/{source.name}.out", job.raise_if_stopping)


def _feeding(record: Record, chain: Chain) -> Feeding:
    """What the request asks for; what it leaves open the server's /execution-parameters may say."""
    said: dict[str, Any] = {}
    try:
        response = chain.request("GET", "/execution-parameters", PARAMETERS_SECONDS)
    except NoResponse as error:
        raise JobFailed(f"AlgorithmError: /execution-parameters: {error}") from None
    if response.status == 200:
        said = _parameters(response.body)
    given, taken = record["TransformInput"], record["TransformOutput"]
    strategy = str(record.get("BatchStrategy") or said.get("BatchStrategy", "MultiRecord"))
    concurrent = record.get("MaxConcurrentTransforms") or said.get("MaxConcurrentTransforms", 1)
    megabytes = record.get("MaxPayloadInMB") or said.get("MaxPayloadInMB", 6)
    client = record.get("ModelClientConfig", {})
    return Feeding(
        split=given.get("SplitType", "None"),
        strategy={"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}.get(strategy, strategy),
        megabytes=megabytes,
        concurrent=max(min(concurrent, TOGETHER // max(megabytes, 1)), 1),
        assemble=taken.get("AssembleWith", "None"),
        content_type=given.get("ContentType", "application/octet-stream"),
        accept=taken.get("Accept", ""),
        seconds=client.get("InvocationsTimeoutInSeconds", 600),
        retries=client.get("InvocationsMaxRetries", 3),
        compressed=given.get("CompressionType", "None") == "Gzip",
        processing=DataProcessing.of(record),
    )


def _parameters(body: bytes) -> dict[str, Any]:
    """What a server says of itself. Raises JobFailed where that is not what the API allows."""
    try:
        said = json.loads(body)
        numbers = {name: said[name] for name in ("MaxConcurrentTransforms", "MaxPayloadInMB") if name in said}
    except (ValueError, TypeError, RecursionError) as error:
        raise JobFailed(f"AlgorithmError: /execution-parameters answers no JSON object: {error}") from None
    if not isinstance(said, dict) or any(type(number) is not int or number < 0 for number in numbers.values()):
        raise JobFailed(f"AlgorithmError: /execution-parameters answers what cannot be followed: {str(said)[:200]}")
    return said


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
