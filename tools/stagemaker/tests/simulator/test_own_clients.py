"""Neither a proxy nor the caller's AWS configuration affects the simulator's own clients."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest
from botocore.errorfactory import ClientExceptionsFactory
from stagemaker_support import SEARCH_PATH
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.simulator_client import Client

from stagemaker.server import Simulator

PROGRAM = """
import io, json
from stagemaker_support.simulator_client import Client
from stagemaker.server import BUCKET, Simulator
with Simulator(isolation="off") as simulator:
    client = Client(simulator)
    client.s3.upload_fileobj(io.BytesIO(b"text"), BUCKET, "file")
    job = client.process("print('hello')", ProcessingInputs=[])
    assert job["ProcessingJobStatus"] == "Completed", job
    events = client.logs.filter_log_events(logGroupName="/aws/sagemaker/ProcessingJobs")["events"]
    simulator.client("sts").get_caller_identity()
    simulator.client("ecr").describe_repositories()
    metrics = simulator.client("cloudwatch").list_metrics(Namespace="/aws/sagemaker/ProcessingJobs")["Metrics"]
    text = client.get(f"s3://{BUCKET}/file").decode()
    names = sorted(metric["MetricName"] for metric in metrics)
    print(json.dumps([text, [event["message"] for event in events], names]))
"""
# Each of these environment variables makes a botocore client fail or use another address.
HARMFUL_VARIABLES = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "x",
    "AWS_CA_BUNDLE": "nope",
    "AWS_DATA_PATH": "nope",
    "AWS_DEFAULTS_MODE": "x",
    "AWS_DEFAULT_REGION": "nowhere",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "x",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "x",
    "AWS_METADATA_SERVICE_TIMEOUT": "x",
    "AWS_REGION": "nowhere",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "x",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "x",
    "AWS_RETRY_MODE": "x",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "x",
    "AWS_STS_REGIONAL_ENDPOINTS": "x",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
}
LOCAL_SERVICE_MODEL = {"version": "2.0", "metadata": {"endpointPrefix": "x"}, "operations": {}, "shapes": {}}


def assert_program_works(**variables: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment() | {"PYTHONPATH": SEARCH_PATH} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert json.loads(result.stdout) == ["text", ["hello"], ["CPUUtilization", "MemoryUtilization"]]


def test_no_proxy_is_used() -> None:
    """The simulator's clients never connect to the proxy that the environment variables name."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        connections = []

        def accept_connections() -> None:
            while True:
                try:
                    connections.append(proxy.accept())
                except OSError:
                    return

        threading.Thread(target=accept_connections, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        assert_program_works(
            **{name: address for variable in names for name in (variable, variable.lower())}, NO_PROXY="", no_proxy=""
        )
        proxy.shutdown(socket.SHUT_RDWR)
    assert not connections


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_client_with_the_simulators_environment_variables_uses_no_proxy(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "a.example")
    variables = client.simulator.variables()
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert boto3.Session().client("s3").list_buckets()["Buckets"]
    assert variables["NO_PROXY"] == "a.example,127.0.0.1"


def test_a_profile_that_does_not_exist_has_no_effect() -> None:
    assert_program_works(AWS_PROFILE="nope")


def test_environment_variables_that_break_other_clients_have_no_effect() -> None:
    assert_program_works(**HARMFUL_VARIABLES)


def test_a_broken_configuration_and_a_local_service_model_have_no_effect(tmp_path: Path) -> None:
    aws = tmp_path / ".aws"
    model = aws / "models/sagemaker/2099-01-01"  # where `aws configure add-model` stores a model
    model.mkdir(parents=True)
    (aws / "config").write_text("[default\nregion = broken")
    (aws / "credentials").write_text("[default]\naws_access_key_id\n")
    (model / "service-2.json").write_text(json.dumps(LOCAL_SERVICE_MODEL))
    assert_program_works(HOME=str(tmp_path))


def test_threads_get_the_same_exception_classes() -> None:
    """botocore makes the classes when one is first asked for; two threads at once would each make their own."""
    with (
        Simulator(isolation="off") as simulator,
        patch.object(ClientExceptionsFactory, "_create_client_exceptions") as make,
    ):
        client = simulator.client("sagemaker")
        made = make.call_count
        assert client.exceptions
        assert make.call_count == made > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config", "credentials"])
def test_broken_files_named_by_environment_variables_have_no_effect(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("[default\n")
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[name]
    assert_program_works(**{variable: str(tmp_path / name)})
