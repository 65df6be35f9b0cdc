"""Requests to the simulator's control plane, sent without boto3."""

import http.client
import json
from collections.abc import Iterable
from typing import Any

import pytest

from stagemaker.protocol.service_model import operation_model
from stagemaker_support.simulator_client import Client

AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def send_request(
    client: Client,
    target: str | None = "SageMaker.ListModels",
    body: bytes | Iterable[bytes] | None = b"{}",
    method: str = "POST",
    path: str = "/",
    service: str | None = "sagemaker",
    **headers: str,
) -> tuple[int, Any]:
    """Send a request and return the response's status and JSON. An error response must have an error code."""
    headers |= {"X-Amz-Target": target} if target is not None else {}
    headers |= {"Authorization": AUTHORIZATION.format(service)} if service else {}
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    assert response.getheader("Content-Type") == "application/x-amz-json-1.1", content
    assert response.getheader("x-amzn-RequestId")
    document = json.loads(content, parse_constant=pytest.fail)
    assert isinstance(document, dict)
    assert response.status == 200 or (document["__type"] and document["message"])
    return response.status, document


def call_operation(client: Client, operation: str, request: Any) -> tuple[int, Any]:
    """Call an operation; return the status and response. An error must be modelled or report an invalid request."""
    status, response = send_request(client, f"SageMaker.{operation}", json.dumps(request).encode())
    modelled_errors = {error.name for error in operation_model(operation).error_shapes}
    if status == 200:
        assert "__type" not in response, response
    else:
        assert status == 400, response
        assert response["__type"] in {"ValidationException", "SerializationException"} | modelled_errors, response
    return status, response
