"""The hooks that serving.py uses in linear-learner images, which run no script."""

import json
import sys
from pathlib import Path
from typing import Any

from joblib import cpu_count
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from werkzeug import Response

sys.path.append(str(Path(__file__).parent / "linear_learner_library"))

from linear_learner.data import CSV, JSON, JSON_LINES, RECORDIO, media_type, read_request
from linear_learner.errors import CustomerError
from linear_learner.linear_model import LinearModel, load_model

MAX_REQUEST_MEGABYTES = 6  # the largest request that SageMaker's built-in algorithms accept


class LinearLearnerHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """Hooks that respond with JSON, or with JSON Lines (one line per row) if the request accepts them."""

    needs_module = False
    runs_script = False
    content_type = ""  # each request must specify one

    def default_model_fn(self, model_dir: str) -> LinearModel:
        return load_model(Path(model_dir))

    def transform(self, model: LinearModel, data: bytes | str, content_type: str, accept: str) -> Response:
        """Return predictions, or status 415 (unknown content type), 406 (Accept is RecordIO) or 400 (invalid data)."""
        kind, accept_type = media_type(content_type), media_type(accept)
        if kind == RECORDIO:
            return Response(f"the content type {kind} is not simulated: use {CSV}, {JSON} or {JSON_LINES}", 415)
        if kind not in (CSV, JSON, JSON_LINES):  # the message of AWS's built-in algorithms
            return Response(f"content-type {kind} not supported", 415)
        if accept_type == RECORDIO:
            return Response(f"Accept {accept_type} is not simulated: use {JSON} or {JSON_LINES}", 406)
        try:
            predictions = model.predictions(read_request(data, content_type, model.weights.shape[1]))
        except CustomerError as error:  # the first part is AWS's message
            return Response(f"unable to evaluate payload provided: {error}", 400)
        if accept_type == JSON_LINES:
            return Response("".join(f"{json.dumps(prediction)}\n" for prediction in predictions), mimetype=JSON_LINES)
        # even if the request accepts a different type, such as CSV, as in AWS's image
        return Response(json.dumps({"predictions": predictions}), mimetype=JSON)

    def execution_parameters(self) -> dict[str, Any]:
        limit = {"MaxPayloadInMB": MAX_REQUEST_MEGABYTES}
        return {"MaxConcurrentTransforms": cpu_count(), "BatchStrategy": "MULTI_RECORD"} | limit


def make_hooks() -> LinearLearnerHooks:
    return LinearLearnerHooks()
