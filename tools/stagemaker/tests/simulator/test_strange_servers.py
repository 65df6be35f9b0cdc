"""Invalid responses from a model's server cause clear errors without control characters."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import create_model, failure_reason

# A script that sends the content of its request as the complete response and closes the connection.
RAW_SCRIPT = """
import inspect, socket

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    requests = (frame.frame.f_locals.get("request", ()) for frame in inspect.stack())
    connection = next(request["gunicorn.socket"] for request in requests if "gunicorn.socket" in request)
    connection.sendall(data)
    connection.shutdown(socket.SHUT_RDWR)
    return b"", accept
"""
HTTP_ERROR, ASCII_ERROR = "the server's response is not valid HTTP: ", "that is not ASCII"
REJECTED_HEADERS = [
    ("Transfer-Encoding: chunked\r\n\r\n-5\r\nhello", HTTP_ERROR),
    ("X-Amzn-SageMaker-Custom-Attributes: a\r\n\tb\r\n", HTTP_ERROR),
    ("Content-Type: \x1b[31m\r\n", HTTP_ERROR),
    ("Content-Type: \x9b31m\r\n", ASCII_ERROR),
    ("X-Amzn-SageMaker-Custom-Attributes: \x9b31m\r\n", ASCII_ERROR),
]
BINARY = {"ContentType": "application/octet-stream"}


def response_of(lines: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode("latin-1")


@pytest.fixture(scope="module", params=[1, 2], ids=["alone", "chain"])
def raw_endpoint(client: Client, endpoints: Endpoints, request: pytest.FixtureRequest) -> str:
    return endpoints.create(endpoints.config(variant(create_model(client, *[RAW_SCRIPT] * request.param))))


def model_error(endpoints: Endpoints, name: str, body: bytes) -> dict[str, Any]:
    with pytest.raises(ClientError) as excinfo:
        endpoints.invoke(name, body, **BINARY)
    assert excinfo.value.response["Error"]["Code"] == "ModelError"
    return excinfo.value.response


def test_invocations_report_invalid_responses(endpoints: Endpoints, raw_endpoint: str) -> None:
    for lines, reason in REJECTED_HEADERS:
        response = model_error(endpoints, raw_endpoint, response_of(lines))
        assert response["OriginalStatusCode"] == 0
        assert reason in response["OriginalMessage"]
        assert response["OriginalMessage"].isprintable()
    # control characters in an error's body are replaced
    body = "HTTP/1.1 400 Bad\r\n\r\n\x1b[31mré\x9bd\x7f\0\r\n\tnext\u202e".encode()
    response = model_error(endpoints, raw_endpoint, body)
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "?[31mré?d??\n\tnext?"
    assert response["Error"]["Message"].endswith('with message "?[31mré?d??\n\tnext?"')


def test_a_transform_job_reports_an_invalid_response(client: Client) -> None:
    model, prefix = create_model(client, RAW_SCRIPT), "ClientError: The model's server "
    detail = "illegal chunk header: bytearray(b'-5\\r\\n')"
    for body, reason in (
        (response_of(REJECTED_HEADERS[0][0]), f"failed to handle a request: {HTTP_ERROR}{detail}"),
        (b"HTTP/1.1 400 Bad\r\n\r\n\x1b[31mred", "rejected a request: status 400: ?[31mred"),
        (b"HTTP/1.1 503 Busy\r\n\r\nlater", "failed to handle a request: status 503: later"),
    ):
        assert failure_reason(client, model, {"a": body}, Input=BINARY) == prefix + reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("b'[' + b'[],' * 1_000_000 + b'0]'", "the server's response is larger than 1 MB"),
        ("b'\"\\x7f[31m\"'", "/execution-parameters is invalid: ?[31m"),
    ],
)
def test_invalid_execution_parameters_are_reported_as_short_text(client: Client, message: str, reason: str) -> None:
    script = f"def model_fn(model_dir):\n    return None\ndef execution_parameters_fn():\n    return {message}"
    model = create_model(client, script)
    job_reason = failure_reason(client, model, {"a": b"x"}, Input=BINARY)
    assert job_reason.startswith("AlgorithmError: /execution-parameters")
    assert reason in job_reason
    assert job_reason.isprintable()
