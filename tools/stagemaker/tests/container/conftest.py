"""Servers and training jobs that run from a copy of stagemaker/container alone, as in an image."""

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from stagemaker_support.checkout import CONTAINER, environment


@pytest.fixture(scope="session")
def program_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "container"
    shutil.copytree(CONTAINER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def write_files(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass
class Response:
    status: int
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Server:
    """A running server. base: the folder that it uses as /opt/ml. log: the file that receives its stdout and stderr."""

    process: subprocess.Popen[bytes]
    address: Path | int
    base: Path
    log: Path

    def connection(self) -> http.client.HTTPConnection:
        if isinstance(self.address, int):
            return http.client.HTTPConnection("127.0.0.1", self.address, timeout=60)
        return UnixConnection(self.address)

    def request(self, method: str, path: str, body: object = None, **headers: str) -> Response:
        with closing(self.connection()) as connection:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return Response(response.status, response.headers["Content-Type"], response.read())

    def post(self, body: object, content_type: str = "text/csv", **headers: str) -> Response:
        return self.request("POST", "/invocations", body, Content_Type=content_type, **headers)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve(program_folder: Path, socket_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function that starts a server, on a Unix socket or a port, and by default waits until it responds."""
    servers = []

    def start(
        module: str = "",
        files: dict[str, str] | None = None,
        tcp: bool = False,
        code: str = "model/code",
        stderr: socket.socket | None = None,  # receives stderr instead of the log
        hooks: str | None = None,  # the file with a different image's default hooks
        folders: tuple[str, ...] = (),  # additional folders
        wait: bool = True,
        **settings: str,
    ) -> Server:
        base = tmp_path_factory.mktemp("ml")
        write_files(base / code, ({"inference.py": module} if module else {}) | (files or {}))
        for name in ("model", *folders):
            (base / name).mkdir(exist_ok=True)
        address = free_port() if tcp else Path(tempfile.mkdtemp(dir=socket_folder)) / "socket"
        bind = f"127.0.0.1:{address}" if tcp else f"unix:{address}"
        env = environment() | {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_MODEL_SERVER_WORKERS": "1"} | settings
        log = base.with_suffix(".log")
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", str(program_folder / "serving.py"), "--bind", bind]
                + (["--hooks", str(program_folder / hooks)] if hooks else []),
                env=env,
                cwd=tmp_path_factory.mktemp("cwd"),
                stdout=output,
                stderr=stderr or output,
            )
        server = Server(process, address, base, log)
        servers.append(server)
        deadline = time.monotonic() + 120
        while wait:
            try:
                server.request("GET", "/ping")
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        return server

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.terminate()
    for server in servers:
        server.process.wait(60)


@dataclass
class JobResult:
    code: int
    stdout: str
    stderr: str
    failure: str | None
    base: Path


@dataclass
class Job:
    """A training job's folders. `run` runs the training program in them."""

    program_folder: Path
    base: Path
    python: str | Path = sys.executable

    def script(self, content: str, hosts: tuple[str, ...] = ("algo-1",), **hyperparameters: str) -> None:
        source = write_files(self.base.parent / "source", {"script.py": content})
        program = {"sagemaker_program": "script.py", "sagemaker_submit_directory": str(source)}
        channels = {folder.name: {"TrainingInputMode": "File"} for folder in self.base.glob("input/data/*")}
        config = {
            "hyperparameters.json": program | hyperparameters,
            "resourceconfig.json": {"current_host": hosts[0], "hosts": hosts},
            "inputdataconfig.json": channels,
        }
        write_files(self.base / "input/config", {name: json.dumps(value) for name, value in config.items()})

    def start(self, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, "-P", str(self.program_folder / "script_mode.py")],
            env=environment() | {"SAGEMAKER_BASE_DIR": str(self.base)} | env,
            cwd=self.base.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )

    def run(self, **env: str) -> JobResult:
        with self.start(**env) as process:
            return self.wait(process)

    def wait(self, process: subprocess.Popen[str]) -> JobResult:
        stdout, stderr = process.communicate(timeout=60)
        failure = self.base / "output/failure"
        reason = failure.read_text() if failure.exists() else None
        return JobResult(process.returncode, stdout, stderr, reason, self.base)


@pytest.fixture
def job(program_folder: Path, tmp_path: Path) -> Job:
    return Job(program_folder, tmp_path / "ml")
