"""Run SageMaker's SDK as an outside user does: with a simulator in another process and only its environment variables.

`make test-sdk` runs these tests in one environment for each version of the SDK, without any of the project's packages.
"""

import json
import os
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
PYTHON = ROOT / ".venv/bin/python"
SIMULATE = [PYTHON, "-m", "stagemaker", "start", "--json"]
SANDBOX = "from stagemaker import sandbox_works; raise SystemExit(not sandbox_works())"
LOCAL = ("127.0.0.1", "localhost", "::1")


def simulate(*options: object) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start a simulator in a separate process; return the process and the environment variables that it prints."""
    process = subprocess.Popen([*SIMULATE, *map(str, options)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


@pytest.fixture(scope="session", autouse=True)
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Export a simulator's environment variables. No other AWS variables are set, and the home folder is empty."""
    process, exported = simulate()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "SAGEMAKER_", "SM_")):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name, value in exported.items():
            patch.setenv(name, value)
        try:
            yield exported
            assert process.poll() is None, f"the simulator ended unexpectedly, with exit status {process.returncode}"
        finally:
            process.terminate()
            process.wait(60)


class RestartableSimulator:
    """A simulator with a state folder that can be killed and started again at the same address."""

    def __init__(self, state: Path, patch: pytest.MonkeyPatch):
        self._options, self._patch, self._port = ("--state", state), patch, 0

    def start(self) -> None:
        self._process, exported = simulate(*self._options, "--port", self._port)
        self._port = urllib.parse.urlsplit(exported["AWS_ENDPOINT_URL"]).port
        for name, value in exported.items():
            self._patch.setenv(name, value)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def restartable_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestartableSimulator]:
    """Start a simulator and export its environment variables for this test."""
    simulator = RestartableSimulator(tmp_path / "state", monkeypatch)
    simulator.start()
    yield simulator
    simulator.kill()


@pytest.fixture(scope="session")
def sandbox() -> None:
    """Skip a test whose scripts contain /opt/ml if there is no sandbox, because a job's files are then elsewhere."""
    if subprocess.run([PYTHON, "-c", SANDBOX], cwd=ROOT).returncode:
        pytest.skip("bubblewrap does not work here: install it, or allow user namespaces")


@pytest.fixture(autouse=True)
def no_outside_lookups(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which anything, including telemetry, looks up another host."""
    look_up, hosts = socket.getaddrinfo, []

    def look_up_local(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in LOCAL:
            hosts.append(host)
            raise socket.gaierror(f"{host} is not this machine")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_local)
    yield
    assert hosts == []


@pytest.fixture
def s3(variables: dict[str, str]) -> Any:
    import boto3

    return boto3.client("s3")
