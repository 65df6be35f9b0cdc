"""The simulator: one loopback port that serves SageMaker and, through moto, other AWS services."""

import contextlib
import io
import json
import os
import re
import secrets
import signal
import socket
import string
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from werkzeug.test import create_environ, run_wsgi_app

from stagemaker import locked
from stagemaker.api.application import Application
from stagemaker.api.console import PATH as CONSOLE_PATH
from stagemaker.api.console import Console
from stagemaker.api.http_server import HttpServer
from stagemaker.api.responses import disk_error, error_response
from stagemaker.compute.files.removal import remove
from stagemaker.compute.platform import Platform
from stagemaker.compute.queue import JobQueue
from stagemaker.isolation import network, socket_folder
from stagemaker.isolation.bubblewrap import NoSandboxError, find_bubblewrap
from stagemaker.isolation.sandbox import Isolation
from stagemaker.isolation.unsandboxed import Unsandboxed
from stagemaker.protocol.account import BUCKET, REGION, ROLE, ROLE_ARN
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.session import simulator_session
from stagemaker.resources.registry import make_resources
from stagemaker.resources.resource import Resource
from stagemaker.services.s3_contents import contents
from stagemaker.state.database import Database
from stagemaker.state.records import Store
from stagemaker.state.state_folder import State, Wsgi

CLIENT_CONFIG = Config(proxies={}, read_timeout=90)  # no proxy; an invocation may take a minute
# for the simulator's own requests, which do not leave this process: an error would be the same at the next attempt
INTERNAL_CONFIG = Config(
    retries={"total_max_attempts": 1},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# tells the service of an unsigned request; the signature is not checked
S3_HEADERS = {"Authorization": f"AWS4-HMAC-SHA256 Credential=simulator/20260101/{REGION}/s3/aws4_request"}
SDK_SETTINGS = "sagemaker.yaml"
CONFLICTING_VARIABLES = re.compile("AWS_(DEFAULT_)?PROFILE|AWS_ENDPOINT_URL_[A-Z0-9_]+")
LOOPBACK, ANY_ADDRESS = "127.0.0.1", ("0.0.0.0", "::")  # noqa: S104
TRUST_STATEMENT = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [TRUST_STATEMENT]})  # the role's trust policy
CLIENTS = Path(__file__).parent / "clients"  # a folder for PYTHONPATH: its sitecustomize.py redirects STS clients


class Simulator:
    """SageMaker, simulated locally while the context is open. On exit, it ends its processes and removes its folders.

    engine: "process" or "docker". isolation: "required" (fail without bubblewrap), "auto" or "off". jobs_can_call:
    whether jobs without EnableNetworkIsolation can call this simulator, as jobs on AWS can call AWS. state: a folder
    that keeps S3 objects and records. allow_reset: whether POST /moto-api/reset empties the simulator. host: the
    address to listen on; anyone who can reach an address other than the default can run code here. allow_host:
    additional host names that requests may use. console: whether to serve a web page at `console_address`.
    console_actions: whether the page offers to stop jobs, approve models and send requests. All simulators in a process
    share S3 and the other services. Entering raises NoSandboxError if isolation is required and bubblewrap does not
    work, and OSError if no Docker engine responds, the folder or port is in use, or this process ignores SIGCHLD.
    """

    isolation: Isolation  # this attribute and the next two exist while the context is open
    folder: Path
    port: int
    _open_simulators: ClassVar[set["Simulator"]] = set()  # all simulators of a process share moto's services
    _moto_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        port: int = 0,
        isolation: str = "auto",
        state: Path | None = None,
        engine: str = "process",
        jobs_can_call: bool = False,
        allow_reset: bool = False,
        host: str = LOOPBACK,
        allow_host: Sequence[str] = (),
        console: bool = False,
        console_actions: bool = False,
    ) -> None:
        self._settings = port, isolation, engine
        self._host, self._allowed_hosts = host, allow_host
        self._jobs_can_call, self._allow_reset = jobs_can_call, allow_reset
        self._console, self._console_actions = console, console_actions
        self._network: network.Network | None = None
        self._reset_lock = threading.Lock()
        self._state = State(state) if state else None
        self._session, self._client_lock = simulator_session(), threading.Lock()

    def __enter__(self) -> "Simulator":
        self._exit_stack = contextlib.ExitStack()  # undoes every step, even if undoing another step is interrupted
        try:
            self._start(self._exit_stack)
            return self
        except BaseException:
            self._exit_stack.close()
            raise

    def __exit__(self, *error: object) -> None:
        self._exit_stack.close()

    def _start(self, exit_stack: contextlib.ExitStack) -> None:
        """Start the simulator.

        It handles requests after it has restored an earlier simulator's records. `_prepare` restores S3 objects later.
        Each step registers its clean-up. The next simulator removes the remains of an interrupted start.
        """
        if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
            fix = "call signal.signal(signal.SIGCHLD, signal.SIG_DFL) first"
            raise OSError(f"this process ignores SIGCHLD, so that it would not notice the end of a job; {fix}")
        port, isolation, engine = self._settings
        self._prepared, self._credentials = False, _make_credentials()
        self.isolation = _choose_isolation(engine, isolation, self._jobs_can_call, exit_stack)
        exit_stack.callback(self._release_moto)
        if self._state:
            exit_stack.enter_context(self._state)
        self.folder, lock = locked.make(Path(tempfile.gettempdir()), "stagemaker-jobs-", "")
        exit_stack.callback(lock.close)
        exit_stack.callback(remove, self.folder)
        self._sockets, lock = socket_folder.make()
        exit_stack.callback(lock.close)
        exit_stack.callback(remove, self._sockets)
        listener = exit_stack.enter_context(_listen(self._host, port))
        self.port = listener.getsockname()[1]
        if not Simulator._open_simulators:
            if moto_inside := sys.modules.get("stagemaker.services.moto_inside"):
                moto_inside.reset()
            contents.open()
        Simulator._open_simulators.add(self)
        if self._state:
            self._store = self._state.records
        else:
            self._store = Store(exit_stack.enter_context(contextlib.closing(Database.open_in_memory())))
        self._handle: Wsgi = lambda environ, start_response: self._application(environ, start_response)
        if self._state:
            self._handle = self._state.write_through(
                self._handle, lambda error: error_response(disk_error(error), "s3")
            )
            self._state.check()
        servers = [HttpServer(self._handle, listener)]
        if self._jobs_can_call:
            folder = self._sockets / "simulator"
            servers.append(HttpServer(self._handle, exit_stack.enter_context(network.listen(folder))))
            self._network = network.Network(folder, self.endpoint, self._job_variables())
        resources = self._make_application()
        self._write_sdk_settings()
        exit_stack.callback(lambda: self._jobs.close())  # again, because a late reset begins a new queue
        for server in servers:
            exit_stack.callback(server.close)
        exit_stack.callback(lambda: self._jobs.close())  # while the servers still run: jobs can be making requests
        for resource in resources:
            resource.resume()
        for server in servers:
            server.start()

    def _make_application(self) -> list[Resource]:
        self._jobs = JobQueue(self.folder)
        platform = Platform(self._store, self._jobs, self._internal_client, self.isolation, self.folder, self._sockets)
        platform.network = self._network
        resources = make_resources(platform)
        ports = [self.port, network.PORT] if self._jobs_can_call else [self.port]
        health = {"isolation": self.isolation.name, "isolation_enforced": self.isolation_enforced}
        reset = self.reset if self._allow_reset else None
        console = Console(self._console_actions) if self._console else None
        self._application = Application(
            resources, (self._host, *self._allowed_hosts), ports, health, self._prepare, reset, console
        )
        return resources

    def _prepare(self) -> None:
        """Restore S3 objects, and create a bucket and a role, before the first request to another service.

        `_start` does not call this method, because importing moto takes a second. Raises OSError if a file is missing.
        """
        if self._prepared:
            return
        from stagemaker.services import moto_inside

        with Simulator._moto_lock:
            if self._prepared:
                return
            if self._state:
                self._state.restore()
            moto_inside.create_bucket(BUCKET)
            moto_inside.create_role(ROLE, TRUST_POLICY)
            moto_inside.create_session(ROLE_ARN, "simulate", self._credentials)
            self._prepared = True

    def reset(self) -> None:
        """Delete all objects and records, and end all jobs. Raises ServiceError while another reset is in progress."""
        if not self._reset_lock.acquire(blocking=False):  # waiting would occupy threads that the reset needs
            raise ServiceError("ConflictException", "Another reset is in progress", 409)
        from stagemaker.services import moto_inside

        try:
            self._prepare()
            self._jobs.close()
            moto_inside.reset(self._credentials["AccessKeyId"])
            self._store = self._store.replace()
            self._make_application()
            moto_inside.create_role(ROLE, TRUST_POLICY)
        finally:
            self._reset_lock.release()

    def _release_moto(self) -> None:
        Simulator._open_simulators.discard(self)
        if not Simulator._open_simulators:
            contents.close()

    @property
    def isolation_enforced(self) -> bool:
        """Whether isolation restricts jobs to their own files."""
        return self.isolation.enforced

    @property
    def endpoint(self) -> str:
        host = LOOPBACK if self._host in ANY_ADDRESS else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def console_address(self) -> str | None:
        """The console's address, or None if it is off or if browsers would block it because the host is not local."""
        is_local = self._host in ("localhost", LOOPBACK, "::1", *ANY_ADDRESS)
        return f"{self.endpoint}{CONSOLE_PATH}" if self._console and is_local else None

    def client(self, service: str) -> Any:
        """Return a boto3 client that ignores the caller's environment and configuration."""
        return self._make_client(service, CLIENT_CONFIG)

    def _make_client(self, service: str, config: Config) -> Any:
        with self._client_lock:  # sessions are not thread-safe
            client = self._session.client(service, endpoint_url=self.endpoint, config=config)
            client._endpoint.is_simulators = True  # the pytest plugin does not reject it
            _ = client.exceptions  # created at first use: threads that use it at once would get different classes
            return client

    def _internal_client(self, service: str) -> Any:
        """Return a client for jobs and orchestration.

        Do not call S3 within a transaction of the store: a thread that is restoring S3 may be waiting for the
        transaction.
        """
        client = self._make_client(service, INTERNAL_CONFIG)
        call_directly(client, self._handle)
        return client

    def variables(self) -> dict[str, str]:
        """Return the environment variables that make boto3, the AWS CLI and the SageMaker SDK use this simulator.

        Proxies are bypassed. The credentials belong to a role session, because SDK programs look up their role.
        """
        unproxied_hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        url = urlsplit(self.endpoint)
        # Python compares IPv6 addresses with brackets, other programs without
        simulator_hosts = ",".join(dict.fromkeys((LOOPBACK, url.hostname or "", url.netloc.rpartition(":")[0])))
        no_proxy = f"{unproxied_hosts},{simulator_hosts}" if unproxied_hosts else simulator_hosts
        folders = [str(CLIENTS), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        return {
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(folders)),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_ACCESS_KEY_ID": self._credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self._credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": self._credentials["SessionToken"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,  # which the SDKs for other languages read
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.folder / SDK_SETTINGS),
            "SAGEMAKER_VALIDATE_ROLE": "false",
        }

    @staticmethod
    def conflicting_variables() -> list[str]:
        """Return the names of environment variables that would direct clients to a different endpoint."""
        return [name for name in os.environ if CONFLICTING_VARIABLES.fullmatch(name)]

    def _job_variables(self) -> dict[str, str]:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EC2_METADATA_DISABLED")
        variables = self.variables()
        return {name: variables[name] for name in names} | dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")

    def _write_sdk_settings(self) -> None:
        role = {"RoleArn": ROLE_ARN}
        settings = {
            "PythonSDK": {"Modules": {"Session": {"DefaultS3Bucket": BUCKET}, "TelemetryOptOut": True}},
            "TrainingJob": role,
            "ProcessingJob": role,
            "Pipeline": role,
            "Model": {"ExecutionRoleArn": ROLE_ARN},
        }
        # JSON is also YAML
        (self.folder / SDK_SETTINGS).write_text(json.dumps({"SchemaVersion": "1.0", "SageMaker": settings}))


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address. The IPv6 wildcard address includes IPv4 if the system supports it."""
    is_dual = host == "::" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024, dualstack_ipv6=is_dual)


def _make_credentials() -> dict[str, str]:
    characters = string.ascii_uppercase + string.digits
    return {
        "AccessKeyId": "ASIA" + "".join(secrets.choice(characters) for _ in range(16)),
        "SecretAccessKey": secrets.token_urlsafe(30),
        "SessionToken": secrets.token_urlsafe(60),
    }


def _choose_isolation(engine: str, isolation: str, jobs_can_call: bool, exit_stack: contextlib.ExitStack) -> Isolation:
    if engine == "docker":
        # imported here because Docker's SDK need not be installed otherwise
        from stagemaker.isolation.containers import Docker, docker_client, sweep

        client = exit_stack.enter_context(docker_client())
        sweep(client)
        # a job that calls the simulator could choose the registry, and thus an address, that the engine connects to
        return Docker(client, pull_images=not jobs_can_call)
    bubblewrap = None if isolation == "off" else find_bubblewrap()
    if isolation == "required" and bubblewrap is None:
        raise NoSandboxError
    return bubblewrap or Unsandboxed()


class ResponseBody(io.BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def call_directly(client: Any, application: Wsgi) -> None:
    """Make an internal client call the application without a connection.

    Its requests do not need a thread of the HTTP server, so they work while all threads are busy or not yet started.
    """

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url, body = urlsplit(request.url), request.body or b""
        content = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else body
        environ = create_environ(
            f"{url.path}?{url.query}",
            f"http://{url.netloc}",
            # the body ends by itself, so that it is not copied
            environ_base={"REMOTE_ADDR": "127.0.0.1", "wsgi.input_terminated": True},
            headers=S3_HEADERS
            | {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()},
            input_stream=io.BytesIO(content),
            content_length=len(content),
            method=request.method,
        )
        chunks, status, headers = run_wsgi_app(application, environ, buffered=True)
        return AWSResponse(request.url, int(status.split()[0]), headers, ResponseBody(b"".join(chunks)))

    client.meta.events.register("before-send", send)
    # a signature would need the hash of an object's content
    client.meta.events.register("choose-signer.s3.PutObject", lambda **_: UNSIGNED)
