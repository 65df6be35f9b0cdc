"""Strict JSON without NaN and infinity: both are written as null."""

import json
from typing import Any

from flask.json.provider import DefaultJSONProvider


def to_json(value: Any) -> str:
    """Return a value as one line of JSON in ASCII.

    NaN and infinities become null; objects with a method `tolist`, such as NumPy arrays and numbers, become lists and
    numbers. As in Flask, decimals and UUIDs become strings, dates become strings in HTTP format, and dataclasses become
    objects. Raises ValueError if the value contains anything else that is not JSON.
    """
    try:
        try:
            return json.dumps(value, allow_nan=False, default=_to_json_value)
        except ValueError:  # not finite, which is rare: other values are encoded only once
            encoded = json.dumps(value, default=_to_json_value, check_circular=False)
            return json.dumps(json.loads(encoded, parse_constant=lambda name: None))
    except RecursionError as error:
        raise ValueError("it contains itself, or is nested too deeply") from error
    except TypeError as error:
        raise ValueError(str(error)) from error


def _to_json_value(value: Any) -> Any:
    convert = getattr(value, "tolist", None)
    return DefaultJSONProvider.default(value) if convert is None else convert()
