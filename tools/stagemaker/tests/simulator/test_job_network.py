"""Jobs can reach only the simulator, and only with jobs_can_call and without network isolation."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from stagemaker_support.docker_engine import IMAGE, REPOSITORY, engine
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.sandbox import ISOLATIONS, needs_sandbox
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import container, create_model, run_batch

from stagemaker.isolation.containers import build
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

DOCKER = [pytest.mark.machine, pytest.mark.xdist_group("docker")]
ISOLATION_PARAMETERS = [*ISOLATIONS, pytest.param("docker", marks=DOCKER)]
CALLING_SCRIPT = f"""
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
boto3.client("s3").put_object(Bucket="{BUCKET}", Key="written", Body=b"by a job")
"""
HOOKS = f"""
import boto3
def model_fn(model_dir): return boto3.client("s3")
def transform_fn(s3, data, content_type, accept):
    key = data if isinstance(data, str) else data.decode()
    return s3.get_object(Bucket="{BUCKET}", Key=key)["Body"].read().decode()
"""
INSPECTION_SCRIPT = """
import os, socket
print(sorted(name for name in os.environ if name.startswith("AWS_")))
print(os.path.exists("/run/simulator"))
"""


@contextmanager
def simulator_client(isolation: str) -> Iterator[Client]:
    """Yield a client of a simulator that jobs can call, or skip the test if a required Docker engine is missing."""
    if isolation == "docker":
        engine()
    settings = {"engine": "docker"} if isolation == "docker" else {"isolation": isolation}
    with Simulator(jobs_can_call=True, **settings) as simulator:
        yield Client(simulator, **({"image": IMAGE} if isolation == "docker" else {}))


@pytest.fixture(scope="module", params=ISOLATION_PARAMETERS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    if request.param == "docker":
        build(engine(), REPOSITORY, IMAGE, "equivalent", print)
    with simulator_client(request.param) as client:
        yield client


def test_jobs_and_servers_call_the_simulator_with_their_role(client: Client) -> None:
    job = client.process(CALLING_SCRIPT)
    assert job["ProcessingJobStatus"] == "Completed", job
    role = ROLE_ARN.rpartition("/")[2]
    assert f":assumed-role/{role}/" in client.log(job)
    assert client.get(f"s3://{BUCKET}/written") == b"by a job"
    job = client.train(CALLING_SCRIPT.replace("written", "trained"))
    assert job["TrainingJobStatus"] == "Completed", job
    assert client.get(f"s3://{BUCKET}/trained") == b"by a job"
    model = create_model(client, container(client, HOOKS, ModelDataUrl=job["ModelArtifacts"]["S3ModelArtifacts"]))
    endpoints = Endpoints(client)
    endpoint = endpoints.create(endpoints.config(variant(model)))
    response = endpoints.invoke(endpoint, "trained", ContentType="text/csv", Accept="text/csv")
    assert response["Body"].read() == b"by a job"
    assert run_batch(client, model, {"key.csv": "written"}) == [b"by a job"]


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_no_image_is_pulled_for_a_job_that_could_choose_the_registry() -> None:
    with simulator_client("docker") as client:
        job = Client(client.simulator, image="127.0.0.1:1/chosen:1").process("")
    assert "does not exist locally: run `docker pull 127.0.0.1:1/chosen:1`" in job["FailureReason"]


def test_a_job_with_network_isolation_cannot_call_the_simulator(client: Client) -> None:
    job = client.process(INSPECTION_SCRIPT, NetworkConfig={"EnableNetworkIsolation": True})
    assert client.log(job).splitlines() == ["['AWS_DEFAULT_REGION', 'AWS_REGION']", "False"]
    job = client.train(INSPECTION_SCRIPT, EnableNetworkIsolation=True)
    log = client.log(job)
    assert "AWS_ENDPOINT_URL" not in log
    assert "\nFalse\n" in log


@needs_sandbox
def test_jobs_reach_nothing_but_the_simulator() -> None:
    with simulator_client("required") as client:
        script = f"""
import json, os, socket
def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
print(json.dumps([can_connect(4566), can_connect({client.simulator.port})]))
try:
    open("/run/simulator/file", "w")
except OSError as error:
    print(error.strerror)
"""
        assert client.log(client.process(script)).splitlines() == ["[true, false]", "Read-only file system"]


KEYS = 'aws_access_key_id="x", aws_secret_access_key="x"'
PIP = 'import subprocess, sys; subprocess.check_call([sys.executable, "-m", "pip", "install", "sampleproject"])'
OPTION = "Jobs have no network here. With `--network simulator`"
ERRORS = [  # scripts, and the statuses of their jobs without and with jobs_can_call
    ('import boto3; boto3.client("s3").list_buckets()', "Failed", "Completed"),
    (f'import boto3; boto3.client("s3", {KEYS}).list_buckets()', "Failed", "Completed"),
    ('import requests; requests.get("https://pypi.org/simple")', "Failed", "Failed"),
    ('import urllib.request; urllib.request.urlopen("https://pypi.org")', "Failed", "Failed"),
    ('import socket; socket.create_connection(("192.0.2.1", 80))', "Failed", "Failed"),
    (PIP, "Failed", "Failed"),
]


@needs_sandbox
def test_the_reason_for_a_connection_error_names_what_helps() -> None:
    for jobs_can_call in (False, True):
        with Simulator(jobs_can_call=jobs_can_call, isolation="required") as simulator:
            client = Client(simulator)
            started = [client.process(script, wait=False)["ProcessingJobName"] for script, *_ in ERRORS]
            expected = "Jobs can call only this simulator here, at AWS_ENDPOINT_URL" if jobs_can_call else OPTION
            for (script, *statuses), name in zip(ERRORS, started, strict=True):
                job = client.wait("ProcessingJob", name)
                assert job["ProcessingJobStatus"] == statuses[jobs_can_call], (script, job)
                if job["ProcessingJobStatus"] == "Failed":
                    assert expected in job["FailureReason"], script
                    assert expected in client.log(job), script


@needs_sandbox
def test_an_option_is_not_recommended_if_it_would_not_help() -> None:
    with Simulator(isolation="required") as simulator:
        script, isolation = ERRORS[0][0], {"EnableNetworkIsolation": True}
        reason = Client(simulator).train(script, **isolation)["FailureReason"]
        assert "because its request contains EnableNetworkIsolation" in reason
        assert "--network" not in reason
        assert "--network" not in Client(simulator).process("raise ValueError('a name')")["FailureReason"]
