"""Start, invoke and stop the server of one of a model's containers. Each server has a separate folder."""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.failure import JobFailed, JobStopped, last_message
from stagemaker.compute.files import archives, transfers
from stagemaker.compute.files.removal import remove
from stagemaker.compute.job import Job
from stagemaker.compute.logs.log_stream import JobLog
from stagemaker.compute.platform import Platform
from stagemaker.compute.processes.explanations import explain
from stagemaker.compute.processes.process import Ending, SupervisedProcess
from stagemaker.compute.processes.reasons import exceeded_limit, read_text, replace_host_paths
from stagemaker.compute.processes.volume import Volume
from stagemaker.compute.scripts.input_files import folder_below
from stagemaker.compute.scripts.requirements import find_requirements
from stagemaker.compute.servers.client import MAX_BODY_BYTES, UnixClient
from stagemaker.compute.servers.response import NoResponse, Response, TimedOut
from stagemaker.images.catalogue import serves_offline
from stagemaker.isolation import socket_folder
from stagemaker.isolation.instances import Instance
from stagemaker.isolation.sandbox import ML, Sandbox
from stagemaker.state.records import Record

MAX_SHORT_BODY_BYTES = 1 << 20  # maximum size of a response's body, unless a request sets a different limit
SINGLE_PING_SECONDS = 2.0  # seconds for a single ping, as on AWS
CODE = f"{ML}/code"
# response headers that clients, data capture and other containers receive
FORWARDED_HEADERS = ("content-type", "x-amzn-sagemaker-custom-attributes")
OFFLINE_REASON = (
    "AlgorithmError: The server did not start: EnableNetworkIsolation is set, and the container's serve runs "
    "`pip install .`, which tries to download setuptools. Add PIP_NO_BUILD_ISOLATION=0 to the model's Environment"
)


@dataclass(eq=False)
class ContainerServer:
    """The server of one container. Its processes run from `start` to `stop`.

    instance: the instance on which all of the model's containers run. volume: the disk on which the model and its
    source must fit. folder: the container's folder, in the job's folder. sockets_folder: a folder that the processes
    share with the simulator. name: the container's name, which is empty for a model's only container. has_network:
    False if EnableNetworkIsolation is set. is_ready: whether a ping has succeeded.
    """

    platform: Platform
    job: Job
    container: Record
    log: JobLog
    instance: Instance
    volume: Volume
    folder: Path
    sockets_folder: Path
    name: str
    variables: dict[str, str]
    has_network: bool = True
    is_ready: bool = field(default=False, init=False)
    ending: Ending | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._client = UnixClient(self.sockets_folder / socket_folder.NAME)
        self._process: SupervisedProcess | None = None
        self._sandbox: Sandbox | None = None
        self._was_stopped = False
        self._lock = threading.Lock()  # held to start or stop the server, and to check whether it has ended

    def start(self) -> None:
        """Download the model, install its requirements, and start the server. Raises JobFailed or JobStopped."""
        self.log.create()
        if not self.has_network and not serves_offline(self.container["Image"], self.variables):
            raise JobFailed(OFFLINE_REASON)
        self.sockets_folder.mkdir(0o700)
        code = self._prepare()
        self._sandbox = sandbox = self.platform.sandbox(
            self.job,
            self.container["Image"],
            find_requirements(code),
            self.log,
            folder=self.folder,
            shared={"/run/server": self.sockets_folder},
            instance=replace(self.instance, memory_use=None),
            has_network=self.has_network,
        )
        launch = sandbox.make_launch(sandbox.isolation.serving(sandbox.image), self.variables)
        with self._lock:
            if self._was_stopped:
                raise JobStopped
            self._process = self.job.start_process(launch, self.folder, math.inf, self.instance)
            self._reader = threading.Thread(target=self.log.read, args=(self._process.output, self._process.poll))
            self._reader.start()

    def ping(self, is_busy: Callable[[], bool] | None = None) -> bool:
        """Return whether the server has returned 200 for /ping.

        is_busy: whether invocations are in progress; if given, a ready server is pinged again. If the server does not
        respond while it is busy, it still counts as ready, because its workers handle requests in order.
        """
        if self.is_ready and is_busy is None:
            return True
        try:
            is_success = self.request("GET", "/ping", Deadline(SINGLE_PING_SECONDS)).status == 200
        except TimedOut:
            return self.is_ready and is_busy is not None and is_busy()
        except NoResponse:
            return False
        self.is_ready = self.is_ready or is_success
        return is_success

    def invoke(
        self, body: bytes, headers: Mapping[str, str], deadline: Deadline, max_bytes: int = MAX_BODY_BYTES
    ) -> Response:
        """Return the response to a POST to /invocations, whatever its status.

        Raises NoResponse if none arrives, or if a header to be forwarded is not ASCII, which the API does not allow.
        """
        response = self.request("POST", "/invocations", deadline, body, headers, max_bytes)
        for name in FORWARDED_HEADERS:
            if not response.headers.get(name, "").isascii():
                raise NoResponse(f"the server's response has a {name} header that is not ASCII", self.name)
        return response

    def request(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_SHORT_BODY_BYTES,
    ) -> Response:
        """Send a request and return the response, whatever its status. max_bytes: its size limit. Raises NoResponse."""
        try:
            response = self._client.request(method, path, body, headers, deadline=deadline, max_bytes=max_bytes)
        except NoResponse as error:
            error.container = self.name
            raise
        if response.status >= 400:  # failure reasons quote such a body
            message = self._replace_host_paths(response.body.decode("utf-8", "surrogateescape"))
            response = replace(response, body=message.encode("utf-8", "surrogateescape"))
        return replace(response, container=self.name)

    def failure(self) -> str | None:
        cause = self.cause()
        if cause or not self._has_ended():
            return cause
        output = self._replace_host_paths("\n".join(list(self.log.tail)[-5:]))[-900:]
        return self.cause() or self._failure_message(output or "it printed nothing")

    def cause(self) -> str | None:
        """Return why the server failed, if known: a limit that it exceeded, or the reason in its failure file."""
        if self.ending and (limit := exceeded_limit(self.ending, self.instance, server_of(self.name), "the model")):
            return limit
        reason = self._replace_host_paths(read_text(self.folder / "ml/output/failure"))[:900]
        return self._failure_message(reason) if reason else None

    def kill(self) -> None:
        if self._process and not self.ending:
            self._process.kill()

    def stop(self) -> None:
        """Stop all processes of the server, and wait until they have ended and its log is complete."""
        self._client.close()
        with self._lock:
            self._was_stopped = True
            self.kill()
            self._wait_for_end()
        self.log.deliver()  # including lines from before the server's processes started
        remove(self.sockets_folder)

    def _has_ended(self) -> bool:
        with self._lock:
            if self._process and self._process.poll() is not None:
                self._wait_for_end()
        return self.ending is not None

    def _failure_message(self, reason: str) -> str:
        event = "failed" if self.is_ready else "exited before it was ready"
        output = list(self.log.tail)
        if self._sandbox and (explanation := explain(self._sandbox, last_message(output), output)):
            reason = f"{reason[:600]}\n{explanation}"
        return f"{server_of(self.name)} {event}: {reason}"

    def _replace_host_paths(self, message: str) -> str:
        return replace_host_paths(message, self.folder).replace(str(self.sockets_folder), "/run/server")

    def _wait_for_end(self) -> None:
        if self._process and not self.ending:
            self._reader.join()
            self.ending = self.job.wait_for(self._process)

    def _prepare(self) -> Path:
        folder, s3, volume, raise_if_stopping = self.folder, self.platform.s3, self.volume, self.job.raise_if_stopping
        ml, archive, source = folder / "ml", folder / "archive", folder / "source"
        for name in ("model", "code", "output"):
            (ml / name).mkdir(parents=True)
        uri, is_packed = model_data(self.container)
        if uri and is_packed:
            transfers.download(s3, uri, archive, raise_if_stopping, volume, is_object=True)
            archives.unpack(transfers.get_archive(archive, uri), ml / "model", volume, raise_if_stopping)
        elif uri:
            transfers.download(s3, uri, ml / "model", raise_if_stopping, volume, is_object=not uri.endswith("/"))
        submit_directory = self.variables.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if transfers.is_address(submit_directory):
            transfers.download(s3, submit_directory, source, raise_if_stopping, volume)
            archives.unpack(transfers.get_archive(source, submit_directory), ml / "code", volume, raise_if_stopping)
            self.variables["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
            return ml / "code"
        return folder_below(ml, submit_directory or f"{ML}/model/code", "SAGEMAKER_SUBMIT_DIRECTORY")


def server_of(container: str) -> str:
    """Return the phrase with which messages refer to a container's server."""
    return f"The server of container '{container}'" if container else "The model's server"


def model_data(container: Record) -> tuple[str, bool]:
    """Return the URI of a container's model ('' if it has no model), and whether the model is packed.

    A packed model is an archive of the content of /opt/ml/model. Raises ValueError if the container is invalid.
    """
    if "ModelDataSource" not in container:
        return container.get("ModelDataUrl", ""), True
    if "ModelDataUrl" in container:
        raise ValueError("A container can have either a ModelDataUrl or a ModelDataSource, not both")
    source = container["ModelDataSource"].get("S3DataSource")
    if source is None:
        raise ValueError("ModelDataSource: an S3DataSource is required")
    if unsupported_members := [member for member in ("HubAccessConfig", "ManifestS3Uri") if member in source]:
        raise ValueError(f"ModelDataSource: {unsupported_members[0]} is not simulated")
    is_prefix, is_packed = source["S3DataType"] == "S3Prefix", source["CompressionType"] == "Gzip"
    if is_prefix and is_packed:
        raise ValueError("ModelDataSource: an S3Prefix is supported only with CompressionType None")
    if is_prefix != source["S3Uri"].endswith("/"):
        raise ValueError("ModelDataSource: an S3Uri must end with '/' for an S3Prefix but not for an S3Object")
    return source["S3Uri"], is_packed
