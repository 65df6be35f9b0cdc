"""The errors in a definition, and functions that parse JSON within size limits and check objects' members."""

import contextlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stagemaker.protocol.errors import ValidationException
from stagemaker.protocol.service_model import levels_below
from stagemaker.text import printable, reject_constant

MAX_BYTES = 4 << 20  # size of a definition
MAX_LEVELS = 64  # levels of objects and arrays
MAX_VALUES = 300_000
Types = Mapping[str, type | tuple[type, ...]]
TYPE_NAMES = {str: "a string", bool: "true or false", int: "a number", float: "a number"}
TYPE_NAMES |= {list: "a list", dict: "an object"}


class DefinitionError(ValidationException):
    """An error in a definition. The message states the step and the reason."""


class StepFailure(Exception):
    """The failure of a step, whose message becomes the FailureReason, with unprintable characters replaced.

    kind: the exception type by which retry policies select this failure, or ''. status: the step's final status.
    """

    def __init__(self, message: str, kind: str = "", status: str = "Failed"):
        super().__init__(printable(message))
        self.kind, self.status = kind, status


@contextlib.contextmanager
def locate_errors(location: str) -> Iterator[None]:
    """Prefix the message of each DefinitionError raised in the context with `location`."""
    try:
        yield
    except DefinitionError as problem:
        raise DefinitionError(f"{location}: {problem}") from None


def read_json(definition: str) -> dict[str, Any]:
    """Parse a definition. Raises DefinitionError if it is not a JSON object within the limits."""
    if len(definition.encode("utf-8", "replace")) > MAX_BYTES:
        raise DefinitionError(f"A definition must not exceed {MAX_BYTES} bytes")
    try:
        document = json.loads(definition, parse_constant=reject_constant, object_pairs_hook=_unique_members)
        json.dumps(document, ensure_ascii=False).encode()  # fails if an escape is half of a surrogate pair
    except RecursionError:
        raise DefinitionError(f"A definition can have at most {MAX_LEVELS} levels of nesting") from None
    except ValueError as error:
        raise DefinitionError(f"The definition is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise DefinitionError("The definition is not a JSON object")
    _check_size(document)
    return document


def read_members(value: Any, location: str, required: Types, optional: Types) -> dict[str, Any]:
    """Return the members of an object, without optional members that are null.

    Raises DefinitionError if the value is not an object, or if a member is missing, unknown or of the wrong type.
    """
    if not isinstance(value, dict):
        raise DefinitionError(f"{location} must be an object")
    if unknown_names := sorted(value.keys() - required.keys() - optional.keys()):
        raise DefinitionError(f"{location}: {unknown_names[0][:80]} is unknown or not simulated")
    if missing_names := sorted(required.keys() - value.keys()):
        raise DefinitionError(f"{location}: {missing_names[0]} is missing")
    members = {name: item for name, item in value.items() if item is not None or name in required}
    for name, item in members.items():
        types = required.get(name) or optional[name]
        allowed = types if isinstance(types, tuple) else (types,)
        if not isinstance(item, allowed) or (isinstance(item, bool) and bool not in allowed):
            names = dict.fromkeys(TYPE_NAMES[kind] for kind in allowed)
            raise DefinitionError(f"{location}: {name} must be {' or '.join(names)}")
    return members


def _check_size(document: Any) -> None:
    count = 1
    for depth, level in enumerate(levels_below(document), 2):
        count += len(level)
        if depth > MAX_LEVELS:
            raise DefinitionError(f"A definition can have at most {MAX_LEVELS} levels of nesting")
        if count > MAX_VALUES:
            raise DefinitionError(f"A definition can have at most {MAX_VALUES} values")
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise DefinitionError("The definition contains a number that is too large")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        [(repeated_name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object contains the member {repeated_name[:80]!r} twice")
    return document
