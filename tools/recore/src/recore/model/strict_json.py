"""Values as strict JSON, which has no NaN and no infinity: both are written as null."""

import json
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
        except ValueError:  # not finite, which is rare: the usual values are written only once
            text = json.dumps(value, default=_plain, check_circular=False)
            return json.dumps(json.loads(text, parse_constant=lambda name: None))
    except RecursionError as error:
        raise ValueError("it contains itself, or is nested too deeply") from error
    except TypeError as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    convert = getattr(value, "tolist", None)
    return DefaultJSONProvider.default(value) if convert is None else convert()
