"""Combine a script's hooks to convert the content of a request into a response."""

import functools
import json
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from sagemaker_training import content_types, encoders, errors

from ._env import ServingEnv
from ._worker import Request, Response

Hook = Callable[..., Any]


def default_model_fn(model_dir: str) -> NoReturn:
    raise NotImplementedError("the script must define model_fn(model_dir), which loads the model")


def default_input_fn(input_data: Any, content_type: str) -> Any:
    """Decode JSON, CSV or NPY into an array. Raises UnsupportedFormatError for other types."""
    return encoders.decode(input_data, content_type)


def default_predict_fn(data: Any, model: Any) -> NoReturn:
    raise NotImplementedError("the script must define predict_fn(data, model), which computes the predictions")


def default_output_fn(prediction: Any, accept: str) -> Response:
    """Encode a prediction as JSON, CSV or NPY. Raises UnsupportedFormatError for other types."""
    return Response(encoders.encode(prediction, accept), mimetype=accept)


class Transformer:
    """The hooks of a script. This module's default functions replace hooks that are None.

    transform_fn: replaces input_fn, predict_fn and output_fn; combining it with one of them raises ValueError.
    error_class: the exception that replaces errors in the script's hooks.
    """

    def __init__(
        self,
        model_fn: Hook | None = None,
        input_fn: Hook | None = None,
        predict_fn: Hook | None = None,
        output_fn: Hook | None = None,
        transform_fn: Hook | None = None,
        error_class: type[Exception] = errors.ClientError,
    ):
        if transform_fn and (input_fn or predict_fn or output_fn):
            raise ValueError("transform_fn cannot be combined with input_fn, predict_fn or output_fn")

        self._model: Any = None
        self._model_fn = _choose(model_fn, default_model_fn, error_class)
        self._input_fn = _choose(input_fn, default_input_fn, error_class)
        self._predict_fn = _choose(predict_fn, default_predict_fn, error_class)
        self._output_fn = _choose(output_fn, default_output_fn, error_class)
        self._transform_fn = _choose(transform_fn, self._transform_in_steps, error_class)

    def initialize(self) -> None:
        self._model = self._model_fn(ServingEnv().model_dir)

    def transform(self) -> Any:
        """Return the response to Flask's current request."""
        request = Request()
        result = self._transform_fn(self._model, request.content, request.content_type, request.accept)
        return Response(result[0], mimetype=result[1]) if isinstance(result, tuple) else result

    def _transform_in_steps(self, model: Any, content: Any, content_type: str, accept: str) -> Any:
        try:
            data = self._input_fn(content, content_type)
        except errors.UnsupportedFormatError as error:
            return _error_response(error, 415)
        prediction = self._predict_fn(data, model)
        try:
            return self._output_fn(prediction, accept)
        except errors.UnsupportedFormatError as error:
            return _error_response(error, 406)


def _choose(hook: Hook | None, default: Hook, error_class: type[Exception]) -> Hook:
    if hook is None:
        return default

    @functools.wraps(hook)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except Exception as error:
            raise error_class(error) from error

    return call


def _error_response(error: Exception, status: int) -> Response:
    content = {"error": type(error).__name__, "error-message": str(error), "stack-trace": traceback.format_exc()}
    return Response(json.dumps(content), status=status, mimetype=content_types.JSON)
