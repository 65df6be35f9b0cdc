"""Invocation of a predictor with JSON, independent of the server."""

import json
from typing import Any

from werkzeug.exceptions import HTTPException

from .errors import APIError, ClientError, ServerError
from .predictor import ModelPredictor
from .strict_json import to_json


def respond(predictor: ModelPredictor, body: bytes | str) -> str:
    """Return the prediction for a request as JSON.

    body: JSON; an object with a list under the key `instances` is a batch. Raises ClientError if the body is invalid,
    or ServerError if the prediction cannot be written as JSON, and any exception of the predictor.
    """
    data = _parse(body)
    if isinstance(data, dict) and "instances" in data:
        if not isinstance(data["instances"], list):
            raise ClientError("instances must be a list", f"it is {_kind(data['instances'])}")
        prediction = predictor.batch_invoke(data["instances"])
    else:
        prediction = predictor.invoke(data)
    try:
        return to_json(prediction)
    except ValueError as error:
        raise ServerError("the prediction could not be written as JSON", str(error)) from error


def error_response(error: HTTPException) -> tuple[str, int]:
    """Return the JSON response to a failed request, with details only for an APIError, and its status."""
    if not isinstance(error, APIError):
        return to_json({"message": error.description or error.name}), error.code or 500
    details = [item if isinstance(item, str | int | float | dict | list) else str(item) for item in error.details]
    return to_json({"message": error.message, "details": details}), error.status_code


def _parse(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise ClientError("the request body could not be parsed as JSON", "it is nested too deeply") from None
    except ValueError as error:
        raise ClientError("the request body is not valid JSON", str(error)) from error


def _kind(value: Any) -> str:
    names = {dict: "an object", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
