"""`stagemaker exec`, and the commands for a running simulator: `ls`, `logs` and `stop`."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.job_traces import wait_until
from stagemaker_support.pipelines import SLEEPING_SCRIPT, Pipelines
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.server import Simulator

STAGEMAKER = [sys.executable, "-m", "stagemaker"]


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STAGEMAKER, *words], cwd=ROOT, env=environment() | variables, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Simulator() as simulator:
        yield Client(simulator)


def call(client: Client, *words: str) -> str:
    result = run(*words, **client.simulator.variables())
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_a_command_runs_with_a_simulator_and_passes_on_its_status(tmp_path: Path) -> None:
    program = "import boto3; print(boto3.client('sagemaker').list_models()['Models']); raise SystemExit(7)"
    result = run("exec", "--", sys.executable, "-c", program, TMPDIR=str(tmp_path))
    assert (result.returncode, result.stdout) == (7, "[]\n"), result.stderr
    assert not list(tmp_path.iterdir())
    result = run("exec", "--", "sh", "-c", "kill -9 $$")
    assert result.returncode == 128 + signal.SIGKILL
    result = run("exec", "--", "nowhere")
    assert (result.returncode, result.stderr) == (2, "stagemaker: there is no command 'nowhere'\n")


def test_a_signal_ends_the_command_and_its_simulator(tmp_path: Path) -> None:
    command = [*STAGEMAKER, "exec", "--", "sh", "-c", "echo $$; exec sleep 600"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment() | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    sleeping = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(sleeping, 0)
    assert not list(tmp_path.iterdir())


def test_jobs_are_listed_followed_and_stopped(client: Client) -> None:
    done = client.train("print('one line')")["TrainingJobName"]
    job = client.process(SLEEPING_SCRIPT, wait=False, seconds=600)
    assert "one line" in call(client, "logs", done).splitlines()
    wait_until(lambda: "InProgress" in call(client, "ls", "jobs"))
    listed = {item["name"]: item for item in json.loads(call(client, "ls", "--json"))}
    assert (listed[done]["kind"], listed[done]["status"]) == ("training", "Completed")
    name = job["ProcessingJobName"]
    follower = subprocess.Popen(
        [*STAGEMAKER, "logs", "--follow", name], env=environment() | client.simulator.variables()
    )
    assert call(client, "stop", name) == f"{name}: stopping\n"
    assert client.end(job)["ProcessingJobStatus"] == "Stopped"
    assert follower.wait(60) == 0
    newest, *_ = call(client, "ls").splitlines()
    assert newest.endswith(f"processing  Stopped    {name}")


def test_endpoints_and_executions_are_listed_and_stopped(client: Client) -> None:
    client.sagemaker.create_model(
        ModelName="m", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": client.put("m", "x")}
    )
    variant = {"VariantName": "one", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    client.sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="c")
    pipelines = Pipelines(client)
    execution = pipelines.start(pipelines.create(pipelines.processing("Sleep", SLEEPING_SCRIPT)))
    name = execution.partition(":pipeline/")[2]
    assert name in call(client, "ls", "pipelines")
    assert call(client, "stop", name) == f"{name}: stopping\n"
    pipelines.wait(execution, "Stopped")
    wait_until(lambda: "Creating" not in call(client, "ls", "endpoints"))
    assert "served" in call(client, "ls", "endpoints")


@pytest.mark.parametrize(
    ("words", "variables", "reason"),
    [
        (["ls"], {"AWS_ENDPOINT_URL": ""}, "AWS_ENDPOINT_URL is not set"),
        (["ls"], {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        (["ls", "--endpoint", "nowhere"], {}, "Invalid endpoint"),
    ],
)
def test_an_address_without_a_simulator_is_reported_in_one_line(
    words: list[str], variables: dict[str, str], reason: str
) -> None:
    result = run(*words, **variables)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert reason in result.stderr


def test_a_name_without_a_resource_is_reported_in_one_line(client: Client) -> None:
    for words in (["logs", "nothing"], ["stop", "nothing"]):
        result = run(*words, **client.simulator.variables())
        assert result.stderr == "stagemaker: there is no job or endpoint 'nothing': `stagemaker ls` lists them\n"
