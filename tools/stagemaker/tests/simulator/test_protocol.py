"""Valid and invalid HTTP requests: every response is JSON, and an error response has an error code."""

import http.client
import json
import random
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import modified_documents, valid_values
from stagemaker_support.control_plane import send_request
from stagemaker_support.fuzzing import examples
from stagemaker_support.simulator_client import Client

from stagemaker.protocol.service_model import operation_model, sagemaker_model
from stagemaker.resources.model import Models
from stagemaker.resources.pipeline import Pipelines
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.resources.registry import KINDS, EmptyLists
from stagemaker.resources.search import Searches
from stagemaker.resources.tags import Tags
from stagemaker.resources.tuning_job import TuningJobs

OPERATIONS = sagemaker_model().operation_names
KINDS_OF_RESOURCES = (*KINDS, EmptyLists, Tags, Searches)
OPERATION_NAMES = {name for kind in KINDS_OF_RESOURCES for name in kind.operations()}
SEPARATE_NAMES = {name for kind in (TuningJobs, Pipelines, PipelineExecutions) for name in kind.operations()}


def test_a_request_needs_only_its_target_header(client: Client) -> None:
    assert send_request(client, service=None)[0] == 200


BODIES: dict[tuple[int, str | None], list[bytes]] = {
    (200, None): [b""],
    (400, "SerializationException"): [
        *(b"{", b"<xml/>", b"[]", b"null", b'{"NameContains": "\xff"}'),
        *(b'{"NextToken": "\xed\xa0\x80"}', b'{"NextToken": "\\ud800"}'),
        *(b'{"CreationTimeAfter": NaN}', b'{"CreationTimeAfter": -Infinity}'),
        *(b"[" * 200_000, b'{"X":' * 400 + b"1" + b"}" * 400, b'{"X": [' + b"1," * 60_000 + b"1]}"),
        b'{"MaxResults": ' + b"9" * 10_000 + b"}",
    ],
    (400, "ValidationException"): [
        *(b'{"MaxResults": ' + b"9" * 400 + b"}", b'{"MaxResults": 1e999}', b'{"Unknown": 1}')
    ],
    (413, "RequestEntityTooLarge"): [b" " * (5 << 20), b"x" * (30 << 20)],
}


def test_only_valid_bodies_are_accepted(client: Client) -> None:
    for outcome, bodies in BODIES.items():
        for body in bodies:
            status, document = send_request(client, body=body)
            assert (status, document.get("__type")) == outcome, body[:50]


FOREIGN_HOSTS = [
    *("127.0.0.1:1", "127.0.0.1", "page.example", "127.0.0.1.page.example:80", "localhost.page.example"),
    *("page-localhost", "[::2]", "127.0.0.1@page.example", ""),
]
REJECTED_REQUESTS: dict[tuple[int, str], list[dict[str, Any]]] = {
    (405, "UnknownOperationException"): [{"method": "GET", "body": None}, {"method": "PUT"}],
    (400, "UnknownOperationException"): [
        *({"target": f"SageMaker.{name}"} for name in ("Dig", "", "__init__")),
        *({"target": target} for target in ("Other.ListModels", None)),
    ],
    (501, "NotImplemented"): [{"target": "SageMaker.CreateCluster"}, {"target": None, "service": "nonsense"}],
    (403, "AccessDeniedException"): [
        {"Origin": "http://page.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        *({"Host": host} for host in FOREIGN_HOSTS),
        *({"Host": host, "target": None, "service": "s3"} for host in ("bucket.localhost:1", "page.example")),
    ],
    (400, "SerializationException"): [{"Content-Length": "much"}, {"Content-Length": "-1"}],
}


def test_wrong_targets_methods_and_headers_are_rejected(client: Client) -> None:
    for outcome, requests in REJECTED_REQUESTS.items():
        for request in requests:
            status, document = send_request(client, **request)
            assert (status, document["__type"]) == outcome, request


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "bucket.s3.localhost", "127.0.0.1"])
def test_local_host_names_with_the_port_are_accepted(client: Client, name: str) -> None:
    assert send_request(client, **{"Host": f"{name}:{client.simulator.port}", "Sec-Fetch-Site": "none"})[0] == 200


def test_the_response_to_a_head_request_has_no_body(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    for _ in range(2):  # a body would be taken for the beginning of the next response
        connection.request("HEAD", "/", headers={"X-Amz-Target": "SageMaker.ListModels"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (405, b"")
    connection.close()


def test_requests_with_chunked_bodies_or_without_a_length_are_read(client: Client) -> None:
    assert send_request(client, body=iter([b'{"MaxRes', b'ults": 0}']))[1]["__type"] == "ValidationException"
    assert send_request(client, body=iter([b" " * (1 << 20)] * 5))[0] == 413
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=20) as connection:
        head = f"POST / HTTP/1.1\r\nHost: localhost:{client.simulator.port}\r\nConnection: close\r\n"
        connection.sendall(f"{head}X-Amz-Target: SageMaker.DescribeModel\r\n\r\n".encode())
        response = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"ValidationException" in response
    assert b"ModelName" in response


def test_an_unexpected_exception_returns_an_internal_failure(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Models, "page", lambda *_: 1 / 0)
    assert send_request(client)[1]["__type"] == "InternalFailure"


def test_every_operation_is_supported_or_returns_not_implemented(client: Client) -> None:
    for name in OPERATIONS:
        status, document = send_request(client, f"SageMaker.{name}")
        outcome = (status, document.get("__type"))
        assert outcome in {(200, None), (400, "ValidationException"), (501, "NotImplemented")}, name
        assert (status == 501) == (name not in OPERATION_NAMES), name


@examples(50)
@given(data=st.data())
def test_any_request_gets_a_response(client: Client, data: st.DataObject) -> None:
    """No request starts a job, because no generated image is a scikit-learn image."""
    name = data.draw(st.sampled_from(sorted(OPERATION_NAMES - SEPARATE_NAMES)))
    document = data.draw(valid_values(operation_model(name).input_shape))
    document = data.draw(st.just(document) | modified_documents(document))
    status, response = send_request(client, f"SageMaker.{name}", json.dumps(document).encode())
    assert status in (200, 400), response


@examples(100)
@given(body=st.binary(max_size=200), target=st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_bytes_get_a_response(client: Client, body: bytes, target: str) -> None:
    assert send_request(client, body=body)[0] in (200, 400)
    assert send_request(client, target)[0] == 400


def test_a_simulator_does_not_affect_random_numbers(client: Client) -> None:
    state = random.getstate()
    client.process("pass")
    client.sagemaker.list_models()
    client.put("random", b"x")
    assert random.getstate() == state
