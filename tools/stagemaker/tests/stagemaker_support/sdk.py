"""Run clients as a user does, with a simulator in another process and only the simulator's environment variables.

`make test-sdk` runs each client's tests in a separate environment, without any of the project's packages.
"""

import importlib.metadata
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[4]
PYTHON = ROOT / ".venv/bin/python"
START_COMMAND = [PYTHON, "-m", "stagemaker", "start", "--json"]
SANDBOX = "from stagemaker import sandbox_works; raise SystemExit(not sandbox_works())"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
INSTANCE = "ml.m5.large"
# a model that multiplies a row's sum by the hyperparameter
MODEL = """
import argparse, os, pathlib

def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "factor").read_text())

def predict_fn(rows, factor):
    return factor * rows.sum(axis=1)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float)
    factor = parser.parse_known_args()[0].factor
    print(f"loss={factor / 10}")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "factor").write_text(str(factor))
"""
CLIENTS = {"sagemaker-train": "v3", "sagemaker": "v", "ml2p": "ml2p", "apache-airflow-providers-amazon": "airflow"}


def installed_client() -> str:
    """Return the installed client: v1, v2 or v3 of the SDK, ml2p, airflow, or "" for none."""
    for package, client in CLIENTS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        return client + version[0] if client == "v" else client
    return ""


def simulate(*options: object) -> tuple[subprocess.Popen[str], dict[str, str]]:
    process = subprocess.Popen([*START_COMMAND, *map(str, options)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


@pytest.fixture(scope="session", autouse=True)
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Export a simulator's environment variables. No other AWS variables are set, and the home folder is empty."""
    process, values = simulate()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("AWS_", "SAGEMAKER_", "SM_")):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name, value in values.items():
            patch.setenv(name, value)
        try:
            yield values
            assert process.poll() is None, f"the simulator ended unexpectedly, with exit status {process.returncode}"
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def sandbox() -> None:
    """Skip a test whose scripts use /opt/ml if there is no sandbox, because a job's files are then elsewhere."""
    if subprocess.run([PYTHON, "-c", SANDBOX], cwd=ROOT).returncode:
        pytest.skip("bubblewrap does not work here: install it, or allow user namespaces")


@pytest.fixture(autouse=True)
def no_outside_lookups(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which anything, including telemetry, looks up another host."""
    look_up, hosts = socket.getaddrinfo, []

    def look_up_local(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in LOCAL_HOSTS:
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


def wait_for_execution(execution: Any, seconds: float = 400) -> dict[str, Any]:
    """Wait until an execution has ended; return its description. The SDK's wait does not support the status Stopped."""
    deadline = time.monotonic() + seconds
    while (description := execution.describe())["PipelineExecutionStatus"] in ("Executing", "Stopping"):
        assert time.monotonic() < deadline, description
        time.sleep(0.2)
    return description


def steps_of(execution: Any) -> dict[str, dict[str, Any]]:
    """Return all steps by name, without the kind that SDK 2 appends to names. The SDK's method returns only ten."""
    import boto3

    paginator = boto3.client("sagemaker").get_paginator("list_pipeline_execution_steps")
    pages = paginator.paginate(PipelineExecutionArn=execution.arn)
    return {item["StepName"].partition("-")[0]: item for page in pages for item in page["PipelineExecutionSteps"]}
