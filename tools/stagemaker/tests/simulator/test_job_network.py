"""Jobs can reach only the simulator, if it was started with jobs_can_call and the job has no network isolation."""

import json
from collections.abc import Iterator

import pytest
from stagemaker_support.docker_engine import IMAGE, REPOSITORY, engine
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import output
from stagemaker_support.sandbox import ISOLATIONS, SANDBOX
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import completed

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


def make_simulator(isolation: str, jobs_can_call: bool) -> Simulator:
    if isolation == "docker":
        return Simulator(engine="docker", jobs_can_call=jobs_can_call)
    return Simulator(isolation=isolation, jobs_can_call=jobs_can_call)


@pytest.fixture(params=ISOLATION_PARAMETERS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Return a client of a simulator that jobs can call."""
    image = {}
    if request.param == "docker":
        build(engine(), REPOSITORY, IMAGE, "equivalent", print)
        image = {"image": IMAGE}
    with make_simulator(request.param, True) as simulator:
        yield Client(simulator, **image)


def test_jobs_and_servers_call_the_simulator_with_their_role(client: Client) -> None:
    job = client.process(CALLING_SCRIPT)
    assert job["ProcessingJobStatus"] == "Completed", job
    role = ROLE_ARN.rpartition("/")[2]
    assert f":assumed-role/{role}/" in output(client, "ProcessingJob", job["ProcessingJobName"])
    assert client.get(f"s3://{BUCKET}/written") == b"by a job"
    job = client.train(CALLING_SCRIPT.replace("written", "trained"))
    assert job["TrainingJobStatus"] == "Completed", job
    assert client.get(f"s3://{BUCKET}/trained") == b"by a job"
    variables = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": client.source(inference=HOOKS),
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    data = job["ModelArtifacts"]["S3ModelArtifacts"]
    container = {"Image": client.image, "ModelDataUrl": data, "Environment": variables}
    client.sagemaker.create_model(ModelName="reader", ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    endpoints = Endpoints(client)
    endpoint = endpoints.create(endpoints.config(variant("reader")))
    response = endpoints.invoke(endpoint, "trained", ContentType="text/csv", Accept="text/csv")
    assert response["Body"].read() == b"by a job"
    assert completed(client, "reader", {"key.csv": "written"}) == [b"by a job"]


def test_a_job_cannot_make_the_simulator_start_containers_or_send_requests(client: Client) -> None:
    script = """
import boto3
from botocore.exceptions import ClientError
for service, operation, members in (
    ("batch", "create_compute_environment", {"computeEnvironmentName": "x", "type": "UNMANAGED"}),
    ("lambda", "list_functions", {}),
    ("sns", "create_topic", {"Name": "x"}),
    ("ec2", "run_instances", {"MinCount": 1, "MaxCount": 1}),
):
    try:
        getattr(boto3.client(service), operation)(**members)
    except ClientError as error:
        print(service, error.response["Error"]["Code"])
"""
    job = client.process(script)
    refusals = output(client, "ProcessingJob", job["ProcessingJobName"]).splitlines()
    assert refusals == [f"{service} NotImplemented" for service in ("batch", "lambda", "sns", "ec2")]


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_no_image_is_pulled_for_a_job_that_could_choose_the_registry() -> None:
    with make_simulator("docker", True) as simulator:
        job = Client(simulator, image="127.0.0.1:1/chosen:1").process("")
    assert "is not on this machine; `docker pull` it, because --network simulator does not" in job["FailureReason"]


def test_a_job_with_network_isolation_cannot_call_the_simulator(client: Client) -> None:
    job = client.process(INSPECTION_SCRIPT, NetworkConfig={"EnableNetworkIsolation": True})
    assert output(client, "ProcessingJob", job["ProcessingJobName"]).splitlines() == [
        "['AWS_DEFAULT_REGION', 'AWS_REGION']",
        "False",
    ]
    job = client.train(INSPECTION_SCRIPT, EnableNetworkIsolation=True)
    log = output(client, "TrainingJob", job["TrainingJobName"])
    assert "AWS_ENDPOINT_URL" not in log
    assert "\nFalse\n" in log


@pytest.mark.parametrize("isolation", ISOLATION_PARAMETERS)
def test_jobs_get_no_endpoint_url_without_jobs_can_call(isolation: str) -> None:
    image = {"image": IMAGE} if isolation == "docker" else {}
    with make_simulator(isolation, False) as simulator:
        client = Client(simulator, **image)
        job = client.process(INSPECTION_SCRIPT)
        assert "AWS_ENDPOINT_URL" not in output(client, "ProcessingJob", job["ProcessingJobName"])


@pytest.mark.parametrize("isolation", [pytest.param("required", marks=SANDBOX)])
def test_jobs_reach_nothing_but_the_simulator(isolation: str) -> None:
    """A job can reach only the bridge, neither the simulator's own port nor anything else on this machine."""
    with Simulator(isolation=isolation, jobs_can_call=True) as simulator:
        client = Client(simulator)
        script = f"""
import json, os, socket
def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
print(json.dumps([can_connect(4566), can_connect({simulator.port}), os.listdir("/sys/class/net")
    if os.path.exists("/sys/class/net") else []]))
try:
    open("/run/simulator/file", "w")
except OSError as error:
    print(error.strerror)
"""
        job = client.process(script)
        first_line, second_line = output(client, "ProcessingJob", job["ProcessingJobName"]).splitlines()
        assert json.loads(first_line)[:2] == [True, False]
        assert second_line == "Read-only file system"
