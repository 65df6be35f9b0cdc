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
from stagemaker_support.control_plane import ask
from stagemaker_support.fuzzing import examples
from stagemaker_support.simulator_client import Client

from stagemaker.protocol.service_model import operation_model, sagemaker_model
from stagemaker.resources.model import Models

OPERATIONS = sagemaker_model().operation_names
OTHER_OPERATIONS = [
    *(
        f"{verb}{kind}Job"
        for verb in ("Create", "Describe", "Stop")
        for kind in ("Training", "Processing", "Transform")
    ),
    *("ListTrainingJobs", "ListProcessingJobs", "ListTransformJobs"),
    *("CreateModel", "DescribeModel", "ListModels", "DeleteModel", "AddTags", "ListTags", "DeleteTags"),
    *(f"{verb}Endpoint{suffix}" for verb in ("Create", "Describe", "Delete") for suffix in ("", "Config")),
    *("ListEndpoints", "ListEndpointConfigs", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    *(f"{verb}ModelPackage{suffix}" for verb in ("Create", "Describe", "Delete") for suffix in ("", "Group")),
    *(f"{verb}ModelPackageGroupPolicy" for verb in ("Put", "Get", "Delete")),
    *("ListModelPackages", "ListModelPackageGroups", "UpdateModelPackage", "BatchDescribeModelPackage", "Search"),
    *("ListMonitoringSchedules", "ListPipelineVersions", "ListTrialComponents"),
]
TUNING_OPERATIONS = [f"{verb}HyperParameterTuningJob" for verb in ("Create", "Describe", "Stop", "Delete")]
TUNING_OPERATIONS += ["ListHyperParameterTuningJobs", "ListTrainingJobsForHyperParameterTuningJob"]
PIPELINE_OPERATIONS = [f"{verb}Pipeline" for verb in ("Create", "Describe", "Update", "Delete")]
PIPELINE_OPERATIONS += [f"{verb}PipelineExecution" for verb in ("Start", "Stop", "Retry", "Describe", "Update")]
PIPELINE_OPERATIONS += ["ListPipelines", "ListPipelineExecutions", "ListPipelineExecutionSteps"]
PIPELINE_OPERATIONS += ["ListPipelineParametersForExecution", "DescribePipelineDefinitionForExecution"]


def test_a_request_needs_only_its_target_header(client: Client) -> None:
    assert ask(client, service=None)[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 200, None),
        (b"{", 400, "SerializationException"),
        (b"<xml/>", 400, "SerializationException"),
        (b"[]", 400, "SerializationException"),
        (b"null", 400, "SerializationException"),
        (b'{"NameContains": "\xff"}', 400, "SerializationException"),
        (b'{"NextToken": "\xed\xa0\x80"}', 400, "SerializationException"),
        (b'{"NextToken": "\\ud800"}', 400, "SerializationException"),
        (b'{"CreationTimeAfter": NaN}', 400, "SerializationException"),
        (b'{"CreationTimeAfter": -Infinity}', 400, "SerializationException"),
        (b"[" * 200_000, 400, "SerializationException"),
        (b'{"X":' * 400 + b"1" + b"}" * 400, 400, "SerializationException"),
        (b'{"X": [' + b"1," * 60_000 + b"1]}", 400, "SerializationException"),
        (b'{"MaxResults": ' + b"9" * 10_000 + b"}", 400, "SerializationException"),
        (b'{"MaxResults": ' + b"9" * 400 + b"}", 400, "ValidationException"),
        (b'{"MaxResults": 1e999}', 400, "ValidationException"),
        (b'{"Unknown": 1}', 400, "ValidationException"),
        (b" " * (5 << 20), 413, "RequestEntityTooLarge"),
        (b"x" * (30 << 20), 413, "RequestEntityTooLarge"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_only_valid_bodies_are_accepted(client: Client, body: bytes, status: int, code: str | None) -> None:
    response_status, document = ask(client, body=body)
    assert (response_status, document.get("__type")) == (status, code)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"method": "GET", "body": None}, 405, "UnknownOperationException"),
        ({"method": "PUT"}, 405, "UnknownOperationException"),
        ({"target": "SageMaker.Dig"}, 400, "UnknownOperationException"),
        ({"target": "SageMaker."}, 400, "UnknownOperationException"),
        ({"target": "SageMaker.__init__"}, 400, "UnknownOperationException"),
        ({"target": "Other.ListModels"}, 400, "UnknownOperationException"),
        ({"target": None}, 400, "UnknownOperationException"),
        ({"target": "SageMaker.CreateCluster"}, 501, "NotImplemented"),
        ({"target": None, "service": "nonsense"}, 501, "NotImplemented"),
        ({"Origin": "http://page.example"}, 403, "AccessDeniedException"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "AccessDeniedException"),
        ({"Sec-Fetch-Site": "same-site"}, 403, "AccessDeniedException"),
        ({"Host": "127.0.0.1:1"}, 403, "AccessDeniedException"),
        ({"Host": "127.0.0.1"}, 403, "AccessDeniedException"),
        ({"Host": "bucket.localhost:1", "target": None, "service": "s3"}, 403, "AccessDeniedException"),
        ({"Host": "page.example"}, 403, "AccessDeniedException"),
        ({"Host": "127.0.0.1.page.example:80"}, 403, "AccessDeniedException"),
        ({"Host": "localhost.page.example"}, 403, "AccessDeniedException"),
        ({"Host": "page-localhost"}, 403, "AccessDeniedException"),
        ({"Host": "[::2]"}, 403, "AccessDeniedException"),
        ({"Host": "127.0.0.1@page.example"}, 403, "AccessDeniedException"),
        ({"Host": ""}, 403, "AccessDeniedException"),
        ({"Host": "page.example", "target": None, "service": "s3"}, 403, "AccessDeniedException"),
        ({"Content-Length": "much"}, 400, "SerializationException"),
        ({"Content-Length": "-1"}, 400, "SerializationException"),
    ],
    ids=str,
)
def test_wrong_targets_methods_and_headers_are_refused(
    client: Client, request_: dict[str, Any], status: int, code: str
) -> None:
    response_status, document = ask(client, **request_)
    assert (response_status, document["__type"]) == (status, code)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "bucket.s3.localhost", "127.0.0.1"])
def test_local_host_names_with_the_simulators_port_are_accepted(client: Client, name: str) -> None:
    assert ask(client, **{"Host": f"{name}:{client.simulator.port}", "Sec-Fetch-Site": "none"})[0] == 200


def test_the_response_to_a_head_request_has_no_body(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    for _ in range(2):  # a body would be taken for the beginning of the next response
        connection.request("HEAD", "/", headers={"X-Amz-Target": "SageMaker.ListModels"})
        response = connection.getresponse()
        assert (response.status, response.read()) == (405, b"")
    connection.close()


def test_requests_with_chunked_bodies_or_without_a_length_are_read(client: Client) -> None:
    assert ask(client, body=iter([b'{"MaxRes', b'ults": 0}']))[1]["__type"] == "ValidationException"
    assert ask(client, body=iter([b" " * (1 << 20)] * 5))[0] == 413
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=20) as connection:
        head = f"POST / HTTP/1.1\r\nHost: localhost:{client.simulator.port}\r\nConnection: close\r\n"
        connection.sendall(f"{head}X-Amz-Target: SageMaker.DescribeModel\r\n\r\n".encode())
        response = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"ValidationException" in response
    assert b"ModelName" in response


def test_a_silent_client_does_not_block_others(client: Client) -> None:
    address = ("127.0.0.1", client.simulator.port)
    with socket.create_connection(address) as silent_client, socket.create_connection(address):
        silent_client.sendall(b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: 9\r\n\r\n{")
        assert ask(client)[0] == 200


def test_an_unexpected_exception_returns_an_internal_failure(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Models, "page", lambda *_: 1 / 0)
    assert ask(client)[1]["__type"] == "InternalFailure"


def test_every_operation_is_supported_or_returns_not_implemented(client: Client) -> None:
    for name in OPERATIONS:
        status, document = ask(client, f"SageMaker.{name}")
        outcome = (status, document.get("__type"))
        assert outcome in {(200, None), (400, "ValidationException"), (501, "NotImplemented")}, name
        assert (status == 501) == (name not in [*OTHER_OPERATIONS, *TUNING_OPERATIONS, *PIPELINE_OPERATIONS]), name


@examples(50)
@given(data=st.data())
def test_any_request_gets_a_response(client: Client, data: st.DataObject) -> None:
    """No request starts a job, because no generated image is a scikit-learn image."""
    name = data.draw(st.sampled_from(OTHER_OPERATIONS))
    document = data.draw(valid_values(operation_model(name).input_shape))
    document = data.draw(st.just(document) | modified_documents(document))
    status, response = ask(client, f"SageMaker.{name}", json.dumps(document).encode())
    assert status in (200, 400), response


@examples(100)
@given(body=st.binary(max_size=200), target=st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_bytes_get_a_response(client: Client, body: bytes, target: str) -> None:
    assert ask(client, body=body)[0] in (200, 400)
    assert ask(client, target)[0] == 400


def test_a_simulator_does_not_affect_pythons_random_numbers(client: Client) -> None:
    before = random.getstate()
    client.process("pass")
    client.sagemaker.list_models()
    client.put("random", b"x")
    assert random.getstate() == before
