"""A model class in SageMaker's script mode: the hooks of the plain scikit-learn container, and its training script.

A script of a few lines serves for both:

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

from .answers import answer, answer_error
from .classes import Model, load_model
from .environment import SageMakerEnv, log_to_stdout
from .errors import ConfigError
from .predictor import ModelPredictor
from .record_queue import records_kept

JSON = "application/json"
HookAnswer = tuple[str, int]  # what predict_fn hands to output_fn: JSON, and the status of its answer


class HookFunctions(NamedTuple):
    """The four functions that the container calls, in the order of a request."""

    model_fn: Callable[[str], ModelPredictor]
    input_fn: Callable[[bytes | str, str], bytes | str]
    predict_fn: Callable[[bytes | str, ModelPredictor], HookAnswer]
    output_fn: Callable[[HookAnswer, str], Any]


class ScriptEnv(SageMakerEnv):
    """The environment of a script. model_dir: the model folder, as the container names it."""

    def __init__(self, model_dir: str | None = None):
        environ = dict(os.environ)
        if model_dir is None and not environ.get("ML2P_TRAINING_JOB") and (job := environ.get("TRAINING_JOB_NAME")):
            environ["ML2P_TRAINING_JOB"] = job
        super().__init__(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml", environ)
        self._model_dir = model_dir or environ.get("SM_MODEL_DIR")

    def model_folder(self) -> Path:
        return Path(self._model_dir) if self._model_dir else super().model_folder()


def train(model: type[Model] | None = None) -> None:
    """Train a model in a training job. The script's arguments are ignored; hyperparameters are in the job's files.

    model: by default the class that ML2P_MODEL_CLS names. Raises ConfigError if it names none, ModelClassError if there
    is no such class, MissingPartError if the class has no trainer, and what the trainer raises.
    """
    log_to_stdout()
    env = ScriptEnv()
    print(f"Starting training job {env.training_job_name}.", flush=True)
    _make_model(model, env).trainer(env).train()
    print("Done.", flush=True)


def make_hooks(model: type[Model] | None = None) -> HookFunctions:
    """Return the hooks with which the container serves a class: JSON in and out, one datum or a batch.

    model: by default the class that ML2P_MODEL_CLS names.
    """
    return HookFunctions(lambda model_dir: start_predictor(model, model_dir), keep_body, predict, make_output)


def start_predictor(model: type[Model] | None, model_dir: str) -> ModelPredictor:
    """Return a predictor that is set up; when the server stops, records are written and teardown() is called.

    Raises ConfigError, ModelClassError, MissingPartError, and what setup() raises.
    """
    log_to_stdout()
    env = ScriptEnv(model_dir)
    predictor = _make_model(model, env).predictor(env)
    with ExitStack() as stack:
        stack.enter_context(records_kept(predictor))
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
    """It is JSON, whatever its content type says."""
    return body


def predict(body: bytes | str, predictor: ModelPredictor) -> HookAnswer:
    """Return the answer to a request. Errors that a predictor raises for the client have their status.

    What else it raises is left to the container, which answers 500.
    """
    try:
        return answer(predictor, body), 200
    except HTTPException as error:
        return answer_error(error)


def make_output(result: HookAnswer, accept: str) -> Any:
    """It is JSON, whatever the client accepts."""
    text, status = result
    return (text, JSON) if status == 200 else Response(text, status, mimetype=JSON)
