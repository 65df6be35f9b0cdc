"""The SageMaker runtime API: paths, and errors as clients parse them."""

import contextlib
import http.client
import json
import socket

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_client import Client, rejection

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
)


def test_an_async_invocation_is_not_simulated(client: Client) -> None:
    invoke = client.simulator.client("sagemaker-runtime").invoke_endpoint_async
    with pytest.raises(ClientError) as excinfo:
        invoke(EndpointName="x", InputLocation="s3://bucket/key")
    response = excinfo.value.response
    assert response["Error"]["Code"] == "NotImplemented"
    assert "does not support InvokeEndpointAsync" in response["Error"]["Message"]
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("method", "path", "service", "status", "code"),
    [
        ("POST", "/endpoints/x/invocations", None, 400, "ValidationError"),
        ("GET", "/endpoints/x/invocations", "sagemaker", 405, "UnknownOperationException"),
        ("POST", "/endpoints/x", "sagemaker", 501, "NotImplemented"),
        ("POST", "/endpoints//invocations", "sagemaker", 501, "NotImplemented"),
        ("POST", "/endpoints/x/invocations/y", "sagemaker", 501, "NotImplemented"),
        ("GET", "/FeatureGroup/x", "sagemaker", 501, "NotImplemented"),
        ("POST", "/x", "sagemaker-geospatial", 501, "NotImplemented"),
    ],
)
def test_wrong_paths_and_methods_are_rejected(
    client: Client, method: str, path: str, service: str | None, status: int, code: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    with contextlib.closing(connection):
        headers = {"Authorization": AUTHORIZATION.replace("/sagemaker/", f"/{service}/")} if service else {}
        connection.request(method, path, b"x" if method == "POST" else None, headers)
        response = connection.getresponse()
        assert (response.status, response.getheader("x-amzn-errortype")) == (status, code)
        assert response.getheader("Content-Type") == "application/json"
        assert path in json.loads(response.read())["Message"] or path.endswith("/invocations")


def test_paths_that_only_resemble_an_invocation_are_rejected(client: Client) -> None:
    """Tabs stay in a path, and so does text before a colon that is not followed by '//'."""
    for path in ("x:/endpoints/x/invocations", "/endp\toints/x/invocations"):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.simulator.port}\r\n"
        head += f"Authorization: {AUTHORIZATION}\r\nContent-Length: 0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=30) as connection:
            connection.sendall(head.encode())
            assert connection.recv(12) == b"HTTP/1.1 501"


def test_invocation_members_are_validated(client: Client) -> None:
    invoke = client.simulator.client("sagemaker-runtime").invoke_endpoint
    message = rejection(invoke, code="ValidationError", EndpointName="under_score", Body=b"")
    assert "'under_score' at 'endpointName' failed to satisfy constraint" in message
