"""The simulator's own clients, which ignore proxies and the caller's AWS configuration, and users' clients.

The sitecustomize module that the simulator puts on PYTHONPATH redirects clients from AWS endpoints to the simulator.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest
from botocore.errorfactory import ClientExceptionsFactory
from stagemaker_support import SEARCH_PATH
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.simulator_client import Client

from stagemaker.server import CLIENTS, Simulator

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
# Each of these environment variables makes a botocore client fail or use the wrong address.
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


@contextmanager
def proxy() -> Iterator[dict[str, str]]:
    """Yield environment variables that set a proxy; afterwards, assert that no client has connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        yield {name: address for variable in names for name in (variable, variable.lower())} | {
            "NO_PROXY": "",
            "no_proxy": "",
        }
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_client_with_the_variables_uses_no_proxy(client: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "a.example")
    variables = client.simulator.variables()
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert boto3.Session().client("s3").list_buckets()["Buckets"]
    assert variables["NO_PROXY"] == "a.example,127.0.0.1"


@pytest.mark.parametrize("source", ["variables", "home"])
def test_a_proxy_a_broken_configuration_and_a_local_service_model_have_no_effect(source: str, tmp_path: Path) -> None:
    aws = tmp_path / ".aws"
    model = aws / "models/sagemaker/2099-01-01"  # where `aws configure add-model` stores a model
    model.mkdir(parents=True)
    (aws / "config").write_text("[default\nregion = broken")
    (aws / "credentials").write_text("[default]\naws_access_key_id\n")
    (model / "service-2.json").write_text(json.dumps(LOCAL_SERVICE_MODEL))
    files = {"AWS_CONFIG_FILE": str(aws / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(aws / "credentials")}
    variables = {"HOME": str(tmp_path), "AWS_PROFILE": "nope"} if source == "home" else HARMFUL_VARIABLES | files
    with proxy() as proxy_variables:
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env=environment() | {"PYTHONPATH": SEARCH_PATH} | proxy_variables | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert result.returncode == 0, result.stderr[-3000:]
    assert json.loads(result.stdout) == ["text", ["hello"], ["CPUUtilization", "MemoryUtilization"]]


def test_threads_get_the_same_exception_classes() -> None:
    """By default, botocore creates the classes on first use, so concurrent threads can get different classes."""
    with (
        Simulator(isolation="off") as simulator,
        patch.object(ClientExceptionsFactory, "_create_client_exceptions") as make,
    ):
        client = simulator.client("sagemaker")
        call_count = make.call_count
        assert client.exceptions
        assert make.call_count == call_count > 0


# Like the SDK, this program uses explicit regional addresses.
IDENTITY_PROGRAM = """
import boto3
for service, address in {addresses}:
    client = boto3.Session().client(service, endpoint_url=address)
    print(client.meta.endpoint_url)
    if client.meta.endpoint_url.startswith("http://127.0.0.1:"):
        identity = client.get_caller_identity()
        print(identity["Account"], identity["Arn"])
"""
STS_ADDRESS = "https://sts.us-east-1.amazonaws.com"


def run_program(program: str, **variables: str) -> tuple[list[str], str]:
    process = subprocess.run(
        [sys.executable, "-c", program], env=environment() | variables, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines(), process.stderr


def test_only_explicit_aws_addresses_of_its_services_are_redirected_to_the_simulator(client: Client) -> None:
    aws = (STS_ADDRESS, f"{STS_ADDRESS}/", "https://sts.amazonaws.com", "https://sts.cn-north-1.amazonaws.com.cn", None)
    other_urls = [("sts", "https://sts.example.com"), ("iam", STS_ADDRESS)]
    addresses = [*(("sts", address) for address in aws), *other_urls]
    lines, _ = run_program(IDENTITY_PROGRAM.format(addresses=addresses), **client.simulator.variables())
    role = "arn:aws:sts::123456789012:assumed-role/SageMakerRole/simulate"
    assert lines == [*[client.simulator.endpoint, f"123456789012 {role}"] * 5, *(address for _, address in other_urls)]


def test_without_an_endpoint_nothing_is_redirected() -> None:
    variables = {"PYTHONPATH": str(CLIENTS), "AWS_DEFAULT_REGION": "us-east-1"}
    lines, _ = run_program(IDENTITY_PROGRAM.format(addresses=[("sts", STS_ADDRESS)]), **variables)
    assert lines == [STS_ADDRESS]


def test_an_existing_sitecustomize_is_executed(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nprint('theirs', __file__)\nNAME = 'theirs'\n")
    path = os.pathsep.join([str(CLIENTS), str(CLIENTS), str(tmp_path)])
    lines, errors = run_program("import sitecustomize\nprint(sitecustomize.NAME)", PYTHONPATH=path)
    assert lines == [f"theirs {tmp_path / 'sitecustomize.py'}", "theirs"]
    assert errors == ""


def test_a_failing_sitecustomize_is_reported_as_python_does(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("raise LookupError('theirs')\n")
    results = [
        run_program("print('started')", PYTHONPATH=os.pathsep.join(folders))
        for folders in ([str(tmp_path)], [str(CLIENTS), str(tmp_path)])
    ]
    assert results[0] == results[1]
    assert "LookupError: theirs" in results[0][1]


def test_the_python_path_of_the_caller_is_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/a:/b")
    assert client.simulator.variables()["PYTHONPATH"] == f"{CLIENTS}:/a:/b"
    monkeypatch.setenv("PYTHONPATH", client.simulator.variables()["PYTHONPATH"])
    assert client.simulator.variables()["PYTHONPATH"] == f"{CLIENTS}:/a:/b"
