"""Run a model class in SageMaker's script mode: the hooks of the scikit-learn container, and its training script.

A script of a few lines is sufficient:

    from house_prices import HousePrices
    from recore.model.script import make_hooks, train

    model_fn, input_fn, predict_fn, output_fn = make_hooks(HousePrices)
    if __name__ == "__main__":
        train(HousePrices)
"""

import atexit
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from flask import Response
from werkzeug.exceptions import HTTPException

from .classes import Model, load_model
from .environment import SageMakerEnv, log_to_stdout
from .errors import ConfigError
from .invocation import error_response, respond
from .predictor import ModelPredictor
from .record_queue import background_recording

JSON = "application/json"
HookResult = tuple[str, int]  # from predict_fn to output_fn: JSON, and the HTTP status


class HookFunctions(NamedTuple):
    """The four functions that the container calls, in the order of a request."""

    model_fn: Callable[[str], ModelPredictor]
    input_fn: Callable[[bytes | str, str], bytes | str]
    predict_fn: Callable[[bytes | str, ModelPredictor], HookResult]
    output_fn: Callable[[HookResult, str], Any]


class ScriptEnv(SageMakerEnv):
    """The environment of a script. model_dir: the model folder, as passed by the container."""

    def __init__(self, model_dir: str | None = None):
        environ = dict(os.environ)
        if model_dir is None and not environ.get("ML2P_TRAINING_JOB") and (job := environ.get("TRAINING_JOB_NAME")):
            environ["ML2P_TRAINING_JOB"] = job
        super().__init__(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", environ)
        self._model_dir = model_dir or environ.get("SM_MODEL_DIR")

    def model_folder(self) -> Path:
        return Path(self._model_dir) if self._model_dir else super().model_folder()


def train(model: type[Model] | None = None) -> None:
    """Train a model in a training job. The script's arguments are ignored; hyperparameters come from the job's files.

    model: by default the class that ML2P_MODEL_CLS names. Raises ConfigError if that is not set, ModelClassError if the
    class does not exist, MissingPartError if it has no trainer, and any exception of the trainer.
    """
    log_to_stdout()
    env = ScriptEnv()
    print(f"Starting training job {env.training_job_name}.", flush=True)
    _make_model(model, env).trainer(env).train()
    print("Done.", flush=True)


def make_hooks(model: type[Model] | None = None) -> HookFunctions:
    """Return the container's hooks for a model class. Requests (one datum or a batch) and responses are JSON.

    model: by default the class that ML2P_MODEL_CLS names.
    """
    return HookFunctions(lambda model_dir: start_predictor(model, model_dir), keep_body, predict, make_output)


def start_predictor(model: type[Model] | None, model_dir: str) -> ModelPredictor:
    """Set up and return a predictor. When the server stops, teardown() is called and remaining records are written.

    Raises ConfigError, ModelClassError, MissingPartError, and any exception of setup().
    """
    log_to_stdout()
    env = ScriptEnv(model_dir)
    predictor = _make_model(model, env).predictor(env)
    with ExitStack() as stack:
        stack.enter_context(background_recording(predictor))
        predictor.setup()
        stack.callback(predictor.teardown)
        atexit.register(stack.pop_all().close)
    return predictor


def _make_model(model: type[Model] | None, env: SageMakerEnv) -> Model:
    if model is not None:
        return model()
    if not env.model_cls:
        raise ConfigError("no model class: set the environment variable ML2P_MODEL_CLS to package.module.Class")
    return load_model(env.model_cls)


def keep_body(body: bytes | str, content_type: str) -> bytes | str:
    """Return the body unchanged. It must be JSON, whatever its content type."""
    return body


def predict(body: bytes | str, predictor: ModelPredictor) -> HookResult:
    """Return the response to a request and its status: 200, or the status of an HTTP error.

    Other exceptions propagate to the container, which returns 500.
    """
    try:
        return respond(predictor, body), 200
    except HTTPException as error:
        return error_response(error)


def make_output(result: HookResult, accept: str) -> Any:
    """Return JSON, whatever the client accepts."""
    body, status = result
    return (body, JSON) if status == 200 else Response(body, status, mimetype=JSON)
