"""The SageMaker runtime API: paths, errors as clients parse them, and operations that a new resource kind adds."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from stagemaker_support.simulator_client import Client

from stagemaker.api import http_server
from stagemaker.resources import registry
from stagemaker.resources.registry import KINDS
from stagemaker.resources.resource import Resource
from stagemaker.server import Simulator
from stagemaker.state.records import Record

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
)


class EchoKind(Resource):
    """A kind of resource that only these tests have; it supports an operation that no other kind supports."""

    kind = "Echo"
    arn_type = "echo"

    def InvokeEndpointAsync(self, request: Record) -> Record:
        if request["EndpointName"] == "breaks":
            raise ZeroDivisionError
        body = request.pop("Body")
        return {"Body": json.dumps({"InferenceId": body.decode()}).encode(), "OutputLocation": json.dumps(request)}


class WaitingKind(Resource):
    """A kind of resource that only these tests have; its invocations wait until the test lets them end."""

    kind = "Wait"
    arn_type = "wait"
    started, may_end = threading.Semaphore(0), threading.Event()

    def InvokeEndpointAsync(self, request: Record) -> Record:
        self.started.release()
        assert self.may_end.wait(60)
        return {}


@contextlib.contextmanager
def simulator_with(kind: type[Resource]) -> Iterator[Simulator]:
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(registry, "KINDS", (*KINDS, kind))
            simulator = stack.enter_context(Simulator(isolation="off"))
        yield simulator


@pytest.fixture(scope="module")
def runtime() -> Iterator[Any]:
    with simulator_with(EchoKind) as simulator:
        yield simulator.client("sagemaker-runtime")


def refusal(call: Any, **request: Any) -> dict[str, Any]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**request)
    return caught.value.response


def test_an_async_invocation_is_not_simulated(client: Client) -> None:
    invoke = client.simulator.client("sagemaker-runtime").invoke_endpoint_async
    response = refusal(invoke, EndpointName="x", InputLocation="s3://bucket/key")
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
def test_wrong_paths_and_methods_are_refused(
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


def test_an_invocation_gets_a_thread_however_its_url_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "WORKERS", 2)
    monkeypatch.setattr(WaitingKind, "started", threading.Semaphore(0))
    monkeypatch.setattr(WaitingKind, "may_end", threading.Event())
    urls = [
        "//endpoints/x/async-invocations",
        "///endpoints/x/async-invocations?a=b",
        "/%65ndpoints/x/async-invocations",
        "/%2Fendpoints%2fx/async-invocations",
        "endpoints/x/async-invocations",
        "%2fendpoints/x/%61sync-invocations",
        "http://127.0.0.1/endpoints/x/async-invocations",
        "http://127.0.0.1//%65ndpoints/x/async-invocations#a",
    ]
    with simulator_with(WaitingKind) as simulator, contextlib.ExitStack() as stack:
        stack.callback(WaitingKind.may_end.set)
        connections = []
        for url in urls * 2:
            for header in ("", f"Authorization: {AUTHORIZATION}\r\n"):
                head = f"POST {url} HTTP/1.1\r\nHost: 127.0.0.1:{simulator.port}\r\n{header}"
                request = f"{head}Content-Length: 2\r\n\r\nok"
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", simulator.port), timeout=60))
                connection.sendall(request.encode())
                connections.append(connection)
        for _ in connections:
            assert WaitingKind.started.acquire(timeout=30)
        assert simulator.client("sagemaker").list_models()["Models"] == []
        WaitingKind.may_end.set()
        assert {connection.recv(12) for connection in connections} == {b"HTTP/1.1 202"}


def test_paths_that_only_resemble_an_invocation_are_refused(client: Client) -> None:
    """Such paths are not invocations: text before a colon is part of the path unless '//' follows the colon."""
    for path in ("x:/endpoints/x/invocations", "/endp\toints/x/invocations"):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.simulator.port}\r\n"
        head += f"Authorization: {AUTHORIZATION}\r\nContent-Length: 0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=30) as connection:
            connection.sendall(head.encode())
            assert connection.recv(12) == b"HTTP/1.1 501"


def test_a_new_kind_can_add_invocations(runtime: Any) -> None:
    request = {"EndpointName": "echo", "ContentType": "text/csv", "Accept": "*/*", "RequestTTLSeconds": 60}
    response = runtime.invoke_endpoint_async(**request, Body=b"one")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert response["InferenceId"] == "one"
    assert json.loads(response["OutputLocation"]) == request


def test_an_error_in_an_added_kind_is_an_internal_failure(runtime: Any) -> None:
    response = refusal(runtime.invoke_endpoint_async, EndpointName="breaks")
    assert response["Error"] == {"Code": "InternalFailure", "Message": "ZeroDivisionError()"}


def test_invocation_members_are_validated(client: Client) -> None:
    invoke = client.simulator.client("sagemaker-runtime").invoke_endpoint
    response = refusal(invoke, EndpointName="under_score", Body=b"")
    assert response["Error"]["Code"] == "ValidationError"
    assert "'under_score' at 'endpointName' failed to satisfy constraint" in response["Error"]["Message"]
