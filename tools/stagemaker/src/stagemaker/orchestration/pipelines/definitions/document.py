"""A definition's JSON: parsing within size limits, and checks of the members of objects."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stagemaker.orchestration.pipelines.definitions.problems import DefinitionError
from stagemaker.text import refuse_constant

MAX_BYTES = 4 << 20  # size of a definition
MAX_LEVELS = 64  # levels of objects and arrays
MAX_VALUES = 300_000
Types = Mapping[str, type | tuple[type, ...]]
TYPE_NAMES = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def read_json(text: str) -> dict[str, Any]:
    """Parse the text of a definition. Raises DefinitionError if it is not a JSON object within the limits."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise DefinitionError(f"A definition must not exceed {MAX_BYTES} bytes")
    try:
        document = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=_unique_members)
        json.dumps(document, ensure_ascii=False).encode()  # fails if an escape is half of a surrogate pair
    except RecursionError:
        raise DefinitionError(f"A definition can have at most {MAX_LEVELS} levels of nesting") from None
    except ValueError as error:
        raise DefinitionError(f"The definition is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise DefinitionError("The definition is not a JSON object")
    _check_size(document)
    return document


def read_members(value: Any, place: str, required: Types, optional: Types) -> dict[str, Any]:
    """Return the members of an object, without optional members that are null.

    Raises DefinitionError if the value is not an object, or if a member is missing, unknown or of the wrong type.
    """
    if not isinstance(value, dict):
        raise DefinitionError(f"{place} must be an object")
    if unknown := sorted(value.keys() - required.keys() - optional.keys()):
        raise DefinitionError(f"{place}: {unknown[0][:80]} is unknown or not simulated")
    if missing := sorted(required.keys() - value.keys()):
        raise DefinitionError(f"{place}: {missing[0]} is missing")
    present = {name: item for name, item in value.items() if item is not None or name in required}
    for name, item in present.items():
        types = required.get(name) or optional[name]
        allowed = types if isinstance(types, tuple) else (types,)
        if not isinstance(item, allowed) or (isinstance(item, bool) and bool not in allowed):
            raise DefinitionError(
                f"{place}: {name} must be {' or '.join(dict.fromkeys(TYPE_NAMES[t] for t in allowed))}"
            )
    return present


def children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_size(document: Any) -> None:
    level, count, depth = [document], 1, 1
    while level:
        level = [item for value in level for item in children(value)]
        count, depth = count + len(level), depth + 1
        if depth > MAX_LEVELS:
            raise DefinitionError(f"A definition can have at most {MAX_LEVELS} levels of nesting")
        if count > MAX_VALUES:
            raise DefinitionError(f"A definition can have at most {MAX_VALUES} values")
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise DefinitionError("The definition contains a number that is too large")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        [(repeated, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"an object contains the member {repeated[:80]!r} twice")
    return document
