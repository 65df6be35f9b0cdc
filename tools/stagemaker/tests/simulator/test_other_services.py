"""AWS services besides SageMaker: required ones are simulated, others are rejected, and none contacts another host."""

import contextlib
import http.client
import logging
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.control_plane import AUTHORIZATION
from stagemaker_support.documented_tables import PAGE
from stagemaker_support.simulator_client import Client, rejection
from stagemaker_support.simulator_process import SimulatorProcess, simulator_process

from stagemaker.protocol.account import ACCOUNT, REGION
from stagemaker.server import BUCKET
from stagemaker.services.moto_inside import SERVICES

ARN = f"arn:aws:%s:{REGION}:{ACCOUNT}:%s"
Rejected = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("s3", "list_buckets", "Buckets"),
        ("sts", "get_caller_identity", "Account"),
        ("iam", "list_roles", "Roles"),
        ("logs", "describe_log_groups", "logGroups"),
        ("cloudwatch", "list_metrics", "Metrics"),
        ("events", "list_rules", "Rules"),
        ("ecr", "describe_repositories", "repositories"),
        ("kms", "create_key", "KeyMetadata"),
    ],
)
def test_services_that_programs_need_respond(service: str, operation: str, member: str, client: Client) -> None:
    assert member in getattr(client.simulator.client(service), operation)()


def test_the_table_in_operations_md_lists_these_services() -> None:
    section = PAGE.read_text("utf-8").partition("\n## Other services\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| [^|]+ \| `(\w+)` \|", section, re.MULTILINE) == list(SERVICES)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("batch", "describe_job_definitions"),  # REST with JSON
        ("sns", "list_topics"),  # forms and XML
        ("dynamodb", "list_tables"),  # JSON
        ("route53", "list_hosted_zones"),  # REST with XML
    ],
)
def test_other_services_are_rejected_by_name(service: str, operation: str, client: Client) -> None:
    with pytest.raises(ClientError) as excinfo:
        getattr(client.simulator.client(service), operation)()
    error = excinfo.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("NotImplemented", 501)
    assert f"does not support {service}; besides SageMaker, it supports ecr, events, iam" in error["Error"]["Message"]
    assert error["ResponseMetadata"]["RetryAttempts"] == 0


def exchange(
    port: int, path: str, service: str = "", method: str = "POST", body: bytes = b"", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if service:
        headers["Authorization"] = AUTHORIZATION.format(service)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response, response.read()


def send(port: int, path: str, service: str = "", **request: Any) -> int:
    """Send a raw HTTP request and return the response's status."""
    return exchange(port, path, service, **request)[0].status


def test_only_the_aws_services_in_the_table_respond(client: Client) -> None:
    session = botocore.session.get_session()
    names = {session.get_service_model(name).signing_name for name in ("batch", "lambda", "sns", "sqs", "events")}
    names |= {path.name for path in Path(botocore.__file__).with_name("data").iterdir() if path.is_dir()}
    rejected_names = names - SERVICES.keys() - {"sagemaker", "sagemaker-runtime", "sagemaker-metrics"}
    rejected_names -= {name for name in rejected_names if name.startswith("sagemaker")}
    assert len(rejected_names) > 300
    port = client.simulator.port
    assert {name for name in rejected_names if send(port, "/", name) != 501} == set()
    for service in ("lambda", "batch", "sns"):
        credential = f"x%2F20260101%2Fus-east-1%2F{service}%2Faws4_request"
        assert send(port, f"/?X-Amz-Credential={credential}", method="GET") == 501
        assert send(port, f"/{service}_us-east-1/x", method="GET") == 404  # a bucket


def call(service: str, operation: str, **request: Any) -> Rejected:
    return lambda client: getattr(client(service), operation)(**request)


def target(service: str, resource: str, rule: str = "other") -> Rejected:
    return call("events", "put_targets", Rule=rule, Targets=[{"Id": "1", "Arn": ARN % (service, resource)}])


def notification(kind: str, service: str) -> Rejected:
    member = "LambdaFunctionArn" if kind == "LambdaFunction" else f"{kind}Arn"
    configurations = [{member: ARN % (service, "x"), "Events": ["s3:ObjectCreated:*"]}]
    members = {f"{kind}Configurations": configurations}
    return call("s3", "put_bucket_notification_configuration", Bucket=BUCKET, NotificationConfiguration=members)


BUS = ARN % ("events", "event-bus/default")
BATCH = call("batch", "create_compute_environment", computeEnvironmentName="x", type="UNMANAGED", serviceRole="x")
DESTINATION = {"ConnectionArn": ARN % ("events", "connection/x/1"), "InvocationEndpoint": "https://page.example"}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x", "ApiKeyValue": "x"}}
SUBSCRIPTION = {"logGroupName": "x", "filterName": "x", "filterPattern": ""}
OUTBOUND_REQUESTS = [
    BATCH,
    call("events", "create_api_destination", Name="x", HttpMethod="GET", **DESTINATION),
    call("events", "create_connection", Name="x", AuthorizationType="API_KEY", AuthParameters=KEY),
    target("sqs", "queue"),
    target("lambda", "function:x"),
    target("events", "event-bus/default"),
    target("events", "api-destination/x/1"),
    target("events", "event-bus/default", "Events-Archive-kept"),
    call("logs", "put_subscription_filter", destinationArn=ARN % ("logs", "log-group:x"), **SUBSCRIPTION),
    notification("LambdaFunction", "lambda"),
    notification("Topic", "sns"),
    notification("Queue", "sqs"),
]


def test_connections_to_other_hosts_are_rejected(client: Client) -> None:
    events = client.simulator.client("events")
    events.put_rule(Name="other", EventPattern='{"source": ["x"]}')
    events.create_archive(ArchiveName="kept", EventSourceArn=BUS)
    for ask in OUTBOUND_REQUESTS:
        assert "The simulator does not support" in rejection(ask, client.simulator.client, code="NotImplemented")
    assert client.put("afterwards", b"x")  # a notification would be sent now


def subscribe(simulator: SimulatorProcess, url: str) -> None:
    sns = simulator.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    sns.publish(TopicArn=topic, Message="x")


def test_no_request_makes_the_simulator_connect_to_another_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        address = f"127.0.0.1:{trap.getsockname()[1]}"
        variables = {"DOCKER_HOST": f"tcp://{address}", "MOTO_EVENTS_INVOKE_HTTP": "true"}
        with simulator_process(tmp_path, **variables) as simulator:
            rejection(subscribe, simulator, f"http://{address}", code="NotImplemented")
            rejection(BATCH, simulator.client, code="NotImplemented")
            send(simulator.port, "/moto-api/recorder/start-recording")
            send(simulator.port, "/bucket", Host=address)
            assert send(simulator.port, "/moto-api/recorder/replay-recording") == 501
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_a_page_cannot_make_the_simulator_record_requests(client: Client) -> None:
    files = os.listdir()
    for site in ("cross-site", "same-site"):
        for path in ("/moto-api/recorder/start-recording", "/moto-api/", "/", f"/{BUCKET}/key"):
            assert send(client.simulator.port, path, method="GET", Sec_Fetch_Site=site) == 403
    for path in ("/moto-api", "/moto-api/", "/moto-api/data.json", "/moto-api/recorder/start-recording"):
        assert send(client.simulator.port, path, method="GET") == 501
    client.put("recorded", b"x")
    assert os.listdir() == files


def test_a_presigned_url_reaches_its_service(client: Client) -> None:
    for service, operation, status in (
        ("sts", "get_caller_identity", 200),
        ("iam", "list_roles", 200),
        ("lambda", "list_functions", 501),
        ("sagemaker", "list_models", 501),
    ):
        url = client.simulator.client(service).generate_presigned_url(operation)
        path = url.removeprefix(client.simulator.endpoint)
        assert send(client.simulator.port, path, method="GET") == status, url


def test_a_role_is_assumed_without_a_signature(client: Client) -> None:
    sts = client.simulator.client("sts")
    role = {"RoleArn": ARN.replace(REGION, "") % ("iam", "role/x"), "RoleSessionName": "some"}
    role["WebIdentityToken"] = "token"
    assert sts.assume_role_with_web_identity(**role)["Credentials"]["AccessKeyId"]


FORM_WITH_A_STATUS = (
    b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x\r\nContent-Disposition: form-data; '
    b'name="success_action_status"\r\n\r\nabc\r\n--x\r\nContent-Disposition: form-data; name="file"; '
    b'filename="f"\r\n\r\n1\r\n--x--\r\n'
)
FORM = {"Content_Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "?delete", b"hi", {}, 400),
        ("POST", "?delete", b"<Delete><Object><Key>a&#0;b</Key></Object></Delete>", {}, 400),
        ("POST", "", b"--x--", FORM, 400),
        ("POST", "/key", b"", {}, 400),
        ("PATCH", "/key", b"", {}, 501),
        ("PUT", "/key?partNumber=abc&uploadId=x", b"", {}, 400),
        ("POST", "/key?uploadId=x", b"<CompleteMultipartUpload>", {}, 400),
        ("GET", "/named?response-content-type=a%0d%0aSet-Cookie:%20x", b"", {}, 400),
        ("GET", "/named?response-content-type=%e2%82%ac", b"", {}, 400),
        ("POST", "", FORM_WITH_A_STATUS, FORM, 400),
    ],
)
def test_a_malformed_request_to_s3_gets_an_error_in_xml_and_one_line_in_the_log(
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.put("named", b"x")
    response, content = exchange(client.simulator.port, f"/{BUCKET}{path}", "s3", method, body, **headers)
    assert (response.status, b"<Error><Code>" in content) == (status, True), content
    assert response.getheader("Set-Cookie") is None
    assert "Traceback" not in caplog.text
    assert len(caplog.text.splitlines()) <= 1, caplog.text


@pytest.mark.parametrize(
    ("path", "service", "headers"),
    [
        ("/latest/meta-data/", "", {}),
        ("/favicon.ico", "", {}),
        ("/nonsense_us-east-1/x", "", {}),
        ("/", "logs", {}),
        ("/x", "sts", {}),
        ("/", "iam", {"Content_Type": "application/x-www-form-urlencoded"}),
        ("/", "events", {"X_Amz_Target": "AWSEvents.Dig"}),
        (f"/{BUCKET}", "s3", {"Content_Type": "multipart/form-data; boundary=x"}),
        (f"/{BUCKET}", "", {}),
        ("/%00", "ecr", {"X_Amz_Target": "\t"}),
    ],
)
def test_an_unexpected_error_in_moto_is_one_line_in_the_log(
    path: str, service: str, headers: dict[str, str], client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        status = send(client.simulator.port, path, service, **headers)
    assert 400 <= status <= 501
    lines = "".join(caplog.handler.format(record) for record in caplog.records).splitlines()
    assert len(lines) <= 1, lines
    assert not any(re.search("Traceback", line) for line in lines)
