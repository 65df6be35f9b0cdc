"""Transform jobs: a model's server started, fed with objects from S3, and stopped."""

import json
from typing import Any

from recore.simulator.api.errors import ServiceError
from recore.simulator.isolation.instances import instance_of
from recore.simulator.jobs import transfers
from recore.simulator.jobs.failure import JobFailed
from recore.simulator.jobs.queue import Job
from recore.simulator.resources.job import JobResource
from recore.simulator.serving.chain import Chain, named_containers
from recore.simulator.serving.client import NoResponse
from recore.simulator.serving.feeding import Feeding
from recore.simulator.state.records import Record

PARAMETERS_SECONDS = 60.0  # for /execution-parameters


class TransformJobs(JobResource):
    kind = "TransformJob"
    arn_type = "transform-job"
    newest_first = True
    log_group = "/aws/sagemaker/TransformJobs"
    started, ended = "TransformStartTime", "TransformEndTime"

    def CreateTransformJob(self, request: Record) -> Record:
        model = self.store.get("Model", request["ModelName"])
        if model is None:
            raise ServiceError("ValidationException", f"Could not find model '{request['ModelName']}'")
        for _, container in named_containers(model):
            self.check_image(container.get("Image", ""))
        if problem := _not_run_here(request):
            raise ServiceError("ValidationException", problem)
        payload, concurrent = request.get("MaxPayloadInMB", 6), max(request.get("MaxConcurrentTransforms", 1), 1)
        if payload * concurrent > 100:
            message = "MaxConcurrentTransforms * MaxPayloadInMB cannot exceed 100 MB"
            raise ServiceError("ValidationException", message)
        return {"TransformJobArn": self.begin(request)}

    def execute(self, record: Record, job: Job) -> Record:
        model = self.store.get("Model", record["ModelName"])
        if model is None:
            raise JobFailed(f"ClientError: The model '{record['ModelName']}' was deleted")
        instance = instance_of(record["TransformResources"]["InstanceType"])
        log, payload = self.log(record["TransformJobName"]), record.get("MaxPayloadInMB")
        chain = Chain(
            self.platform,
            job,
            model,
            log,
            instance,
            environment=record.get("Environment", {}) | {"SAGEMAKER_BATCH": "true"},
            defaults={"MAX_CONTENT_LENGTH": str(payload << 20)} if payload else {},
        )
        try:
            with chain:
                chain.wait_until_ready()
                self._feed(record, job, chain)
        finally:
            if chain.ending:
                self.measure(record["TransformJobName"], chain.ending, instance)
        return {}

    def _feed(self, record: Record, job: Job, server: Chain) -> None:
        """Send all objects through the server, and each response to its key on S3."""
        feeding = _feeding(record, server)
        source, target = record["TransformInput"], record["TransformOutput"]["S3OutputPath"].rstrip("/")
        uri = source["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, prefix = transfers.parse(uri)
        for key in transfers.keys(self.platform.s3, uri):
            job.raise_if_stopping()
            given, taken = job.folder / "given", job.folder / "taken"
            transfers.download_file(self.platform.s3, bucket, key, given, job.raise_if_stopping)
            feeding.feed(server, given, taken, job.stopping.is_set)
            folder = prefix if prefix.endswith("/") or not prefix else prefix[: prefix.rfind("/") + 1]
            below = key.removeprefix(prefix).lstrip("/") if key.startswith(f"{prefix}/") else key.removeprefix(folder)
            transfers.upload_file(self.platform.s3, taken, f"{target}/{below}.out", job.raise_if_stopping)


def _feeding(record: Record, server: Chain) -> Feeding:
    """What the request asks for; what it leaves open the server's /execution-parameters may say."""
    said: dict[str, Any] = {}
    try:
        response = server.request("GET", "/execution-parameters", PARAMETERS_SECONDS)
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
        concurrent=max(min(concurrent, 100 // max(megabytes, 1)), 1),
        assemble=taken.get("AssembleWith", "None"),
        content_type=given.get("ContentType", "application/octet-stream"),
        accept=taken.get("Accept", ""),
        seconds=client.get("InvocationsTimeoutInSeconds", 600),
        retries=client.get("InvocationsMaxRetries", 3),
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
    given = request["TransformInput"]
    if given.get("SplitType", "None") not in ("None", "Line") or given.get("CompressionType", "None") != "None":
        return "TransformInput: SplitType None and Line, of objects that are not compressed, run here"
    if given["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix" or request.get("DataProcessing"):
        return "TransformInput: only an S3Prefix, without DataProcessing, runs here"
    return None
