"""Transform jobs: a model's server started, fed with objects from S3, and stopped."""

import json
import os
import subprocess
import threading
from functools import partial
from pathlib import Path
from typing import Any

from recore.simulator import objects, sockets
from recore.simulator.errors import ServiceError
from recore.simulator.failure import JobFailed, JobStopped
from recore.simulator.feeding import Feeding, Server
from recore.simulator.instances import Instance, instance_of
from recore.simulator.logs import JobLog
from recore.simulator.resources.job import JobResource, text_of
from recore.simulator.resources.resource import REGION
from recore.simulator.running import Job
from recore.simulator.sandbox import ML, Sandbox
from recore.simulator.store import Record

PING_SECONDS = 600.0
CODE = f"{ML}/code"


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
        container = model.get("PrimaryContainer")
        if container is None or "Image" not in container:
            raise ServiceError("ValidationException", "Only models of one container with an Image are transformed here")
        self.check_image(container["Image"])
        if problem := _not_run_here(request):
            raise ServiceError("ValidationException", problem)
        payload, concurrent = request.get("MaxPayloadInMB", 6), max(request.get("MaxConcurrentTransforms", 1), 1)
        if payload * concurrent > 100:
            message = "MaxConcurrentTransforms * MaxPayloadInMB cannot exceed 100 MB"
            raise ServiceError("ValidationException", message)
        return {"TransformJobArn": self.begin(request)}

    def DescribeTransformJob(self, request: Record) -> Record:
        return self.find("DescribeTransformJob", request)

    def ListTransformJobs(self, request: Record) -> Record:
        return self.page(request, "TransformJobSummaries")

    def StopTransformJob(self, request: Record) -> Record:
        self.stop("StopTransformJob", request)
        return {}

    def execute(self, record: Record, job: Job) -> Record:
        log = self.log(record["TransformJobName"])
        model = self.store.get("Model", record["ModelName"])
        if model is None:
            raise JobFailed(f"ClientError: The model '{record['ModelName']}' was deleted")
        container = model["PrimaryContainer"]
        variables = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        variables |= container.get("Environment", {}) | record.get("Environment", {})
        variables["SAGEMAKER_BATCH"] = "true"
        if record.get("MaxPayloadInMB"):
            variables.setdefault("MAX_CONTENT_LENGTH", str(record["MaxPayloadInMB"] << 20))
        code = self._prepare(container, variables, job)
        requirements = code / "requirements.txt"
        sandbox = self.platform.sandbox(job, container["Image"], requirements, log, server=job.sockets)
        instance = instance_of(record["TransformResources"]["InstanceType"])
        process, reading = self._serve(sandbox, variables, job, instance)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        listening = threading.Thread(target=log.read, args=(process.stdout, process.poll), daemon=True)
        listening.start()
        failed: JobFailed | JobStopped | None = None
        try:
            self._feed(record, job, log, process)
        except (JobFailed, JobStopped) as error:
            failed = error
        finally:
            if process.stdin:
                process.stdin.close()  # the supervisor ends the server
            listening.join()
            ending = job.ending(process, reading)
            self.measure(record["TransformJobName"], ending, instance.memory)
        if ending.reason == "memory":
            raise JobFailed("AlgorithmError: The server needed more memory than its instance type has")
        if failed and not job.stopping.is_set() and (said := text_of(job.folder / "ml/output/failure")):
            said = said.replace(str(job.folder / "ml"), ML)[:900]
            raise JobFailed(f"AlgorithmError: The model's server ended before it was ready: {said}")
        if failed:
            raise JobStopped if job.stopping.is_set() else failed
        return {}

    def _prepare(self, container: Record, variables: dict[str, str], job: Job) -> Path:
        """Fill /opt/ml with the model and its script. Returns the folder of the script's source."""
        ml = job.folder / "ml"
        for folder in ("model", "code", "output"):
            (ml / folder).mkdir(parents=True)
        if "ModelDataUrl" in container:
            objects.download(self.platform.s3, container["ModelDataUrl"], job.folder / "archive", job.stopping.is_set)
            objects.unpack(objects.only(job.folder / "archive", container["ModelDataUrl"]), ml / "model")
        submitted = variables.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if submitted.startswith("s3://"):
            objects.download(self.platform.s3, submitted, job.folder / "source", job.stopping.is_set)
            objects.unpack(objects.only(job.folder / "source", submitted), ml / "code")
            variables["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
            return ml / "code"
        code = ml / (submitted or "/opt/ml/model/code").removeprefix("/opt/ml/")
        if not code.resolve().is_relative_to(ml.resolve()):
            raise JobFailed(f"ClientError: SAGEMAKER_SUBMIT_DIRECTORY '{submitted}' is not below /opt/ml")
        return code

    @staticmethod
    def _serve(
        sandbox: Sandbox, variables: dict[str, str], job: Job, instance: Instance
    ) -> tuple["subprocess.Popen[bytes]", int]:
        return job.start(sandbox.launch(sandbox.walls.serving(sandbox.image), variables), None, instance)

    def _feed(self, record: Record, job: Job, log: JobLog, process: "subprocess.Popen[bytes]") -> None:
        """All objects through the server, each answer to its place on S3."""
        client = record.get("ModelClientConfig", {})
        server = Server(
            job.sockets / sockets.NAME,
            client.get("InvocationsTimeoutInSeconds", 600),
            client.get("InvocationsMaxRetries", 3),
        )
        server.wait(PING_SECONDS, partial(_ended, process, log, job))
        feeding = self._feeding(record, server)
        source, target = record["TransformInput"], record["TransformOutput"]["S3OutputPath"].rstrip("/")
        uri = source["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, prefix = objects.parse(uri)
        for key in objects.keys(self.platform.s3, uri):
            if job.stopping.is_set():
                raise JobStopped
            given, taken = job.folder / "given", job.folder / "taken"
            self.platform.s3.download_file(bucket, key, str(given), Config=objects.WHOLE)
            feeding.feed(server, given, taken, job.stopping.is_set)
            folder = prefix if prefix.endswith("/") or not prefix else prefix[: prefix.rfind("/") + 1]
            below = key.removeprefix(prefix).lstrip("/") if key.startswith(f"{prefix}/") else key.removeprefix(folder)
            objects.upload(self.platform.s3, taken, f"{target}/{below}.out")

    @staticmethod
    def _feeding(record: Record, server: Server) -> Feeding:
        """What the request asks for; what it leaves open the server's /execution-parameters may say."""
        said: dict[str, Any] = {}
        status, body = server.request("GET", "/execution-parameters")
        if status == 200:
            said = _parameters(body)
        given, taken = record["TransformInput"], record["TransformOutput"]
        strategy = str(record.get("BatchStrategy") or said.get("BatchStrategy", "MultiRecord"))
        concurrent = record.get("MaxConcurrentTransforms") or said.get("MaxConcurrentTransforms", 1)
        megabytes = record.get("MaxPayloadInMB") or said.get("MaxPayloadInMB", 6)
        return Feeding(
            split=given.get("SplitType", "None"),
            strategy={"MULTI_RECORD": "MultiRecord", "SINGLE_RECORD": "SingleRecord"}.get(strategy, strategy),
            megabytes=megabytes,
            concurrent=max(min(concurrent, 100 // max(megabytes, 1)), 1),
            assemble=taken.get("AssembleWith", "None"),
            content_type=given.get("ContentType", "application/octet-stream"),
            accept=taken.get("Accept", ""),
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


def _ended(process: "subprocess.Popen[bytes]", log: JobLog, job: Job) -> str | None:
    """Why the server is no longer there, or None."""
    failure = job.folder / "ml/output/failure"
    if job.stopping.is_set():
        raise JobStopped
    if os.path.lexists(failure):  # read when the server has ended, and cannot change it any more
        return "it says why in /opt/ml/output/failure"
    return "\n".join(list(log.tail)[-5:]) if process.poll() is not None else None
