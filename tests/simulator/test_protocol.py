"""Requests at the port, valid or not: each has a JSON answer with a code that names the error."""

import datetime
import http.client
import json
import socket
from collections.abc import Iterable
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel, Shape
from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import ANYTHING, KNOWN, spoiled, valid
from support.fuzzing import examples
from support.simulator_client import Client

from recore.simulator.api import service_model
from recore.simulator.api.errors import ServiceError
from recore.simulator.api.service_model import operation_model, read_request, sagemaker_model, shape_answer
from recore.simulator.resources.model import Models
from recore.simulator.server import ROLE_ARN

SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
OPERATIONS = sagemaker_model().operation_names
ANSWERED = [
    *(
        f"{verb}{kind}Job"
        for verb in ("Create", "Describe", "Stop")
        for kind in ("Training", "Processing", "Transform")
    ),
    *("ListTrainingJobs", "ListProcessingJobs", "ListTransformJobs"),
    *("CreateModel", "DescribeModel", "ListModels", "DeleteModel", "AddTags", "ListTags", "DeleteTags"),
    *(f"{verb}Endpoint{what}" for verb in ("Create", "Describe", "Delete") for what in ("", "Config")),
    *("ListEndpoints", "ListEndpointConfigs", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    *(f"{verb}ModelPackage{what}" for verb in ("Create", "Describe", "Delete") for what in ("", "Group")),
    *(f"{verb}ModelPackageGroupPolicy" for verb in ("Put", "Get", "Delete")),
    *("ListModelPackages", "ListModelPackageGroups", "UpdateModelPackage", "BatchDescribeModelPackage", "Search"),
]
TUNING = [f"{verb}HyperParameterTuningJob" for verb in ("Create", "Describe", "Stop", "Delete")]
TUNING += ["ListHyperParameterTuningJobs", "ListTrainingJobsForHyperParameterTuningJob"]
PIPELINES = [f"{verb}Pipeline" for verb in ("Create", "Describe", "Update", "Delete")]
PIPELINES += [f"{verb}PipelineExecution" for verb in ("Start", "Stop", "Retry", "Describe", "Update")]
PIPELINES += ["ListPipelines", "ListPipelineExecutions", "ListPipelineExecutionSteps"]
PIPELINES += ["ListPipelineParametersForExecution", "DescribePipelineDefinitionForExecution"]


def ask(
    client: Client,
    target: str | None = "SageMaker.ListModels",
    body: bytes | Iterable[bytes] | None = b"{}",
    method: str = "POST",
    path: str = "/",
    service: str | None = "sagemaker",
    **headers: str,
) -> tuple[int, Any]:
    """Send a request; its status and the JSON of its answer, which must be JSON and name its error."""
    headers |= {"X-Amz-Target": target} if target is not None else {}
    headers |= {"Authorization": SIGNED.format(service)} if service else {}
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    assert answer.getheader("Content-Type") == "application/x-amz-json-1.1", text
    assert answer.getheader("x-amzn-RequestId")
    document = json.loads(text, parse_constant=pytest.fail)
    assert isinstance(document, dict)
    assert answer.status == 200 or (document["__type"] and document["message"])
    return answer.status, document


def refusal(name: str, document: Any) -> str:
    """The message of the ValidationException that a request meets."""
    with pytest.raises(ServiceError) as caught:
        read_request(operation_model(name), document)
    assert caught.value.code == "ValidationException"
    return str(caught.value)


def test_the_header_alone_makes_a_request_ours(client: Client) -> None:
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
def test_bodies_that_are_valid_and_invalid(client: Client, body: bytes, status: int, code: str | None) -> None:
    answered, document = ask(client, body=body)
    assert (answered, document.get("__type")) == (status, code)


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
        ({"target": None, "service": "nonsense"}, 500, "InternalFailure"),
        ({"Origin": "http://page.example"}, 403, "AccessDeniedException"),
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
def test_requests_of_other_services_and_methods(
    client: Client, request_: dict[str, Any], status: int, code: str
) -> None:
    answered, document = ask(client, **request_)
    assert (answered, document["__type"]) == (status, code)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:5000", "bucket.s3.localhost:1", "127.0.0.1"])
def test_names_of_this_machine(client: Client, host: str) -> None:
    assert ask(client, Host=host)[0] == 200


def test_a_head_request_has_no_body(client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=30)
    for _ in range(2):  # a body would be read as the beginning of the next answer
        connection.request("HEAD", "/", headers={"X-Amz-Target": "SageMaker.ListModels"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (405, b"")
    connection.close()


def test_bodies_in_chunks_and_without_a_length(client: Client) -> None:
    assert ask(client, body=iter([b'{"MaxRes', b'ults": 0}']))[1]["__type"] == "ValidationException"
    assert ask(client, body=iter([b" " * (1 << 20)] * 5))[0] == 413
    with socket.create_connection(("127.0.0.1", client.simulator.port), timeout=20) as connection:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        connection.sendall(head + b"X-Amz-Target: SageMaker.DescribeModel\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"ValidationException" in answer
    assert b"ModelName" in answer


def test_a_silent_client_does_not_block_others(client: Client) -> None:
    address = ("127.0.0.1", client.simulator.port)
    with socket.create_connection(address) as silent, socket.create_connection(address):
        silent.sendall(b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: 9\r\n\r\n{")
        assert ask(client)[0] == 200


def test_an_internal_error_is_answered(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Models, "page", lambda *_: 1 / 0)
    assert ask(client)[1]["__type"] == "InternalFailure"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeTrainingJob", "ResourceNotFound"),
        ("StopTrainingJob", "ResourceNotFound"),
        ("DescribeProcessingJob", "ResourceNotFound"),
        ("StopProcessingJob", "ResourceNotFound"),
        ("DescribeTransformJob", "ResourceNotFound"),
        ("StopTransformJob", "ResourceNotFound"),
        ("DescribeModel", "ValidationException"),  # the model of these has no error of its own
        ("DeleteModel", "ValidationException"),
    ],
)
def test_missing_resources_are_named(client: Client, operation: str, code: str) -> None:
    name = operation.removeprefix("Describe").removeprefix("Stop").removeprefix("Delete")
    status, document = ask(client, f"SageMaker.{operation}", json.dumps({f"{name}Name": "nobody"}).encode())
    assert (status, document["__type"]) == (400, code)
    assert "not found" in document["message"]
    assert "/nobody'" in document["message"]
    modelled = {shape.name for shape in operation_model(operation).error_shapes}
    assert code in modelled or not modelled


def test_a_job_whose_name_exists_is_refused(client: Client) -> None:
    job = client.train("print('hello')", wait=False)
    request = {name: job[name] for name in ("TrainingJobName", "AlgorithmSpecification", "OutputDataConfig")}
    request |= {name: job[name] for name in ("ResourceConfig", "StoppingCondition")}
    request["AlgorithmSpecification"].pop("MetricDefinitions", None)
    with pytest.raises(client.sagemaker.exceptions.ResourceInUse, match="already exists"):
        client.sagemaker.create_training_job(**request, RoleArn=ROLE_ARN)
    client.wait("TrainingJob", job["TrainingJobName"])


def test_every_operation_is_answered_or_not_implemented(client: Client) -> None:
    for name in OPERATIONS:
        status, document = ask(client, f"SageMaker.{name}")
        answer = (status, document.get("__type"))
        assert answer in {(200, None), (400, "ValidationException"), (501, "NotImplemented")}, name
        assert (status == 501) == (name not in [*ANSWERED, *TUNING, *PIPELINES]), name


def test_every_pattern_of_the_service_model_compiles() -> None:
    shapes = [sagemaker_model().shape_for(name) for name in sagemaker_model().shape_names]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    compiled = [service_model._pattern(pattern) for pattern in patterns]
    matched = [any(pattern.fullmatch(text, timeout=5) for text in KNOWN) for pattern in compiled]
    assert sum(matched) > len(patterns) / 2 > 100


def model_of(**members: dict[str, Any]) -> OperationModel:
    """An operation whose request has members of shapes made up here."""
    shapes = {"Request": {"type": "structure", "members": {name: {"shape": name} for name in members}}, **members}
    operations = {"Do": {"name": "Do", "http": {}, "input": {"shape": "Request"}}}
    return ServiceModel({"metadata": {}, "operations": operations, "shapes": shapes}).operation_model("Do")


STRING, NUMBER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (STRING | {"min": 2, "max": 3}, ["ab", "abc", "éé", "😀😀😀"], ["a", "abcd", "", 1, True, [], {}]),
        (STRING | {"pattern": "[a-z]+"}, ["a"], ["A", "", "a\n", "a1"]),
        (STRING | {"pattern": r"\w+"}, ["a_1"], ["é", "٣"]),
        (STRING | {"pattern": r"[\p{Alnum}-]+"}, ["a-1"], ["é"]),
        (STRING | {"pattern": r"[\p{L}]*"}, ["é", ""], ["1"]),
        (STRING | {"pattern": r"[\uD800\uDC00-\uDBFF\uDFFF\t]*"}, ["😀\t"], ["a"]),
        (STRING | {"enum": ["One", "Two"]}, ["One"], ["one", "Three", ""]),
        (NUMBER | {"min": 1, "max": 5}, [1, 5], [0, 6, 1.5, "1", True, False, 2**31, 10**400]),
        (NUMBER, [0, -(2**31) + 1, 2**31 - 1], [2**31, -(2**40), 1.0]),
        ({"type": "long"}, [2**40], [2**63]),
        ({"type": "float", "min": 0, "max": 1}, [0, 1, 0.5], [-0.1, 1.1, 2, "0.5", True, float("inf"), float("nan")]),
        ({"type": "boolean"}, [True, False], [0, 1, "true"]),
        (
            {"type": "timestamp"},
            [0, 1.5, -1, 4_000_000_000],
            ["2026-01-01", "1", True, 1e300, 10**400, -(10**15), float("nan"), float("inf"), [], {}],
        ),
        ({"type": "list", "member": {"shape": "Text"}, "min": 1, "max": 2}, [["a"]], [[], ["a"] * 3, [None], [1], "a"]),
        (
            {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}, "min": 1, "max": 2},
            [{"a": "b"}],
            [{}, {"a": None}, {"a": 1}, {"aaaa": "b"}, {"a": "bbbb"}, {"a": "b", "b": "b", "c": "b"}, []],
        ),
    ],
    ids=str,
)
def test_bounds_of_shapes(shape: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    operation = model_of(X=shape, Text=STRING | {"max": 3})
    assert read_request(operation, {"X": None}) == {}
    for value in good:
        (read,) = read_request(operation, {"X": value}).values()
        assert (read.timestamp() if isinstance(read, datetime.datetime) else read) == value
    for value in bad:
        with pytest.raises(ServiceError) as caught:
            read_request(operation, {"X": value})
        assert caught.value.code == "ValidationException", value
        assert len(str(caught.value)) < 1000, value


def test_a_message_names_the_place_and_the_constraint() -> None:
    result = refusal("ListModels", {"SortBy": "Size", "NameContains": "_"})
    assert result.startswith("2 validation errors detected: Value 'Size' at 'sortBy' failed to satisfy constraint")
    assert "enum value set: [Name, CreationTime]" in result
    assert "pattern: [a-zA-Z0-9-]+" in result
    tags = [{"Key": "fine", "Value": ""}, {"Key": "", "Value": "x" * 257}]
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/m"
    assert "Value 'xxx" in (
        result := refusal("AddTags", {"ResourceArn": arn, "Tags": [tags[0], tags[1] | {"Key": "a"}]})
    )
    assert "at 'tags.2.member.value'" in result
    assert "Tags[1].Key" in refusal("AddTags", {"ResourceArn": arn, "Tags": tags})


def test_a_message_stays_short() -> None:
    result = refusal("DeleteTags", {"ResourceArn": "x", "TagKeys": ["!" * 200] * 40_000})
    assert len(result) < 10_000
    assert len(refusal("DeleteTags", {"ResourceArn": "x" * 1_000_000, "TagKeys": [7] * 40_000})) < 10_000


@pytest.mark.parametrize("pattern", ["[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?", r"https://([.\-_a-zA-Z0-9]+/?){3,1016}"])
def test_slow_patterns_end_at_the_time_limit(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_model, "PATTERN_SECONDS", 0.5)
    operation = model_of(X={"type": "list", "member": {"shape": "Text"}}, Text=STRING | {"pattern": pattern})
    with pytest.raises(ServiceError, match="regular expression"):
        read_request(operation, {"X": ["https://" + "a" * 60 + "!"] * 1000 + ["a" * 60 + "!"] * 1000})


def test_answers_have_only_members_of_the_shape_and_json_values() -> None:
    shape = operation_model("DescribeTrainingJob").output_shape
    record = {
        "TrainingJobName": "x",
        "Other": 1,
        "FailureReason": None,
        "FinalMetricDataList": [{"Value": float("nan")}],
    }
    assert shape_answer(shape, record) == {"TrainingJobName": "x", "FinalMetricDataList": [{}]}


def as_json(value: Any) -> Any:
    """A request as it was read, as JSON again: times in seconds."""
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return pytest.approx(value.timestamp(), abs=1e-3) if isinstance(value, datetime.datetime) else value


def without_nones(shape: Shape | None, value: Any) -> Any:
    """A request without the members that are None, which JSON's null leaves out."""
    if shape is not None and shape.type_name == "structure":
        members = {name: item for name, item in value.items() if item is not None}
        return {name: without_nones(shape.members[name], item) for name, item in members.items()}
    if shape is not None and shape.type_name == "list":
        return [without_nones(shape.member, item) for item in value]
    if shape is not None and shape.type_name == "map":
        return {key: without_nones(shape.value, item) for key, item in value.items()}
    return value


def assert_read(operation: OperationModel, document: Any) -> None:
    """A request is read as it was sent; an operation without members has nothing to read."""
    expected = without_nones(operation.input_shape, document) if operation.input_shape else {}
    assert expected == as_json(read_request(operation, document))


@examples(75)
@given(st.data())
def test_valid_requests_are_read_as_they_were_sent(data: st.DataObject) -> None:
    operation = operation_model(data.draw(st.sampled_from(OPERATIONS)))
    assert_read(operation, json.loads(json.dumps(data.draw(valid(operation.input_shape)))))


@examples(75)
@given(st.data())
def test_requests_with_one_change_are_refused_or_valid_still(data: st.DataObject) -> None:
    """A request with one change is refused by name of what is wrong; where it is valid still, it is read as sent."""
    operation = operation_model(data.draw(st.sampled_from(OPERATIONS)))
    document = data.draw(valid(operation.input_shape).flatmap(spoiled) | ANYTHING)
    try:
        read_request(operation, document)
    except ServiceError as error:
        assert error.code in ("ValidationException", "SerializationException")  # noqa: PT017
        assert str(error)  # noqa: PT017
    else:
        assert_read(operation, document)


@examples(75)
@given(data=st.data())
def test_any_request_is_answered(client: Client, data: st.DataObject) -> None:
    """Jobs made so do not run: no image that is made up is of the scikit-learn family."""
    name = data.draw(st.sampled_from(ANSWERED))
    document = data.draw(valid(operation_model(name).input_shape))
    document = data.draw(st.just(document) | spoiled(document))
    status, answer = ask(client, f"SageMaker.{name}", json.dumps(document).encode())
    assert status in (200, 400), answer


@examples(100)
@given(st.data())
def test_an_unknown_member_is_refused(data: st.DataObject) -> None:
    operation = operation_model(data.draw(st.sampled_from([name for name in OPERATIONS if takes_members(name)])))
    document = data.draw(valid(operation.input_shape))
    with pytest.raises(ServiceError, match="Unknown parameter 'Unknown'"):
        read_request(operation, document | {"Unknown": data.draw(st.text() | st.none() | st.integers())})


def takes_members(name: str) -> bool:
    shape = operation_model(name).input_shape
    return shape is not None and bool(shape.members)


@examples(100)
@given(body=st.binary(max_size=200), target=st.text(st.characters(min_codepoint=33, max_codepoint=126)))
def test_any_bytes_are_answered(client: Client, body: bytes, target: str) -> None:
    assert ask(client, body=body)[0] in (200, 400)
    assert ask(client, target)[0] == 400
