"""Requests and responses are checked against the service model: accepted values, and error messages."""

import datetime
import json
import time
from typing import Any

import pytest
from botocore.model import OperationModel, ServiceModel, Shape
from hypothesis import given
from hypothesis import strategies as st
from simulator.shapes import ANYTHING, KNOWN_STRINGS, modified_documents, valid_values
from stagemaker_support.fuzzing import examples

from stagemaker.protocol import service_model
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import operation_model, read_request, sagemaker_model, shape_response

OPERATIONS = sagemaker_model().operation_names


def error_message(name: str, document: Any) -> str:
    with pytest.raises(ServiceError) as excinfo:
        read_request(operation_model(name), document)
    assert excinfo.value.code == "ValidationException"
    return str(excinfo.value)


def test_every_pattern_of_the_service_model_compiles() -> None:
    shapes = [sagemaker_model().shape_for(name) for name in sagemaker_model().shape_names]
    patterns = {shape.metadata["pattern"] for shape in shapes if "pattern" in shape.metadata}
    compiled = [service_model._compile_pattern(pattern) for pattern in patterns]
    matches = [any(pattern.fullmatch(string, timeout=5) for string in KNOWN_STRINGS) for pattern in compiled]
    assert sum(matches) > len(patterns) / 2 > 100


def model_of(**members: dict[str, Any]) -> OperationModel:
    shapes = {"Request": {"type": "structure", "members": {name: {"shape": name} for name in members}}, **members}
    operations = {"Do": {"name": "Do", "http": {}, "input": {"shape": "Request"}}}
    return ServiceModel({"metadata": {}, "operations": operations, "shapes": shapes}).operation_model("Do")


STRING, NUMBER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("shape", "good_values", "bad_values"),
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
def test_values_must_match_their_shape(shape: dict[str, Any], good_values: list[Any], bad_values: list[Any]) -> None:
    operation = model_of(X=shape, Text=STRING | {"max": 3})
    assert read_request(operation, {"X": None}) == {}
    for value in good_values:
        (result,) = read_request(operation, {"X": value}).values()
        assert (result.timestamp() if isinstance(result, datetime.datetime) else result) == value
    for value in bad_values:
        with pytest.raises(ServiceError) as excinfo:
            read_request(operation, {"X": value})
        assert excinfo.value.code == "ValidationException", value
        assert len(str(excinfo.value)) < 1000, value


TEXT, LIST = {"shape": "Text"}, {"shape": "List"}


@pytest.mark.parametrize(
    ("constraint", "good", "bad"),
    [
        ({"min": 1}, "a", ""),
        ({"max": 3}, "abc", "abcd"),
        ({"pattern": "[a-z]*"}, "a", "A"),
        ({"enum": ["One"]}, "One", "one"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("shape", "wrap"),
    [
        ({"type": "structure", "members": {"A": TEXT}}, lambda value: {"A": value}),
        ({"type": "list", "member": TEXT}, lambda value: [value]),
        ({"type": "list", "member": LIST}, lambda value: [[], [value]]),
        ({"type": "list", "member": {"shape": "Pair"}}, lambda value: [{"A": value}]),
        ({"type": "map", "key": TEXT, "value": {"shape": "Any"}}, lambda value: {value: ""}),
        ({"type": "map", "key": {"shape": "Any"}, "value": TEXT}, lambda value: {"k": value}),
        ({"type": "map", "key": {"shape": "Any"}, "value": {"shape": "Pair"}}, lambda value: {"k": {"L": [value]}}),
        ({"type": "map", "key": {"shape": "Any"}, "value": LIST}, lambda value: {"k": [value]}),
    ],
    ids="structure,list,list of lists,list of structures,key,value,structure in a map,list in a map".split(","),
)
def test_constraints_apply_at_every_depth(
    shape: dict[str, Any], wrap: Any, constraint: dict[str, Any], good: str, bad: str
) -> None:
    pair = {"type": "structure", "members": {"A": TEXT, "L": LIST}}
    inner = {"Text": STRING | constraint, "Any": STRING, "List": {"type": "list", "member": TEXT}, "Pair": pair}
    operation = model_of(X=shape, **inner)
    assert read_request(operation, {"X": wrap(good)}) == {"X": wrap(good)}
    with pytest.raises(ServiceError) as excinfo:
        read_request(operation, {"X": wrap(bad)})
    assert excinfo.value.code == "ValidationException"


def test_a_message_names_the_member_and_the_constraint() -> None:
    result = error_message("ListModels", {"SortBy": "Size", "NameContains": "_"})
    assert result.startswith("2 validation errors detected: Value 'Size' at 'sortBy' failed to satisfy constraint")
    assert "enum value set: [Name, CreationTime]" in result
    assert "pattern: [a-zA-Z0-9-]+" in result
    tags = [{"Key": "fine", "Value": ""}, {"Key": "", "Value": "x" * 257}]
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/m"
    assert "Value 'xxx" in (
        result := error_message("AddTags", {"ResourceArn": arn, "Tags": [tags[0], tags[1] | {"Key": "a"}]})
    )
    assert "at 'tags.2.member.value'" in result
    assert "Tags[1].Key" in error_message("AddTags", {"ResourceArn": arn, "Tags": tags})


def test_a_message_stays_short() -> None:
    result = error_message("DeleteTags", {"ResourceArn": "x", "TagKeys": ["!" * 200] * 40_000})
    assert len(result) < 10_000
    assert len(error_message("DeleteTags", {"ResourceArn": "x" * 1_000_000, "TagKeys": [7] * 40_000})) < 10_000


@pytest.mark.parametrize("pattern", ["[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?", r"https://([.\-_a-zA-Z0-9]+/?){3,1016}"])
def test_slow_patterns_stop_at_the_time_limit(pattern: str) -> None:
    operation = model_of(X={"type": "list", "member": {"shape": "Text"}}, Text=STRING | {"pattern": pattern})
    with pytest.raises(ServiceError, match="regular expression"):
        read_request(operation, {"X": ["https://" + "a" * 60 + "!"] * 1000 + ["a" * 60 + "!"] * 1000}, 0.5)


class Stalled(str):
    def __len__(self) -> int:
        time.sleep(0.2)  # as if the process were suspended for a while
        return super().__len__()


def test_only_cpu_time_counts_towards_the_time_limit_of_patterns() -> None:
    operation = model_of(X=STRING | {"pattern": "[a-z]+"})
    assert read_request(operation, {"X": Stalled("stalled")}, 0.1) == {"X": "stalled"}


def test_responses_contain_only_members_of_the_shape_and_json_values() -> None:
    shape = operation_model("DescribeTrainingJob").output_shape
    record = {
        "TrainingJobName": "x",
        "Other": 1,
        "FailureReason": None,
        "FinalMetricDataList": [{"Value": float("nan")}],
    }
    assert shape_response(shape, record) == {"TrainingJobName": "x", "FinalMetricDataList": [{}]}


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return pytest.approx(value.timestamp(), abs=1e-3) if isinstance(value, datetime.datetime) else value


def remove_nulls(shape: Shape | None, value: Any) -> Any:
    if shape is not None and shape.type_name == "structure":
        members = {name: item for name, item in value.items() if item is not None}
        return {name: remove_nulls(shape.members[name], item) for name, item in members.items()}
    if shape is not None and shape.type_name == "list":
        return [remove_nulls(shape.member, item) for item in value]
    if shape is not None and shape.type_name == "map":
        return {key: remove_nulls(shape.value, item) for key, item in value.items()}
    return value


def assert_read_as_sent(operation: OperationModel, document: Any) -> None:
    expected = remove_nulls(operation.input_shape, document) if operation.input_shape else {}
    assert expected == as_json(read_request(operation, document))


@examples(80)
@given(st.data())
def test_valid_requests_are_read_unchanged_and_others_rejected(data: st.DataObject) -> None:
    operation = operation_model(data.draw(st.sampled_from([name for name in OPERATIONS if has_members(name)])))
    document = data.draw(valid_values(operation.input_shape))
    assert_read_as_sent(operation, json.loads(json.dumps(document)))
    with pytest.raises(ServiceError, match="Unknown parameter 'Unknown'"):
        read_request(operation, document | {"Unknown": data.draw(st.text() | st.none() | st.integers())})
    changed_document = data.draw(modified_documents(document) | ANYTHING)
    try:
        read_request(operation, changed_document)
    except ServiceError as error:
        assert error.code in ("ValidationException", "SerializationException")  # noqa: PT017
        assert str(error)  # noqa: PT017
    else:
        assert_read_as_sent(operation, changed_document)


def has_members(name: str) -> bool:
    shape = operation_model(name).input_shape
    return shape is not None and bool(shape.members)
