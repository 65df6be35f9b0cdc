"""A reset: the request that test suites send to moto's server also empties a simulator that allows resets."""

import http.client
from pathlib import Path
from types import SimpleNamespace

import boto3
import psutil
from stagemaker_support.control_plane import send_request
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import Pipelines, model
from stagemaker_support.simulator_client import Client
from stagemaker_support.simulator_process import simulator_process
from stagemaker_support.start_command import start

from stagemaker.protocol.account import BUCKET, ROLE

SLEEPING_SCRIPT = "import time; print('it sleeps', flush=True); time.sleep(600)"
POLICY = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
LISTS = {
    "list_endpoints": "Endpoints",
    "list_model_package_groups": "ModelPackageGroupSummaryList",
    "list_models": "Models",
    "list_pipelines": "PipelineSummaries",
    "list_processing_jobs": "ProcessingJobSummaries",
}


def send_reset(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/moto-api/reset")
    response = connection.getresponse()
    assert response.read() == b'{"status": "ok"}'  # like the response of moto's server
    return response.status


def test_a_reset_ends_all_work_and_deletes_everything(tmp_path: Path) -> None:
    with simulator_process(tmp_path) as simulator:
        client, processes = Client(simulator), psutil.Process(simulator.process.pid).children
        endpoints, packages, pipelines = Endpoints(client), Packages(client), Pipelines(client)
        endpoints.create(endpoints.config(variant(endpoints.named("a"))))
        packages.version(packages.group())
        execution = pipelines.start(pipelines.create(pipelines.processing("S", SLEEPING_SCRIPT), model("M", "S")))
        pipelines.wait_for(execution, "S")
        client.put("large", b"x" * (1 << 20))
        assert processes(recursive=True)
        assert send_reset(simulator.port) == 200
        wait_until(lambda: not processes(recursive=True))
        assert client.s3.list_buckets()["Buckets"] == []
        assert client.logs.describe_log_groups()["logGroups"] == []
        resources = {name: getattr(client.sagemaker, name)()[member] for name, member in LISTS.items()}
        assert not any(resources.values()), resources
    assert list((tmp_path / "s3").iterdir()) == []
    with simulator_process(tmp_path) as simulator:  # the restart restores only the default bucket
        client = Client(simulator)
        assert [bucket["Name"] for bucket in client.s3.list_buckets()["Buckets"]] == [BUCKET]
        assert client.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
        assert client.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_after_a_reset_the_simulator_works_and_its_variables_are_valid(tmp_path: Path) -> None:
    process, variables = start("--allow-reset", "--isolation", "off", folder=tmp_path)
    names = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "DEFAULT_REGION")
    session, endpoint = boto3.Session(*(variables[f"AWS_{name}"] for name in names)), variables["AWS_ENDPOINT_URL"]
    simulator = SimpleNamespace(client=lambda service: session.client(service, endpoint_url=endpoint))
    with process:
        client, iam = Client(simulator), simulator.client("iam")
        for _ in range(2):
            assert f":assumed-role/{ROLE}/" in simulator.client("sts").get_caller_identity()["Arn"]
            assert send_reset(int(endpoint.rpartition(":")[2])) == 200
            client.s3.create_bucket(Bucket=BUCKET)
            iam.attach_role_policy(RoleName=ROLE, PolicyArn=POLICY)
            assert iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"][0]["PolicyArn"] == POLICY
            assert iam.get_policy(PolicyArn=POLICY)["Policy"]["AttachmentCount"] == 1
            iam.create_user(UserName="me")
            iam.attach_user_policy(UserName="me", PolicyArn=POLICY.replace("SageMaker", "S3"))
            assert iam.list_policies(Scope="AWS", MaxItems=1)["IsTruncated"]
            assert iam.list_policies(Scope="Local")["Policies"] == []
        assert client.process("print('done')")["ProcessingJobStatus"] == "Completed"
        assert [role["RoleName"] for role in iam.list_roles()["Roles"]] == [ROLE]
        process.terminate()


def test_a_reset_must_be_allowed_and_a_post_request(client: Client) -> None:
    url = client.put("kept", b"x")
    assert send_request(client, path="/moto-api/reset")[0] == 403
    assert send_request(client, path="/moto-api/reset", method="GET")[0] == 405
    assert client.get(url) == b"x"
