"""The GitHub Action's step as a runner runs it, and the Dockerfile's image as a Docker engine runs it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.docker_engine import engine
from stagemaker_support.job_traces import wait_until

PROGRAM = "import boto3; print(boto3.client('sagemaker').list_models()['Models'])"
CONFLICTING_VARIABLES = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_PROFILE": "work"}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return a runner's environment variables; afterwards, stop the simulator that a step started."""
    files = {name: str(tmp_path / name.lower()) for name in ("GITHUB_ENV", "GITHUB_PATH")}
    yield {"RUNNER_TEMP": str(tmp_path), "PYTHON": sys.executable, "IMAGES": "", "OPTIONS": ""} | files
    pid = tmp_path / "stagemaker/pid"
    if pid.exists() and psutil.pid_exists(process_id := int(pid.read_text())):
        os.kill(process_id, signal.SIGTERM)


@pytest.mark.slow
def test_the_steps_that_follow_call_the_simulator(runner: dict[str, str]) -> None:
    command, workflow = ["bash", str(ROOT / "action.sh")], environment() | CONFLICTING_VARIABLES
    subprocess.run(command, env=workflow | runner | {"GITHUB_ACTION_PATH": str(ROOT)}, check=True, timeout=600)
    lines = Path(runner["GITHUB_ENV"]).read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    command = [sys.executable, "-c", f"{PROGRAM}; print(len(boto3.client('s3').list_buckets()['Buckets']))"]
    result = subprocess.run(command, env=workflow | variables, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "[]\n1\n"), result.stderr
    folder = Path(Path(runner["GITHUB_PATH"]).read_text().strip())
    assert [path.name for path in folder.iterdir()] == ["stagemaker"], "the steps have their own Python"
    command = [str(folder / "stagemaker"), "ls"]
    assert subprocess.run(command, env=environment() | variables, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("options", ["--variables v.sh", "--port 0 --variables=v.sh"])
def test_a_step_that_would_write_the_variables_elsewhere_fails_at_once(runner: dict[str, str], options: str) -> None:
    command, variables = ["bash", str(ROOT / "action.sh")], {"OPTIONS": options, "PYTHON": "false"}
    result = subprocess.run(command, env=environment() | runner | variables, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "remove --variables from its options" in result.stderr


@pytest.mark.slow
def test_a_step_whose_options_are_wrong_fails(runner: dict[str, str]) -> None:
    command, variables = ["bash", str(ROOT / "action.sh")], {"OPTIONS": "--port none", "GITHUB_ACTION_PATH": str(ROOT)}
    result = subprocess.run(
        command, env=environment() | runner | variables, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 1
    assert "'none' is not a valid integer" in result.stderr


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_the_image_serves_all_clients_that_reach_its_port() -> None:
    client = engine()
    image, _ = client.images.build(path=str(ROOT), tag="stagemaker-test/service", rm=True)
    container = client.containers.run(image, detach=True, init=True, ports={"5000/tcp": ("127.0.0.1", 5000)})
    try:
        wait_until(lambda: container.reload() or container.health == "healthy")
        variables = {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        command = [sys.executable, "-c", PROGRAM]
        result = subprocess.run(command, env=environment() | variables, capture_output=True, text=True, timeout=60)
        assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr
    finally:
        container.remove(force=True, v=True)
