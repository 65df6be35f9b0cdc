"""Encoding of hyperparameters of any JSON type as the flat strings that SageMaker allows.

`{"fit": {"alpha": 0.1}}` becomes `{"fit.alpha": "0.1"}`: nested keys are joined by dots, and each value is JSON.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

MAX_LENGTH = 256  # characters of a name and of a value
MAX_COUNT = 100


class HyperParameterEncodingError(Exception):
    """Hyperparameters cannot be encoded for SageMaker, or cannot be decoded."""


def encode(hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the flat form of nested hyperparameters.

    Raises HyperParameterEncodingError if a key is not a string or contains a dot, if a joined key or an encoded
    value is longer than 256 characters, if there are more than 100 hyperparameters, or if a value is not JSON.
    """
    flat = dict(_flatten(hyperparameters, ""))
    if len(flat) > MAX_COUNT:
        numbers = f"at most {MAX_COUNT} hyperparameters but {len(flat)} were specified"
        raise HyperParameterEncodingError(f"SageMaker allows {numbers}.")
    return flat


def decode(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the nested form of flat hyperparameters.

    Raises HyperParameterEncodingError if a value is not JSON, or if a key (a) is also the parent of another key (a.b).
    """
    nested: dict[str, Any] = {}
    inner: dict[tuple[str, ...], dict[str, Any]] = {(): nested}
    for key, encoded in hyperparameters.items():
        path = tuple(key.split("."))
        for depth in range(1, len(path)):
            if path[:depth] not in inner:
                inner[path[:depth]] = _set(inner[path[: depth - 1]], path[depth - 1], {}, key)
        try:
            value = json.loads(encoded)
        except (ValueError, TypeError, RecursionError) as error:
            problem = f"Value {encoded!r} for key {key!r} is not valid JSON"
            raise HyperParameterEncodingError(f"{problem}: {error}") from error
        _set(inner[path[:-1]], path[-1], value, key)
    return nested


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if not isinstance(name, str) or "." in name:
            raise HyperParameterEncodingError(f"Key {name!r} must be a string without dots ('.')")
        key = prefix + name
        if len(key) > MAX_LENGTH:
            raise HyperParameterEncodingError(f"Key {key!r} must be at most {MAX_LENGTH} characters.")
        if isinstance(value, Mapping) and value:  # an empty mapping would be lost
            yield from _flatten(value, f"{key}.")
            continue
        yield key, _encode_value(key, value)


def _encode_value(key: str, value: Any) -> str:
    try:
        encoded = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise HyperParameterEncodingError(f"The value for key {key!r} cannot be written as JSON: {error}") from error
    if len(encoded) > MAX_LENGTH:
        raise HyperParameterEncodingError(f"Value {encoded!r} for key {key!r} must have length at most {MAX_LENGTH}.")
    return encoded


def _set(values: dict[str, Any], name: str, value: Any, key: str) -> Any:
    if name in values:
        raise HyperParameterEncodingError(f"Key {key!r} conflicts with another key that begins with the same name.")
    values[name] = value
    return value
