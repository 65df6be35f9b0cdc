"""The server of one container of a model, started in a folder of its own and invoked while it runs."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from recore.simulator.isolation import socket_folder
from recore.simulator.isolation.instances import Instance
from recore.simulator.isolation.sandbox import ML, image_name
from recore.simulator.jobs import archives, transfers
from recore.simulator.jobs.failure import JobFailed
from recore.simulator.jobs.logs import JobLog
from recore.simulator.jobs.platform import Platform
from recore.simulator.jobs.process import Ending, SupervisedProcess
from recore.simulator.jobs.queue import Job, remove
from recore.simulator.jobs.reasons import text_of
from recore.simulator.serving.client import NoResponse, Response, UnixClient
from recore.simulator.state.records import Record

PING_SECONDS = 600.0  # until /ping must have answered with 200
ONE_PING = 2.0  # seconds for a single one, as on AWS
CODE = f"{ML}/code"
OFFLINE = (
    "AlgorithmError: The server did not start: EnableNetworkIsolation is set, and the container's serve runs "
    "`pip install .`, which then asks the index for setuptools. Add PIP_NO_BUILD_ISOLATION=0 to the model's Environment"
)


class ContainerServer:
    """The server of one container. A context manager, which starts it, and ends all its processes.

    container: of a Model record. job: whose processes they are. name: of the container's folder in the job's folder.
    environment: variables besides the container's own. network: whether the model has one on AWS, that is without
    EnableNetworkIsolation. ending: how its processes ended, after the context.
    """

    def __init__(
        self,
        platform: Platform,
        job: Job,
        container: Record,
        log: JobLog,
        instance: Instance,
        name: str = "container-1",
        environment: Mapping[str, str] | None = None,
        network: bool = True,
    ):
        self._platform, self._job, self._container, self._log = platform, job, container, log
        self._instance, self._network = instance, network
        self._folder = job.folder / name
        self._ml = self._folder / "ml"
        self._sockets = socket_folder.make_for_server(platform.sockets)
        self._variables = dict(container.get("Environment", {})) | dict(environment or {})
        self._client = UnixClient(self._sockets / socket_folder.NAME)
        self._process: SupervisedProcess | None = None
        self._ended_when = "The model's server ended before it was ready"
        self.ending: Ending | None = None

    def __enter__(self) -> "ContainerServer":
        """Download and unpack what it serves, install its requirements, start it. Raises JobFailed or JobStopped."""
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it. In place of a JobFailed, raises the cause where it is known: memory, a stop, the server's reason."""
        self._stop()
        if self.ending and self.ending.reason == "memory":
            raise JobFailed("AlgorithmError: The server needed more memory than its instance type has")
        if not isinstance(error, JobFailed):
            return
        self._job.raise_if_stopping()
        if reason := text_of(self._ml / "output/failure").replace(str(self._ml), ML)[:900]:
            raise JobFailed(f"AlgorithmError: {self._ended_when}: {reason}") from None

    def wait_until_ready(self, seconds: float = PING_SECONDS) -> None:
        """Ping until it answers with 200. Raises JobFailed where it ends before or takes longer, or JobStopped."""
        deadline = time.monotonic() + seconds
        while True:
            self._job.raise_if_stopping()
            if self._ended():
                lines = "\n".join(list(self._log.tail)[-5:])
                raise JobFailed(f"AlgorithmError: {self._ended_when}: {lines}")
            try:
                if self.request("GET", "/ping", ONE_PING).status == 200:
                    self._ended_when = "The model's server failed"
                    return
            except NoResponse:
                pass
            if time.monotonic() > deadline:
                raise JobFailed(
                    f"AlgorithmError: The model's server did not answer /ping with 200 within {seconds:g} s"
                )
            time.sleep(0.05)

    def invoke(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Response:
        """The response to a POST to /invocations, whatever its status. Raises NoResponse."""
        return self._client.request("POST", "/invocations", body, headers, seconds)

    def request(self, method: str, path: str, seconds: float) -> Response:
        """The response to a request without a body. Raises NoResponse."""
        return self._client.request(method, path, seconds=seconds)

    def _start(self) -> None:
        if not self._network and not self._builds_offline():
            raise JobFailed(OFFLINE)
        code = self._prepare()
        sandbox = self._platform.sandbox(
            self._job,
            self._container["Image"],
            code / "requirements.txt",
            self._log,
            folder=self._folder,
            shared={"server": self._sockets},
        )
        launch = sandbox.launch(sandbox.isolation.serving(sandbox.image), self._variables)
        self._process = self._job.start(launch, None, self._instance)
        self._reading = threading.Thread(target=self._log.read, args=(self._process.output, self._process.poll))
        self._reading.start()

    def _stop(self) -> None:
        self._client.close()
        if self._process:
            self._process.kill()
            self._reading.join()
            self.ending = self._job.wait(self._process)
            self._process = None
        remove(self._sockets)

    def _prepare(self) -> Path:
        """Fill /opt/ml with the model and its script. Returns the folder of the script's source."""
        ml, s3, check = self._ml, self._platform.s3, self._job.raise_if_stopping
        for name in ("model", "code", "output"):
            (ml / name).mkdir(parents=True)
        if "ModelDataUrl" in self._container:
            url = self._container["ModelDataUrl"]
            transfers.download(s3, url, self._folder / "archive", check)
            archives.unpack(transfers.only(self._folder / "archive", url), ml / "model")
        submitted = self._variables.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if submitted.startswith("s3://"):
            transfers.download(s3, submitted, self._folder / "source", check)
            archives.unpack(transfers.only(self._folder / "source", submitted), ml / "code")
            self._variables["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
            return ml / "code"
        code = ml / (submitted or f"{ML}/model/code").removeprefix(f"{ML}/")
        if not code.resolve().is_relative_to(ml.resolve()):
            raise JobFailed(f"ClientError: SAGEMAKER_SUBMIT_DIRECTORY '{submitted}' is not below /opt/ml")
        return code

    def _builds_offline(self) -> bool:
        """Whether AWS's container would start without a network. Other images are not known to need one."""
        # pip's variable is the inverse of its name: 0, no, false and off switch build isolation off
        off = self._variables.get("PIP_NO_BUILD_ISOLATION", "").strip().lower() in ("0", "no", "false", "off", "n", "f")
        return off or "scikit-learn" not in image_name(self._container["Image"])

    def _ended(self) -> bool:
        """Whether it has ended, or says why it cannot serve: the container's server then goes on without a model."""
        failed = (self._ml / "output/failure").exists(follow_symlinks=False)
        return failed or self._process is None or self._process.poll() is not None
