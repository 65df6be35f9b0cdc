"""Values as strict JSON, which has no NaN and no infinity: both are written as null."""

import json
import math
from collections.abc import Mapping
from typing import Any

from flask.json.provider import DefaultJSONProvider


def to_json(value: Any) -> str:
    """Return a value as one line of JSON in ASCII.

    NaN and infinities become null; what has a method `tolist`, as NumPy's arrays and numbers do, becomes lists and
    numbers. Decimals and UUIDs become texts, dates texts as in HTTP and dataclasses objects, as in Flask's answers.
    Raises ValueError if the value contains anything else that is not JSON.
    """
    try:
        try:
            return json.dumps(value, allow_nan=False, default=_plain)
        except ValueError:  # not finite, which is rare: the usual values are written without a copy
            return json.dumps(_finite(value), allow_nan=False)
    except RecursionError as error:
        raise ValueError("it contains itself, or is nested too deeply") from error
    except TypeError as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    convert = getattr(value, "tolist", None)
    return DefaultJSONProvider.default(value) if convert is None else convert()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    return _finite(_plain(value))
