"""Servers for a submission: one that is already running, our serving program as a process, and our container image."""

import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from stagemaker_support.checkout import CONTAINER, environment

SUBMISSIONS = Path(__file__).parent / "submissions"
IMAGE = "recore/sagemaker-scikit-learn:1.9-0-cpu-py3"
URL = os.environ.get("CONFORMANCE_URL", "")  # the address of a server that is already running
SUBMISSION = os.environ.get("CONFORMANCE_SUBMISSION", "")  # the submission that the server at CONFORMANCE_URL serves

# Marks a case that our servers must fail and any other server must pass.
differs = partial(pytest.mark.xfail, not URL, strict=True)


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def content_type(self) -> str:
        return self.headers["Content-Type"] or ""


@dataclass
class Server:
    host: str
    port: int

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def request(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        with closing(self.connection()) as connection:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def post(self, body: object, content_type: str = "text/csv", **headers: str) -> Response:
        return self.request("POST", "/invocations", body, Content_Type=content_type, **headers)

    def wait(self, is_running: Callable[[], bool]) -> None:
        """Wait until the server itself (not a proxy in front of it) responds or has exited. Neither is an error."""
        deadline = time.monotonic() + 120
        while is_running():
            try:
                if self.request("GET", "/ping").status != 502:
                    return
            except (OSError, http.client.HTTPException):
                pass
            assert time.monotonic() < deadline, "the server did not respond in time"
            time.sleep(0.05)


def environment_file(submission: str) -> dict[str, str]:
    """Return the environment variables in a submission's environment.txt (the format of `docker run --env-file`)."""
    lines = (SUBMISSIONS / submission / "environment.txt").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def at_url(submission: str, folder: Path) -> Iterator[Server]:
    """Yield the server at CONFORMANCE_URL, after waiting at most 5 s for a response."""
    address = urlsplit(URL)
    server = Server(address.hostname or "", address.port or 80)
    deadline = time.monotonic() + 5  # a server at CONFORMANCE_URL should already be listening
    server.wait(lambda: time.monotonic() < deadline)
    yield server


@contextmanager
def process(submission: str, folder: Path) -> Iterator[Server]:
    shutil.copytree(SUBMISSIONS / submission, folder / "model/code")
    settings = {name: value.replace("/opt/ml", str(folder)) for name, value in environment_file(submission).items()}
    server = Server("127.0.0.1", free_port())
    command = [sys.executable, "-P", str(CONTAINER / "serving.py"), "--bind", f"127.0.0.1:{server.port}"]
    variables = environment() | {"SAGEMAKER_BASE_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | settings
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log) as program,
    ):
        try:
            server.wait(lambda: program.poll() is None)
            yield server
        finally:
            program.terminate()


@contextmanager
def container(submission: str, folder: Path) -> Iterator[Server]:
    docker = pytest.importorskip("docker")
    try:
        engine = docker.from_env()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine responds: {error}")
    with closing(engine):
        try:
            engine.images.get(IMAGE)
        except docker.errors.ImageNotFound:
            pytest.skip(f"the image {IMAGE} is missing: see the Dockerfile for how to build it")
        server = Server("127.0.0.1", free_port())
        docker_container = engine.containers.create(
            IMAGE,
            "serve",
            environment=environment_file(submission),
            ports={"8080/tcp": ("127.0.0.1", server.port)},
            volumes={str(SUBMISSIONS / submission): {"bind": "/opt/ml/model/code", "mode": "ro"}},
        )

        def is_running() -> bool:
            docker_container.reload()
            return docker_container.status in ("created", "running")

        try:
            docker_container.start()
            server.wait(is_running)
            yield server
        finally:
            docker_container.remove(force=True, v=True)


STARTERS = {"url": at_url, "process": process, "docker": container}
