"""Run transform jobs: start the servers of a model's containers, send objects from S3 to the servers, and stop them."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from stagemaker.compute.batch_transform.data_processing import DataProcessing
from stagemaker.compute.batch_transform.feeder import MAX_MEGABYTES, Feeder
from stagemaker.compute.batch_transform.manifest import SourceObject, source_objects
from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files import transfers
from stagemaker.compute.ineffective_settings import ineffective_setting_lines
from stagemaker.compute.job import Job
from stagemaker.compute.job_run import JobRun
from stagemaker.compute.servers.chain import Chain
from stagemaker.compute.servers.response import NoResponse
from stagemaker.isolation.instances import Instance, instance_of
from stagemaker.state.records import Record, StoredRecord

Item = TypeVar("Item")

PARAMETERS_SECONDS = 60.0  # seconds to wait for a response from /execution-parameters


class TransformRun(JobRun):
    kind = "TransformJob"

    def run(self) -> None:
        record, job = self.record, self.job
        model = self.store.get("Model", record["ModelName"])
        if model is None:
            raise JobFailed(f"ClientError: The model '{record['ModelName']}' was deleted")
        source = record["TransformInput"]["DataSource"]["S3DataSource"]
        objects = source_objects(self.platform.s3, source, job.raise_if_stopping)
        instance = instance_of(record["TransformResources"]["InstanceType"])
        count = min(record["TransformResources"]["InstanceCount"], len(objects))  # more would have nothing to do
        chains = [self._chain(model, instance, number) for number in range(1, count + 1)]
        for line in ineffective_setting_lines("transform", record):
            chains[0].log.line(line)
        self.begin(*chains[0].images())
        try:
            distribute(job, chains, objects, self._transform)
        finally:
            endings = [chain.ending for chain in chains if chain.ending]
            if endings:
                self.put_utilization(max(endings, key=lambda ending: ending.peak), instance)

    def _chain(self, model: StoredRecord, instance: Instance, index: int) -> Chain:
        defaults = self.thread_variables(instance)
        if payload := self.record.get("MaxPayloadInMB"):
            defaults["MAX_CONTENT_LENGTH"] = str(payload << 20)
        return Chain(
            self.platform,
            self.job,
            model | model.internal,
            self.create_log(instance=index),
            instance,
            f"instance-{index}",
            environment=self.record.get("Environment", {}) | {"SAGEMAKER_BATCH": "true"},
            defaults=defaults,
        )

    def _transform(self, chain: Chain, objects: Iterator[SourceObject]) -> None:
        job, s3 = self.job, self.platform.s3
        target = self.record["TransformOutput"]["S3OutputPath"].rstrip("/")
        source_file, response_file = chain.folder / "source", chain.folder / "response"
        feeder = _make_feeder(self.record, chain)
        for source in objects:
            job.raise_if_stopping()
            transfers.download_file(s3, source.bucket, source.key, source_file, job.raise_if_stopping)
            try:
                feeder.feed(chain, source_file, response_file, job.raise_if_stopping)
            except JobFailed as failure:
                data_log = chain.log.for_container("data-log")
                data_log.line(f"[sagemaker logs]: {source.bucket}/{source.key}: {str(failure).splitlines()[0]}")
                data_log.deliver()
                raise
            transfers.upload_file(s3, response_file, f"{target}/{source.name}.out", job.raise_if_stopping)


def distribute(
    job: Job, chains: Sequence[Chain], items: list[Item], work: Callable[[Chain, Iterator[Item]], None]
) -> None:
    """Start the chains, let each chain work on another item whenever it has finished one, and stop the chains.

    work: called for each chain with an iterator over its items. If a chain fails, the job is killed, so that the others
    end immediately. Raises the first failure.
    """
    remaining_items = iter(items)  # shared by the threads of all chains
    failures: list[BaseException] = []

    def serve(chain: Chain) -> None:
        try:
            with chain:
                chain.wait_until_ready()
                work(chain, remaining_items)
        except BaseException as error:
            failures.append(error)
            job.kill()

    with ThreadPoolExecutor(len(chains), thread_name_prefix="instance") as pool:
        list(pool.map(serve, chains))
    if failures:
        raise failures[0]


def _make_feeder(record: Record, chain: Chain) -> Feeder:
    proposed_parameters: dict[str, Any] = {}
    try:
        response = chain.request("GET", "/execution-parameters", Deadline(PARAMETERS_SECONDS))
    except NoResponse as error:
        raise JobFailed(f"AlgorithmError: /execution-parameters could not be read: {error}") from None
    if response.status == 200:
        proposed_parameters = _execution_parameters(response.body)
    source, target = record["TransformInput"], record["TransformOutput"]
    strategy = str(record.get("BatchStrategy") or proposed_parameters.get("BatchStrategy", "MultiRecord"))
    concurrency = record.get("MaxConcurrentTransforms") or proposed_parameters.get("MaxConcurrentTransforms", 1)
    max_megabytes = record.get("MaxPayloadInMB") or proposed_parameters.get("MaxPayloadInMB", 6)
    client_config = record.get("ModelClientConfig", {})
    return Feeder(
        split=source.get("SplitType", "None"),
        strategy={"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}.get(strategy, strategy),
        max_megabytes=max_megabytes,
        concurrency=max(min(concurrency, MAX_MEGABYTES // max(max_megabytes, 1)), 1),
        assemble=target.get("AssembleWith", "None"),
        content_type=source.get("ContentType", ""),
        accept=target.get("Accept", ""),
        seconds=client_config.get("InvocationsTimeoutInSeconds", 600),
        retries=client_config.get("InvocationsMaxRetries", 3),
        is_compressed=source.get("CompressionType", "None") == "Gzip",
        processing=DataProcessing.from_request(record),
    )


def _execution_parameters(body: bytes) -> dict[str, Any]:
    try:
        parameters = json.loads(body)
        names = [name for name in ("MaxConcurrentTransforms", "MaxPayloadInMB") if name in parameters]
        values = [parameters[name] for name in names]
    except (ValueError, TypeError, RecursionError) as error:
        raise JobFailed(f"AlgorithmError: /execution-parameters is not a JSON object: {error}") from None
    if not isinstance(parameters, dict) or any(type(number) is not int or number < 0 for number in values):
        raise JobFailed(f"AlgorithmError: /execution-parameters is invalid: {str(parameters)[:200]}")
    return parameters
