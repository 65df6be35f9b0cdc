"""`--engine aws` sends the same requests as a run in local processes. The tests run both against a simulator."""

import itertools
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from recore_support.tiny_submission import stub

from recore.cli import main
from recore.evaluation.job_requests import OUTPUTS
from stagemaker.protocol.service_model import operation_model, read_request
from stagemaker.server import BUCKET, Simulator

ROLE = "arn:aws:iam::111122223333:role/service-role/Jobs"
BUCKET_NAME = "someones-bucket"


@dataclass
class Session:
    """A command's result, and its clients' requests (service, operation and parameters)."""

    simulator: Simulator
    result: Result
    requests: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def requests_to(self, service: str, operation: str = "") -> list[dict[str, Any]]:
        return [request for kind, name, request in self.requests if kind == service and operation in name]


@pytest.fixture(scope="module")
def sessions(simulator: Simulator, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    """Return two runs: `local`, with --keep and no AWS options, and `aws`, with AWS options."""
    simulator.client("s3").create_bucket(Bucket=BUCKET_NAME)
    folder = stub(tmp_path_factory.mktemp("submission"))
    command = ["run", str(folder), "--isolation", "off", "--public", str(sample / "public/public.csv.gz")]
    private = ["--private", str(sample / "private/private.csv.gz"), "--actual", str(sample / "private/actual.csv.gz")]
    aws = ["--engine", "aws", "--role", ROLE, "--bucket", BUCKET_NAME, "--training-instances", "ml.c5.4xlarge:1"]
    aws += ["--processing-instances", "ml.c5.xlarge", "--transform-instances", "ml.m5.2xlarge"]
    return {
        name: run_and_record(simulator, [*command, *private, *options, "--out", str(folder / name)])
        for name, options in {"local": ["--keep"], "aws": aws}.items()
    }


def run_and_record(simulator: Simulator, command: list[str]) -> Session:
    requests = []

    def record(params: dict[str, Any], model: Any, **_: object) -> None:
        requests.append((model.service_model.service_name, model.name, dict(params)))

    environment = {"AWS_ENDPOINT_URL": simulator.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "some", "AWS_SECRET_ACCESS_KEY": "one"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto3.setup_default_session()
        boto3.DEFAULT_SESSION.events.register("before-parameter-build.*.*", record)
        try:
            return Session(simulator, CliRunner().invoke(main, command), requests)
        finally:
            boto3.DEFAULT_SESSION = None


def test_the_sandbox_and_aws_produce_the_same_scores(sessions: dict[str, Session]) -> None:
    tables = []
    for session in sessions.values():
        assert session.result.exit_code == 0, session.result.output
        tables.append(re.findall(r"^score .*", session.result.stdout, re.MULTILINE))
    assert tables[0] == tables[1]


def test_requests_differ_only_in_names_roles_and_instance_types(sessions: dict[str, Session]) -> None:
    local_requests, aws_requests = comparable_requests(sessions["local"]), comparable_requests(sessions["aws"])
    assert local_requests <= aws_requests
    removals = {request.split()[1] for request in aws_requests - local_requests}
    # not with --keep; objects that a scoring job read are removed by version
    assert removals == {"ListObjectsV2", "HeadObject", "DeleteObject", "DeleteObjects", "DeleteModel"}


def comparable_requests(session: Session) -> set[str]:
    """Return the requests as strings without duplicates, because the number of status requests depends on timing."""
    name = session.requests_to("sagemaker", "CreateModel")[0]["ModelName"]
    lines = set()
    for service, operation, request in session.requests:
        body = json.dumps({key: value for key, value in request.items() if key != "Body"}, sort_keys=True, default=str)
        for pattern, word in (
            (re.escape(name), "NAME"),
            (r"arn:aws:iam::[\w:/-]+", "ROLE"),
            (rf"\b({BUCKET_NAME}|{BUCKET})\b", "BUCKET"),
            (rf"{OUTPUTS}/NAME/[0-9a-f]{{32}}", "OUTPUTS"),
            (r'"ml\.[\w.]+"', "INSTANCE"),
            (r'"algo-1-\d+"|/algo-1-\d+', "STREAM"),
            (r'"(StartTime|EndTime)": "[^"]*"', "TIME"),
            (r'"nextToken": "[^"]*"', "TOKEN"),
        ):
            body = re.sub(pattern, word, body)
        lines.add(f"{service} {operation} {body}")
    return lines


def test_the_service_model_allows_the_requests(sessions: dict[str, Session]) -> None:
    for _, operation, request in (request for request in sessions["aws"].requests if request[0] == "sagemaker"):
        read_request(operation_model(operation), json.loads(json.dumps(request)))
    assert {operation for service, operation, _ in sessions["aws"].requests if service == "sagemaker"} == {
        *("CreateTrainingJob", "CreateProcessingJob", "CreateModel", "CreateTransformJob", "DeleteModel"),
        *("DescribeTrainingJob", "DescribeProcessingJob", "DescribeTransformJob"),
    }


def test_every_job_is_isolated_from_the_network(sessions: dict[str, Session]) -> None:
    session = sessions["aws"]
    jobs = [*session.requests_to("sagemaker", "CreateTrainingJob"), *session.requests_to("sagemaker", "CreateModel")]
    jobs += [request["NetworkConfig"] for request in session.requests_to("sagemaker", "CreateProcessingJob")]
    assert len(jobs) == 6
    assert all(request["EnableNetworkIsolation"] for request in jobs)


def test_options_reach_the_requests(sessions: dict[str, Session]) -> None:
    session = sessions["aws"]
    [training] = session.requests_to("sagemaker", "CreateTrainingJob")
    assert training["ResourceConfig"]["InstanceType"] == "ml.c5.4xlarge"
    assert {request["RoleArn"] for request in session.requests_to("sagemaker", "CreateProcessingJob")} == {ROLE}
    transforms = session.requests_to("sagemaker", "CreateTransformJob")
    assert {request["TransformResources"]["InstanceType"] for request in transforms} == {"ml.m5.2xlarge"}
    assert {request.get("Bucket") for request in session.requests_to("s3")} == {BUCKET_NAME}


def test_names_do_not_clash(sessions: dict[str, Session]) -> None:
    names = [session.requests_to("sagemaker", "CreateModel")[0]["ModelName"] for session in sessions.values()]
    assert len(set(names)) == 2
    assert all(len(f"{name}-private-preprocess") <= 63 for name in names)


def test_private_assays_are_on_s3_only_while_they_are_scored(sessions: dict[str, Session]) -> None:
    order = []
    for _, operation, request in sessions["aws"].requests:
        key = request.get("Key", "") or request.get("TransformJobName", "") or request.get("ProcessingJobName", "")
        if "private/actual" in key or "private-predict" in key or "private-score" in key:
            order.append(operation)
    assert [operation for operation, _ in itertools.groupby(order)] == [
        *("CreateTransformJob", "DescribeTransformJob", "PutObject"),
        *("CreateProcessingJob", "DescribeProcessingJob", "HeadObject", "DeleteObject"),
    ]


def test_objects_are_removed_unless_keep_is_set(sessions: dict[str, Session]) -> None:
    simulator = sessions["aws"].simulator
    names = {name: each.requests_to("sagemaker", "CreateModel")[0]["ModelName"] for name, each in sessions.items()}
    models = {model["ModelName"] for model in simulator.client("sagemaker").list_models()["Models"]}
    assert models & set(names.values()) == {names["local"]}
    kept = {
        name
        for name in names.values()
        for bucket in (BUCKET, BUCKET_NAME)
        if simulator.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"recore/{name}/")["KeyCount"]
    }
    assert kept == {names["local"]}


def test_the_possible_cost_is_announced_first(sessions: dict[str, Session]) -> None:
    lines = sessions["aws"].result.stderr.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("upload"))
    announcement = "\n".join(lines[:first])
    instances = ("1 x ml.c5.4xlarge", "1 x ml.c5.xlarge", "1 x ml.m5.2xlarge")
    for word in ("us-east-1", BUCKET_NAME, ROLE, *instances, "3600 s"):
        assert word in announcement
