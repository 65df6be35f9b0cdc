"""How the sitecustomize module that the simulator puts on PYTHONPATH affects users' Python programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from stagemaker_support.checkout import environment
from stagemaker_support.simulator_client import Client

from stagemaker.server import CLIENTS

# Like the SDK, this program uses explicit regional addresses.
IDENTITY_PROGRAM = """
import boto3
for address in {addresses}:
    client = boto3.Session().client("sts", endpoint_url=address)
    print(client.meta.endpoint_url)
    if client.meta.endpoint_url.startswith("http://127.0.0.1:"):
        identity = client.get_caller_identity()
        print(identity["Account"], identity["Arn"])
"""
STS_ADDRESS = "https://sts.us-east-1.amazonaws.com"


def run_program(program: str, **variables: str) -> tuple[list[str], str]:
    """Run a program with additional environment variables; return the lines that it printed and its standard error."""
    process = subprocess.run(
        [sys.executable, "-c", program], env=environment() | variables, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines(), process.stderr


def test_explicit_aws_addresses_are_redirected_to_the_simulator(client: Client) -> None:
    addresses = [STS_ADDRESS, f"{STS_ADDRESS}/", "https://sts.amazonaws.com", "https://sts.cn-north-1.amazonaws.com.cn"]
    lines, _ = run_program(IDENTITY_PROGRAM.format(addresses=addresses), **client.simulator.variables())
    role = "arn:aws:sts::123456789012:assumed-role/SageMakerRole/simulate"
    assert lines == [client.simulator.endpoint, f"123456789012 {role}"] * 4


def test_other_addresses_and_services_are_not_redirected(client: Client) -> None:
    program = f"""
import boto3
for service, address in (("sts", "https://sts.example.com"), ("sts", None), ("iam", "{STS_ADDRESS}")):
    print(boto3.client(service, endpoint_url=address).meta.endpoint_url)
"""
    lines, _ = run_program(program, **client.simulator.variables())
    assert lines == ["https://sts.example.com", client.simulator.endpoint, STS_ADDRESS]


def test_without_an_endpoint_nothing_is_redirected() -> None:
    variables = {"PYTHONPATH": str(CLIENTS), "AWS_DEFAULT_REGION": "us-east-1"}
    lines, _ = run_program(IDENTITY_PROGRAM.format(addresses=[STS_ADDRESS]), **variables)
    assert lines == [STS_ADDRESS]


def test_an_existing_sitecustomize_is_executed(tmp_path: Path) -> None:
    """The existing module is executed, and it is the one that `import sitecustomize` returns."""
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


def test_the_callers_python_path_is_kept(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/a:/b")
    assert client.simulator.variables()["PYTHONPATH"] == f"{CLIENTS}:/a:/b"
    monkeypatch.setenv("PYTHONPATH", client.simulator.variables()["PYTHONPATH"])
    assert client.simulator.variables()["PYTHONPATH"] == f"{CLIENTS}:/a:/b"
