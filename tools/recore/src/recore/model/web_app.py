"""The HTTP application of a model's server: /ping, /invocations and /execution-parameters."""

from typing import cast

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, InternalServerError

from .answers import answer, answer_error
from .environment import __version__, read_number
from .predictor import ModelPredictor
from .strict_json import to_json

LARGEST_PAYLOAD = 100 * 2**20  # bytes, the limit of Batch Transform
EXECUTION_PARAMETERS = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


class ModelApp(Flask):
    """Answers with `predictor`, which must be set, and set up, before the first request."""

    predictor: ModelPredictor

    def run(  # type: ignore[override]
        self,
        host: str = "0.0.0.0",  # noqa: S104  the container's network
        port: int = 8080,
        debug: bool = False,
    ) -> None:
        """Serve with gunicorn until SIGTERM or SIGINT. Requests in progress are answered and records written.

        Raises ConfigError if a setting is invalid.
        """
        from .http_server import serve_until_stopped

        self.config["MAX_CONTENT_LENGTH"] = read_number("MAX_CONTENT_LENGTH", LARGEST_PAYLOAD)
        serve_until_stopped(self, self.predictor, host, port)


app = ModelApp(__name__, static_folder=None)


@app.get("/ping")
def ping() -> Response:
    """The server starts only when the model is set up."""
    version = predictor().env.model_version
    return json_response(to_json({"model_version": version, "ml2p_version": __version__}))


@app.get("/execution-parameters")
def execution_parameters() -> Response:
    return json_response(to_json(EXECUTION_PARAMETERS))


@app.post("/invocations")
def invocations() -> Response:
    try:
        return json_response(answer(predictor(), request.get_data(cache=False)))
    except (SystemExit, KeyboardInterrupt) as error:  # of the predictor: signals arrive in another thread
        current_app.logger.exception("the predictor raised an exception that would end the server")
        raise InternalServerError(original_exception=error) from error


@app.errorhandler(HTTPException)
def answer_http_error(error: HTTPException) -> Response:
    """Errors that the predictor raised for the client, and Flask's own such as 404 and 413."""
    response = json_response(*answer_error(error))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


@app.errorhandler(InternalServerError)
def answer_exception(error: InternalServerError) -> Response:
    """The traceback is in the log."""
    raised = error.original_exception
    if raised is None:
        return answer_http_error(error)
    return json_response(to_json({"message": f"the prediction failed: {type(raised).__name__}: {raised}"}), 500)


def predictor() -> ModelPredictor:
    return cast(ModelApp, current_app).predictor


def json_response(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="application/json")
