"""SageMaker's API as botocore's service model describes it: what a request may be, what an answer looks like."""

import base64
import datetime
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
import regex
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from recore.simulator.errors import ServiceError, validation_error


@cache
def sagemaker_model() -> ServiceModel:
    """botocore's model of the SageMaker service."""
    return botocore.session.get_session().get_service_model("sagemaker")


def operation_model(name: str) -> OperationModel:
    """The model of an operation. Raises ServiceError where SageMaker has none of that name."""
    if name not in sagemaker_model().operation_names:
        raise ServiceError("UnknownOperationException", f"SageMaker has no operation {name!r}")
    return sagemaker_model().operation_model(name)


def read_request(operation: OperationModel, document: Any) -> dict[str, Any]:
    """A request's JSON document as Python values, checked. Raises ServiceError (ValidationException).

    botocore's validator checks members and types; what it does not look at (patterns, enums, lengths, ranges) is
    checked from the same shapes. Members that the model does not know are refused, as SageMaker does.
    """
    shape = operation.input_shape
    if shape is None:
        return {}
    if not isinstance(document, dict):
        raise ServiceError("SerializationException", "the body of a request must be a JSON object")
    values = _to_python(shape, document, "")
    report = ParamValidator().validate(values, shape)
    if report.has_errors():
        raise validation_error([line.strip() for line in report.generate_report().splitlines()])
    problems = list(_violations(shape, values, ""))
    if problems:
        raise validation_error(problems)
    return dict(values)


def shape_answer(shape: Shape | None, value: Any) -> Any:
    """A value as the JSON of an answer: the shape's members alone, times in seconds, nothing that is None."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        members = shape.members.items()
        return {name: shape_answer(member, value[name]) for name, member in members if value.get(name) is not None}
    if shape.type_name == "list":
        return [shape_answer(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: shape_answer(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return value.timestamp() if isinstance(value, datetime.datetime) else value
    return value


def _to_python(shape: Shape, value: Any, path: str) -> Any:
    """JSON to what botocore's validator takes: times as datetime, blobs as bytes; everything else as it came."""
    if value is None:
        return None
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        unknown = sorted(set(value) - set(members))
        if unknown:
            raise validation_error([f"Unknown parameter {path}{unknown[0]}"])
        given = ((name, _to_python(members[name], item, f"{path}{name}.")) for name, item in value.items())
        return {name: item for name, item in given if item is not None}
    if shape.type_name == "list" and isinstance(value, list):
        return [_to_python(shape.member, item, path) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _to_python(shape.value, item, path) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.datetime.fromtimestamp(value, datetime.UTC)
        except (ValueError, OverflowError, OSError):
            raise validation_error([f"{path.rstrip('.')}: no time: {value}"]) from None
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except ValueError:
            raise validation_error([f"{path.rstrip('.')}: no base64"]) from None
    if shape.type_name in ("float", "double") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Where a value of the right type breaks its shape's bounds, in SageMaker's words."""
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from _violations(shape.members[name], item, f"{path}.{_lower(name)}")
        return
    if shape.type_name == "list":
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path}.{key}.key")
            yield from _violations(shape.value, item, f"{path}.{key}.value")
    for reason in _broken_bounds(shape.metadata, value):
        shown = str(value)[:80]
        yield f"Value '{shown}' at '{path.lstrip('.')}' failed to satisfy constraint: Member must {reason}"


def _broken_bounds(bounds: Mapping[str, Any], value: Any) -> Iterator[str]:
    if isinstance(value, str | bytes | list | dict):
        size, what = float(len(value)), "have length"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, what = float(value), "have value"
    else:
        return
    if "min" in bounds and size < bounds["min"]:
        yield f"{what} greater than or equal to {bounds['min']}"
    if "max" in bounds and size > bounds["max"]:
        yield f"{what} less than or equal to {bounds['max']}"
    if isinstance(value, str):
        if bounds.get("enum") and value not in bounds["enum"]:
            yield f"satisfy enum value set: [{', '.join(bounds['enum'])}]"
        pattern = _pattern(bounds.get("pattern", ""))
        if pattern is not None and not _matches(pattern, value):
            yield f"satisfy regular expression pattern: {bounds['pattern']}"


@cache
def _pattern(text: str) -> "regex.Pattern[str] | None":
    """A model's pattern compiled; None where there is none, or one that is not Python's (surrogate pairs)."""
    try:
        return regex.compile(text.replace(r"\p{Alnum}", "[:alnum:]")) if text else None
    except regex.error:
        return None


def _matches(pattern: "regex.Pattern[str]", value: str) -> bool:
    try:
        return pattern.fullmatch(value, timeout=1.0) is not None
    except TimeoutError:
        return False


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
