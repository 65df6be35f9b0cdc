"""The default hooks that serving.py uses in XGBoost images, for scripts and for the built-in algorithm."""

import json
import os
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import xgboost as xgb
from joblib import cpu_count
from sagemaker_inference import encoder as toolkit_encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.errors import UnsupportedFormatError
from werkzeug import Response

sys.path.append(str(Path(__file__).parent / "xgboost_library"))  # a script may also import it

from sagemaker_xgboost_container.data_utils import get_content_type
from sagemaker_xgboost_container.encoder import decode, media_type
from sagemaker_xgboost_container.exceptions import UserError, message_of
from sagemaker_xgboost_container.image_version import is_before
from sagemaker_xgboost_container.old_models import read_old_models

read_old_models()

ACCEPTED_TYPES = ("text/csv", "application/json")
# AWS's container accepts these, and then fails to encode predictions unless SAGEMAKER_INFERENCE_OUTPUT is set
UNENCODABLE_TYPES = ("application/jsonlines", "application/x-recordio-protobuf")
PICKLE_START = re.compile(rb"\x80[\x02-\x05]|ccopy_reg\n")  # the first bytes of pickles; the second form is Python 2's
VOTING_OBJECTIVES = ("multi:softmax", "binary:hinge")  # objectives whose predictions are classes
MAX_REQUEST_MEGABYTES = 6  # the largest request that AWS's container accepts by default


class XGBoostScriptHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """Defaults for hooks that a script may omit. As in AWS's image, there is no default model_fn."""

    needs_module = True
    runs_script = True

    def default_model_fn(self, model_dir: str) -> Any:
        raise NotImplementedError("the script must define model_fn: XGBoost images have no default")

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        return decode(input_data, content_type)

    def default_predict_fn(self, data: xgb.DMatrix, model: xgb.Booster) -> Any:
        return model.predict(data, validate_features=False)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        return toolkit_encoder.encode(prediction, accept), accept


class XGBoostAlgorithmHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """The hooks of the built-in algorithm, which respond with CSV or JSON.

    Before image version 1.2-2, a CSV response is one line. In Batch Transform, each prediction is on a separate line.
    Multi-model endpoints respond with a JSON list by default, or with one line of CSV, as on AWS.
    """

    needs_module = False
    runs_script = True
    content_type = "text/libsvm"

    def default_model_fn(self, model_dir: str) -> list[xgb.Booster]:
        """Load the models in a folder; several models form an ensemble. Raises ValueError on failure."""
        if "SAGEMAKER_INFERENCE_OUTPUT" in os.environ:
            raise ValueError("SAGEMAKER_INFERENCE_OUTPUT is not simulated: a response contains only the predictions")
        files = [path for path in sorted(Path(model_dir).iterdir()) if path.is_file() and path.name[0] != "."]
        if not files:
            raise ValueError("the model's archive has no model file, such as xgboost-model, at its top level")
        is_ensemble = os.environ.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true") == "true" and not is_before(1, 2, 2)
        return [load_booster(path) for path in (files if is_ensemble else files[:1])]

    def transform(self, model: list[xgb.Booster], data: bytes | str, content_type: str, accept: str) -> Response:
        """Predict, or return 415 for unreadable data, 400 for incompatible data, 406 for an unsupported Accept.

        The messages are those of AWS's container.
        """
        if not data:
            return Response(status=204)
        try:
            kind = get_content_type(content_type)
        except UserError as error:
            return Response(str(error), 415)
        if kind not in ("csv", "libsvm"):
            return Response(f"Content-type {content_type} is not supported.", 415)
        try:
            matrix = decode(data, kind)
        except UserError as error:
            reason = f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:"
            return Response(f"{reason}\n {type(error)}\n {error}", 415)
        try:
            predictions = combine([predict(booster, matrix, kind) for booster in model], model[0])
        except (ValueError, xgb.core.XGBoostError) as error:
            return Response(f"Unable to evaluate payload provided: {message_of(error)}", 400)
        accept_type = "text/csv" if is_before(1, 2, 2) and not is_multi_model() else media_type(accept)
        if accept_type not in ACCEPTED_TYPES:
            if is_multi_model():
                reason = f"Please choose one of the following: {list(ACCEPTED_TYPES)}"
                problem = f"{accept_type} is not an accepted Accept type. {reason}."
                return Response(f"Encoding to accept type {accept_type} failed with exception: {problem}", 415)
            if accept_type in UNENCODABLE_TYPES:
                raise UnsupportedFormatError(accept_type)
            types = sorted((*ACCEPTED_TYPES, *UNENCODABLE_TYPES))
            supported = f"Please use supported accept types: {types}."
            return Response(f"Accept type {accept_type} is not supported. {supported}", 406)
        return Response(encode(predictions.astype(np.float32).tolist(), accept_type), mimetype=accept_type)

    def execution_parameters(self) -> dict[str, Any]:
        payload = int(os.environ.get("MAX_CONTENT_LENGTH") or MAX_REQUEST_MEGABYTES << 20) >> 20
        return {"MaxConcurrentTransforms": cpu_count(), "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": payload}


def is_multi_model() -> bool:
    return os.environ.get("SAGEMAKER_MULTI_MODEL") == "true"


def combine(predictions: list[Any], booster: xgb.Booster) -> Any:
    """Return the mean of an ensemble's predictions, or the class with the most votes (the lowest in a tie)."""
    if len(predictions) == 1:
        return predictions[0]
    if json.loads(booster.save_config())["learner"]["objective"]["name"] in VOTING_OBJECTIVES:
        return scipy.stats.mode(predictions).mode
    return np.mean(predictions, axis=0)


def encode(values: list[Any], kind: str) -> str:
    if os.environ.get("SAGEMAKER_BATCH"):
        return "".join(f"{value}\n" for value in values)
    if kind == "application/json":
        return json.dumps(values if is_multi_model() else {"predictions": [{"score": value} for value in values]})
    if is_multi_model() or is_before(1, 2, 2):
        return ",".join(map(str, values))
    rows = (value if isinstance(value, list) else [value] for value in values)
    return "".join(f"{','.join(map(str, row))}\n" for row in rows)


def load_booster(path: Path) -> xgb.Booster:
    """Load a model saved by any XGBoost version, or pickled by an older image. Raises ValueError on failure."""
    content = path.read_bytes()
    if not content:  # XGBoost would crash the process
        raise ValueError(f"the model {path.name} is empty")
    booster = xgb.Booster()
    try:
        if PICKLE_START.match(content):
            booster = pickle.loads(content)
        else:
            booster.load_model(bytearray(content))
    except Exception as error:
        raise ValueError(f"XGBoost {xgb.__version__} cannot load the model {path.name}: {message_of(error)}") from None
    if not isinstance(booster, xgb.Booster):
        raise ValueError(f"the model {path.name} contains a pickled {type(booster).__name__} instead of a Booster")
    booster.set_param({"nthread": 1})
    return booster


def predict(booster: xgb.Booster, matrix: xgb.DMatrix, kind: str) -> Any:
    """Predict with the boosting rounds up to the best iteration, if the model records one. kind: csv or libsvm.

    Absent features are missing values. Raises ValueError or XGBoostError if there are too many features or, in CSV
    before image version 1.3, if several are absent.
    """
    n_features, n_trained = matrix.num_col(), booster.num_features()
    if is_before(1, 3):
        size = f"Feature size of {kind} inference data {n_features} is"
        if kind == "libsvm" and n_features > n_trained + 1:
            raise ValueError(f"{size} larger than feature size of trained model {n_trained}.")
        if kind == "csv" and n_features not in (n_trained, n_trained - 1):
            raise ValueError(f"{size} not consistent with feature size of trained model {n_trained}.")
    if n_features < n_trained and kind == "csv":
        counts = f"The number of features in a request is {n_features}, but the model was trained with {n_trained}"
        print(f"{counts}: absent features are treated as missing values.")
    best_iteration = booster.attr("best_iteration")
    rounds = (0, int(best_iteration) + 1) if best_iteration else (0, 0)
    return booster.predict(matrix, iteration_range=rounds, validate_features=False)


def make_hooks() -> DefaultInferenceHandler:
    """Return the hooks for a script if SAGEMAKER_PROGRAM is set, otherwise the built-in algorithm's."""
    if os.environ.get("SAGEMAKER_PROGRAM"):
        return XGBoostScriptHooks()
    default = "application/json" if is_multi_model() else "text/csv"  # for requests without an Accept header
    os.environ.setdefault("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", default)
    return XGBoostAlgorithmHooks()
