"""Endpoint invocations: requests to the model, responses, errors, metrics and logs."""

import contextlib
import datetime
import http.client
import io
import json
import re
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.endpoints import NAMER, WAITER, Endpoints, variant
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import create_model

from stagemaker.api.http_server import WORKERS

MAX_BODY_SIZE = 26_214_400
# A script that executes the command in a request's body, or returns the body if it contains no command.
COMMAND_SCRIPT = """
import inspect, json, os, time

def model_fn(model_dir):
    return "model"

def input_fn(data, content_type):
    if content_type == "text/unknown":
        raise ValueError(f"no {content_type} here")
    if data == "headers":
        data = f"headers {content_type}"
    return data.encode() if isinstance(data, str) else data

def predict_fn(data, model):
    print("asked for", data[:20].decode("latin-1"), flush=True)
    command, _, value = data[:40].decode("latin-1").partition(" ")
    if command == "sleep":
        time.sleep(float(value))
    if command == "exit":
        os._exit(3)
    if command == "raise":
        raise LookupError("the request asked for an error")
    return data

class Response:
    def __init__(self, status, body, **headers):
        self.status, self.body, self.headers = status, body, headers

    def __call__(self, environ, start_response):
        start_response(self.status, [(name.replace("_", "-"), value) for name, value in self.headers.items()])
        return [self.body]

def output_fn(data, accept):
    command, _, value = data[:40].decode("latin-1").partition(" ")
    if command == "status":
        return Response(f"{value} Status", b"the model said this", Content_Type="text/plain")
    if command == "bytes":
        return Response("200 OK", bytes(int(value)), Content_Type="text/x")
    if command == "attributes":
        return Response("200 OK", b"", Content_Type="text/x", X_Amzn_SageMaker_Custom_Attributes=value)
    if command == "headers":  # hooks do not receive custom attributes: the server that calls this one has them
        frames = (frame.frame.f_locals.get("request", ()) for frame in inspect.stack())
        request = next(names for names in frames if "HTTP_HOST" in names)
        return json.dumps([value, accept, request["HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES"]]), accept
    return data, accept
"""


@pytest.fixture(scope="module")
def command_endpoint(endpoints: Endpoints) -> str:
    return endpoints.create(endpoints.config(variant(endpoints.model(COMMAND_SCRIPT))))


def error_response(call: Any, *arguments: Any, **request: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as excinfo:
        call(*arguments, **request)
    return excinfo.value.response


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)), b"a" * 3_000_000], ids=lambda body: str(len(body)))
def test_any_body_is_returned_unchanged(endpoints: Endpoints, command_endpoint: str, body: bytes) -> None:
    response = endpoints.invoke(command_endpoint, body, ContentType="application/octet-stream", Accept="text/csv")
    assert response["Body"].read() == body
    assert response["ContentType"].startswith("text/csv")
    assert response["InvokedProductionVariant"] == "one"
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-invoked-production-variant"] == "one"


def test_custom_attributes_are_passed_in_both_directions(endpoints: Endpoints, command_endpoint: str) -> None:
    response = endpoints.invoke(command_endpoint, "attributes trace=7, a b", CustomAttributes="c=1")
    assert response["CustomAttributes"] == "trace=7, a b"
    assert "CustomAttributes" not in endpoints.invoke(command_endpoint, "x", CustomAttributes="c=1")
    for members, expected in (
        ({"ContentType": "text/csv", "Accept": "text/x"}, ["text/csv", "text/x"]),
        ({"ContentType": "text/csv"}, ["text/csv", "application/json"]),
        ({"Accept": "*/*"}, ["application/json", "application/json"]),
    ):
        response = endpoints.invoke(
            command_endpoint, "headers", InferenceId="mine", CustomAttributes="a=b, c", **members
        )
        assert json.loads(response["Body"].read()) == [*expected, "a=b, c"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"CustomAttributes": "a" * 1025}, "1024"),
        ({"TargetVariant": "two"}, "has no variant two"),
        ({"TargetContainerHostname": "first"}, "TargetContainerHostname is not simulated"),
        ({"InferenceComponentName": "c"}, "InferenceComponentName is not simulated"),
        ({"EnableExplanations": "`true`"}, "EnableExplanations is not simulated"),
        ({"SessionId": "NEW_SESSION"}, "SessionId is not simulated"),
        ({"PrefixAwareId": "p"}, "PrefixAwareId is not simulated"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_invalid_requests_are_rejected(
    endpoints: Endpoints, command_endpoint: str, members: dict[str, str], reason: str
) -> None:
    response = error_response(endpoints.invoke, command_endpoint, "x", **members)
    assert response["Error"]["Code"] == "ValidationError"
    assert reason in response["Error"]["Message"]


def test_an_unknown_endpoint_is_rejected(endpoints: Endpoints) -> None:
    response = error_response(endpoints.invoke, "nowhere", "x")
    assert response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nowhere of account 123456789012 not found.",
    }
    invoke_async = endpoints.runtime.invoke_endpoint_async
    response = error_response(invoke_async, EndpointName="nowhere", InputLocation="s3://bucket/key")
    assert response["Error"]["Code"] == "NotImplemented"


def test_a_request_body_must_not_exceed_25_mib(endpoints: Endpoints, command_endpoint: str) -> None:
    assert len(endpoints.invoke(command_endpoint, bytes(MAX_BODY_SIZE))["Body"].read()) == MAX_BODY_SIZE
    for body in (bytes(MAX_BODY_SIZE + 1), io.BytesIO(bytes(MAX_BODY_SIZE + 1))):
        response = error_response(endpoints.invoke, command_endpoint, body)
        assert response["Error"]["Code"] == "ValidationError"
        assert str(MAX_BODY_SIZE) in response["Error"]["Message"]


def test_a_response_must_not_exceed_25_mib(endpoints: Endpoints, command_endpoint: str) -> None:
    assert len(endpoints.invoke(command_endpoint, f"bytes {MAX_BODY_SIZE}")["Body"].read()) == MAX_BODY_SIZE
    response = error_response(endpoints.invoke, command_endpoint, f"bytes {MAX_BODY_SIZE + 1}")
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 0)
    assert response["OriginalMessage"] == "the server's response is larger than 25 MB"


@pytest.mark.parametrize("status", [400, 499, 500, 503])
def test_a_model_error_is_reported(endpoints: Endpoints, command_endpoint: str, status: int) -> None:
    response = error_response(endpoints.invoke, command_endpoint, f"status {status}")
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (status, "the model said this")
    kind = "client" if status < 500 else "server"
    expected = f'Received {kind} error ({status}) from primary with message "the model said this"'
    assert expected in response["Error"]["Message"]
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/{command_endpoint}:log-stream:one/i-"
    assert response["LogStreamArn"].startswith(arn)


def test_an_error_in_a_hook_is_a_model_error(endpoints: Endpoints, command_endpoint: str) -> None:
    for body, kind, message in (
        ("raise", "text/csv", "LookupError: the request asked for an error"),
        ("x", "text/unknown", "ValueError: no text/unknown here"),
    ):
        response = error_response(endpoints.invoke, command_endpoint, body, ContentType=kind)
        assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 500)
        assert message in response["OriginalMessage"]
        assert "Traceback" in response["OriginalMessage"]


def test_an_error_names_its_container(endpoints: Endpoints) -> None:
    failing_script = NAMER.format(name="second").replace(
        "    return json", "    raise LookupError('in the second')\n    return json"
    )
    name = endpoints.create(
        endpoints.config(variant(create_model(endpoints.client, NAMER.format(name="first"), failing_script)))
    )
    assert len(endpoints.describe(name)["ProductionVariants"][0]["DeployedImages"]) == 2
    response = error_response(endpoints.invoke, name, "x")
    assert 'Received server error (500) from container-2 with message "' in response["Error"]["Message"]
    assert "LookupError: in the second" in response["OriginalMessage"]
    group, _, stream = response["LogStreamArn"].partition(":log-stream:")
    assert group.endswith(f":log-group:/aws/sagemaker/Endpoints/{name}")
    assert re.fullmatch("one/i-[0-9a-f]+/container-2", stream)
    log = {"logGroupName": f"/aws/sagemaker/Endpoints/{name}", "logStreamName": stream}
    read = endpoints.client.logs.get_log_events
    wait_until(lambda: any("LookupError: in the second" in event["message"] for event in read(**log)["events"]))
    endpoints.delete(name)


def test_responses_are_streamed_in_parts(endpoints: Endpoints, command_endpoint: str) -> None:
    invoke = endpoints.runtime.invoke_endpoint_with_response_stream
    for size in (0, 5, 9 << 20):
        body = b"\x00\xff" * (size // 2) + b"x" * (size % 2)
        response = invoke(EndpointName=command_endpoint, Body=body, ContentType="application/x", Accept="text/csv")
        assert response["ContentType"].startswith("text/csv")
        assert response["InvokedProductionVariant"] == "one"
        events = list(response["Body"])
        assert b"".join(event["PayloadPart"]["Bytes"] for event in events) == body
        assert len(events) == (2 if size > 8 << 20 else 1)
    response = error_response(invoke, EndpointName=command_endpoint, Body="raise", ContentType="text/csv")
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 500)


def connect(endpoints: Endpoints, name: str, length: int, body: bytes) -> socket.socket:
    """Send an invocation's headers, announcing `length` bytes, and the start of its body; return the connection."""
    address = ("127.0.0.1", endpoints.client.simulator.port)
    head = f"POST /endpoints/{name}/invocations HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\n"
    head += f"Content-Length: {length}\r\nContent-Type: text/csv\r\n\r\n"
    connection = socket.create_connection(address)
    connection.sendall(head.encode() + body)
    return connection


def test_an_endpoint_survives_clients_that_disconnect(endpoints: Endpoints, command_endpoint: str) -> None:
    for length, body_start in ((100, b"x"), (7, b"sleep 1"), (7, b"status 400"[:7])):
        for reset in (False, True):
            with connect(endpoints, command_endpoint, length, body_start) as connection:
                time.sleep(0.1)
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert endpoints.invoke(command_endpoint, "x")["Body"].read() == b"x"


def test_invocations_that_wait_do_not_hold_up_other_requests(unsandboxed_client: Client, tmp_path: Path) -> None:
    endpoints, go_file = Endpoints(unsandboxed_client), tmp_path / "go"
    models = [endpoints.named("other"), endpoints.model(WAITER.format(path=str(go_file)))]
    other_endpoint, name = (endpoints.create(endpoints.config(variant(model))) for model in models)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(endpoints, name, 4, b"wait")) for _ in range(WORKERS + 20)]
        url = endpoints.client.put("while/they/wait", b"x")
        assert endpoints.client.get(url) == b"x"
        assert json.load(endpoints.invoke(other_endpoint, "x", ContentType="text/plain")["Body"])[0] == "other"
        assert not select.select(connections, [], [], 0)[0]  # all invocations are still waiting
        go_file.touch()
    endpoints.delete(name, other_endpoint)


def test_a_request_without_a_content_length_is_accepted(endpoints: Endpoints, command_endpoint: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", endpoints.client.simulator.port, timeout=30)
    connection.request("POST", f"/endpoints/{command_endpoint}/invocations", iter([b"in ", b"chunks"]))
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"in chunks")
    connection.close()


@pytest.fixture(scope="module")
def invoked(endpoints: Endpoints) -> str:
    """Return an endpoint with three instances and 14 invocations, including two client errors and two server errors.

    Before the last three invocations, one invocation killed its server, was retried, and killed a second server.
    """
    name = endpoints.create(endpoints.config(variant(endpoints.model(COMMAND_SCRIPT), count=3)))
    for body in (*(f"number {index}" for index in range(6)), "sleep 0.2", "status 400", "status 400", "status 503"):
        with contextlib.suppress(ClientError):
            endpoints.invoke(name, body)
    response = error_response(endpoints.invoke, name, "exit")
    assert (response["Error"]["Code"], response["OriginalStatusCode"]) == ("ModelError", 0)
    assert "closed the connection" in response["OriginalMessage"]
    for _ in range(3):  # the instances that are ready respond
        assert endpoints.invoke(name, "x")["Body"].read() == b"x"
    return name


def test_invocation_metrics_reach_cloudwatch(endpoints: Endpoints, invoked: str) -> None:
    cloudwatch = endpoints.client.simulator.client("cloudwatch")
    now, hour = datetime.datetime.now(datetime.UTC), datetime.timedelta(hours=1)
    dimensions = [{"Name": "EndpointName", "Value": invoked}, {"Name": "VariantName", "Value": "one"}]
    request = {"Namespace": "AWS/SageMaker", "Dimensions": dimensions, "StartTime": now - hour, "EndTime": now + hour}
    request |= {"Period": 7200, "Statistics": ["Sum", "SampleCount", "Minimum", "Maximum"]}

    def points(metric: str) -> list[dict[str, Any]]:
        return cloudwatch.get_metric_statistics(MetricName=metric, **request)["Datapoints"]

    wait_until(lambda: [point["Sum"] for point in points("Invocations")] == [14])
    assert [point["Sum"] for point in points("Invocation4XXErrors")] == [2]
    # a missing response also counts as a server error
    assert [(point["Sum"], point["SampleCount"]) for point in points("Invocation5XXErrors")] == [(2, 14)]
    [latency], [overhead] = points("ModelLatency"), points("OverheadLatency")
    assert latency["Unit"] == overhead["Unit"] == "Microseconds"
    assert 0 < latency["Minimum"] <= latency["Maximum"]
    assert 200_000 <= latency["Maximum"] < 60_000_000  # the model sleeps for 0.2 s; the machine may be busy
    assert 0 < overhead["Minimum"] < 1_000_000
    for share, state in ((0.9, "ALARM"), (1.1, "OK")):
        alarm = {"Namespace": "AWS/SageMaker", "MetricName": "ModelLatency", "Dimensions": dimensions, "Period": 3600}
        alarm |= {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Statistic": "Average"}
        cloudwatch.put_metric_alarm(AlarmName=invoked, Threshold=share * latency["Sum"] / 14, **alarm)
        assert cloudwatch.describe_alarms(AlarmNames=[invoked])["MetricAlarms"][0]["StateValue"] == state


def test_logs_have_one_stream_per_instance_and_show_a_repeated_request(endpoints: Endpoints, invoked: str) -> None:
    logs, group = endpoints.client.logs, f"/aws/sagemaker/Endpoints/{invoked}"
    streams = [item["logStreamName"] for item in logs.describe_log_streams(logGroupName=group)["logStreams"]]
    assert [stream[:6] for stream in streams] == ["one/i-"] * 3

    def lines(stream: str, word: str) -> list[str]:
        events = logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
        return [event["message"] for event in events if event["message"].startswith(f"asked for {word}")]

    wait_until(lambda: all(len(lines(stream, "number")) == 2 for stream in streams))
    messages = sorted(line for stream in streams for line in lines(stream, "number"))
    assert messages == [f"asked for number {index}" for index in range(6)]
    wait_until(lambda: sorted(len(lines(stream, "exit")) for stream in streams) == [0, 1, 1])
    wait_until(lambda: sum(len(lines(stream, "x")) for stream in streams) == 3)
