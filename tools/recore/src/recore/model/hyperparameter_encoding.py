"""Hyperparameters of any JSON type in the flat texts that SageMaker allows.

`{"fit": {"alpha": 0.1}}` becomes `{"fit.alpha": "0.1"}`: a nested key is joined by dots, and each value is JSON.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST = 256  # characters of a name and of a value
MOST = 100


class HyperParameterEncodingError(Exception):
    """The hyperparameters cannot be encoded for SageMaker, or what was encoded cannot be decoded."""


def encode(hyperparameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the flat form of nested hyperparameters.

    Raises HyperParameterEncodingError if a key is not a string or contains a dot, a joined key or an encoded value has
    more than 256 characters, there are more than 100, or a value is not JSON.
    """
    flat = dict(_flatten(hyperparameters, ""))
    if len(flat) > MOST:
        numbers = f"at most {MOST} hyperparameters but {len(flat)} were specified"
        raise HyperParameterEncodingError(f"SageMaker allows {numbers}.")
    return flat


def decode(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the nested form of flat hyperparameters.

    Raises HyperParameterEncodingError if a value is not JSON, or a key is both a value and the beginning of another.
    """
    nested: dict[str, Any] = {}
    inner: dict[tuple[str, ...], dict[str, Any]] = {(): nested}
    for key, text in hyperparameters.items():
        path = tuple(key.split("."))
        for depth in range(1, len(path)):
            if path[:depth] not in inner:
                inner[path[:depth]] = _set(inner[path[: depth - 1]], path[depth - 1], {}, key)
        try:
            value = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise HyperParameterEncodingError(f"Value {text!r} for key {key!r} is not valid JSON: {error}") from error
        _set(inner[path[:-1]], path[-1], value, key)
    return nested


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if not isinstance(name, str) or "." in name:
            raise HyperParameterEncodingError(f"Key {name!r} must be a string without dots ('.')")
        key = prefix + name
        if len(key) > LONGEST:
            raise HyperParameterEncodingError(f"Key {key!r} must be at most {LONGEST} characters.")
        if isinstance(value, Mapping) and value:  # an empty one would leave no trace
            yield from _flatten(value, f"{key}.")
            continue
        yield key, _encode_value(key, value)


def _encode_value(key: str, value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise HyperParameterEncodingError(f"The value for key {key!r} cannot be written as JSON: {error}") from error
    if len(text) > LONGEST:
        raise HyperParameterEncodingError(f"Value {text!r} for key {key!r} must have length at most {LONGEST}.")
    return text


def _set(values: dict[str, Any], name: str, value: Any, key: str) -> Any:
    if name in values:
        raise HyperParameterEncodingError(f"Key {key!r} conflicts with another key that begins with the same name.")
    values[name] = value
    return value
