"""A version of SageMaker's SDK as an outside user runs it: a simulator in another process, and only its variables.

Run by make test-sdk in an environment for each version, which has none of the project's packages.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv/bin/python"
SIMULATE = [PYTHON, "-m", "recore", "simulate", "--json"]
SANDBOX = "from recore.simulator.isolation.bubblewrap import bubblewrap_works; raise SystemExit(not bubblewrap_works())"
LOCAL = ("127.0.0.1", "localhost", "::1")


@pytest.fixture(scope="session", autouse=True)
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A simulator's variables, exported. Nothing else of AWS is set, and there are no settings in the home folder."""
    process = subprocess.Popen(SIMULATE, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "SAGEMAKER_", "SM_")):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        try:
            printed = json.loads(process.stdout.readline())
            for name, value in printed.items():
                patch.setenv(name, value)
            yield printed
            assert process.poll() is None, f"the simulator ended by itself: {process.returncode}"
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def sandbox() -> None:
    """For tests with scripts in which /opt/ml is written: without a sandbox, a job's files are elsewhere."""
    if subprocess.run([PYTHON, "-c", SANDBOX], cwd=ROOT).returncode:
        pytest.skip("bubblewrap does not work here: install it, or allow user namespaces")


@pytest.fixture(autouse=True)
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which anything, telemetry included, asks for another machine."""
    look_up, asked = socket.getaddrinfo, []

    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in LOCAL:
            asked.append(host)
            raise socket.gaierror(f"{host} is not this machine")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)
    yield
    assert asked == []


@pytest.fixture
def s3(variables: dict[str, str]) -> Any:
    import boto3

    return boto3.client("s3")
