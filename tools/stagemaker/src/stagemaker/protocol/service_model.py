"""Validate requests and convert responses according to botocore's service model of SageMaker."""

import datetime
import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import regex
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from stagemaker.protocol.errors import ServiceError, validation_error
from stagemaker.protocol.session import simulator_botocore_session

MAX_DEPTH = 50  # levels of nesting in a request; some shapes are recursive and have no limit
MAX_VALUES = 50_000  # values in a request; each invalid one costs memory and a line of the response
# for values that only the local mode of SageMaker's SDK accepts, by their beginning
LOCAL_MODE_HINTS = {
    "local": "; instead of the SDK's local mode, use an instance type such as ml.m5.large",
    "file://": "; upload the files to S3 and use their s3:// URI instead",
}
MAX_PROBLEMS = 20  # problems listed in a response
# CPU time for all patterns of a request: some take exponential time on a value that does not match
PATTERN_SECONDS = 2.0
# of the values that are remembered as matching a pattern
MAX_REMEMBERED_MATCHES, MAX_REMEMBERED_LENGTH = 1000, 200
UPPER_BOUNDS = {"integer": 2**31, "long": 2**63, "float": math.inf, "double": math.inf, "timestamp": math.inf}


@cache
def sagemaker_model() -> ServiceModel:
    return simulator_botocore_session().get_service_model("sagemaker")


@cache
def runtime_model() -> ServiceModel:
    return simulator_botocore_session().get_service_model("sagemaker-runtime")


@cache
def metrics_model() -> ServiceModel:
    return simulator_botocore_session().get_service_model("sagemaker-metrics")


def operation_model(name: str) -> OperationModel:
    """Return the model of an operation. Raises ServiceError if SageMaker has no such operation."""
    if name not in sagemaker_model().operation_names:
        raise ServiceError("UnknownOperationException", f"SageMaker has no operation '{name[:80]}'")
    return sagemaker_model().operation_model(name)


def read_request(operation: OperationModel, document: Any, pattern_seconds: float = PATTERN_SECONDS) -> dict[str, Any]:
    """Return a request's JSON document as Python values, validated against the service model.

    botocore's validator checks members and types; this module checks patterns, enums, lengths and ranges, and rejects
    unknown members. Raises ServiceError: SerializationException if the document cannot be a request, otherwise
    ValidationException.
    """
    if not isinstance(document, dict):
        raise ServiceError("SerializationException", "The request body must be a JSON object")
    _check_size(document)
    values = _to_python(operation.input_shape, document, "")
    if problems := _problems(operation.input_shape, values, "", time.thread_time() + pattern_seconds):
        raise validation_error(problems)
    return dict(values)


def value_problems(shape: Shape, value: Any, path: str, deadline: float) -> list[str]:
    """Return the problems with the value at a path of a request, or an empty list if the value is valid.

    deadline: a time.thread_time() value; a pattern that has not matched by then counts as a mismatch.
    """
    try:
        return _problems(shape, _to_python(shape, value, f"{path}."), path, deadline)
    except ServiceError as error:
        return [str(error)]


def shape_response(shape: Shape | None, value: Any) -> Any:
    """Convert a value for a JSON response: drop unknown members, None and NaN; convert times to epoch seconds."""
    if shape is None:
        return {}
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if shape.type_name == "structure":
        members = ((name, shape_response(member, value.get(name))) for name, member in shape.members.items())
        return {name: item for name, item in members if item is not None}
    if shape.type_name == "list":
        return [shape_response(shape.member, item) for item in value if item is not None]
    if shape.type_name == "map":
        return {key: shape_response(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return round(value.timestamp(), 3) if isinstance(value, datetime.datetime) else value
    return value


def _problems(shape: Shape, value: Any, path: str, deadline: float) -> list[str]:
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        prefix = f"{path}: " if path else ""
        return [f"{prefix}{line.strip()[:400]}" for line in report.generate_report().splitlines()[:MAX_PROBLEMS]]
    return list(itertools.islice(_violations(shape, value, path, deadline), MAX_PROBLEMS))


def _check_size(document: Any) -> None:
    count = 1
    for depth, level in enumerate(levels_below(document), 2):
        count += len(level)
        if count > MAX_VALUES or depth > MAX_DEPTH:
            message = f"A request must not exceed {MAX_VALUES} values or {MAX_DEPTH} levels of nesting"
            raise ServiceError("SerializationException", message)


def levels_below(document: Any) -> Iterator[list[Any]]:
    """For each level of nesting below a JSON document, yield a list of its values; the last list is empty."""
    level = [document]
    while level:
        level = [item for value in level for item in children(value)]
        yield level


def children(value: Any) -> Iterable[Any]:
    """Return the values in an object or an array, and nothing for a scalar."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _to_python(shape: Shape, value: Any, path: str) -> Any:
    """Convert JSON for botocore's validator: convert times to datetime objects, and drop null members.

    Reject values that the validator would accept: True as a number, a string as a time, and non-finite numbers.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        if unknown_names := sorted(set(value) - set(members)):
            raise validation_error([f"Unknown parameter '{path}{unknown_names[0][:80]}'"])
        present_members = {name: item for name, item in value.items() if item is not None}
        return {name: _to_python(members[name], item, f"{path}{name}.") for name, item in present_members.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_to_python(shape.member, item, path) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _to_python(shape.value, item, path) for key, item in value.items()}
    if shape.type_name not in UPPER_BOUNDS:
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        if is_number and math.isfinite(value) and abs(value) < UPPER_BOUNDS[shape.type_name]:
            return datetime.datetime.fromtimestamp(value, datetime.UTC) if shape.type_name == "timestamp" else value
    except (ValueError, OverflowError, OSError):  # outside the range of floats or of datetime
        pass
    expected = "a Unix timestamp in seconds" if shape.type_name == "timestamp" else "a number in the valid range"
    raise validation_error([f"Value '{str(value)[:80]}' at '{path.rstrip('.')}' is not {expected}"])


def _violations(shape: Shape, value: Any, path: str, deadline: float) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from _violations(shape.members[name], item, f"{path}.{name[:1].lower()}{name[1:]}", deadline)
        return
    if shape.type_name == "list":
        for index, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{index}.member", deadline)
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from _violations(shape.key, key, f"{path}.{key[:80]}.key", deadline)
            yield from _violations(shape.value, item, f"{path}.{key[:80]}.value", deadline)
    hint = next((hint for start, hint in LOCAL_MODE_HINTS.items() if str(value).startswith(start)), "")
    for reason in _violated_constraints(shape.metadata, value, deadline):
        problem = f"failed to satisfy constraint: Member must {reason}{hint}"
        yield f"Value '{str(value)[:80]}' at '{path.lstrip('.')}' {problem}"


def _violated_constraints(constraints: Mapping[str, Any], value: Any, deadline: float) -> Iterator[str]:
    size: float
    if isinstance(value, str | list | dict):
        size, requirement = len(value), "have length"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size, requirement = value, "have value"
    else:
        return
    if "min" in constraints and size < constraints["min"]:
        yield f"{requirement} greater than or equal to {constraints['min']}"
    if "max" in constraints and size > constraints["max"]:
        yield f"{requirement} less than or equal to {constraints['max']}"
        return  # matching a pattern could take a long time
    if isinstance(value, str):
        if constraints.get("enum") and value not in constraints["enum"]:
            yield f"satisfy enum value set: [{', '.join(constraints['enum'])}]"
        if constraints.get("pattern") and not _matches_fully(_compile_pattern(constraints["pattern"]), value, deadline):
            yield f"satisfy regular expression pattern: {constraints['pattern']}"


@cache
def _compile_pattern(pattern: str) -> "regex.Pattern[str]":
    r"""Compile a pattern of the model, which is in Java's syntax.

    In Java, \w, \d, \s and \p{Alnum} match only ASCII. A character above U+FFFF may be written as a surrogate pair.
    """
    pattern = pattern.replace(r"\p{Alnum}", "a-zA-Z0-9")
    pattern = regex.sub(
        r"\\u(D[89AB]..)\\u(D[C-F]..)",
        lambda surrogates: bytes.fromhex(surrogates[1] + surrogates[2]).decode("utf-16-be"),
        pattern,
    )
    return regex.compile(pattern, 0 if r"\p" in pattern else regex.ASCII)


def _matches_fully(pattern: "regex.Pattern[str]", value: str, deadline: float) -> bool:
    if (pattern, value) in _remembered_matches:  # matching releases the GIL, which takes longer than a short match
        return True
    is_match = False
    while (seconds_left := deadline - time.thread_time()) > 0:
        try:
            is_match = pattern.fullmatch(value, timeout=seconds_left, concurrent=True) is not None
            break
        except TimeoutError:  # regex counts the CPU time of all threads, so this thread may have time left
            continue
    if is_match and len(value) < MAX_REMEMBERED_LENGTH:
        if len(_remembered_matches) >= MAX_REMEMBERED_MATCHES:
            _remembered_matches.clear()
        _remembered_matches.add((pattern, value))
    return is_match


_remembered_matches: set[tuple["regex.Pattern[str]", str]] = set()
