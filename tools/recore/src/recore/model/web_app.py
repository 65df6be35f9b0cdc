"""The HTTP application of a model server: /ping, /invocations and /execution-parameters."""

from typing import cast

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, InternalServerError

from .environment import __version__, read_number
from .invocation import error_response, respond
from .predictor import ModelPredictor
from .strict_json import to_json

MAX_PAYLOAD = 100 * 2**20  # bytes, the limit of Batch Transform
EXECUTION_PARAMETERS = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


class ModelApp(Flask):
    """An application that calls `predictor`, which must be assigned and set up before the first request."""

    predictor: ModelPredictor

    def run(  # type: ignore[override]
        self,
        host: str = "0.0.0.0",  # noqa: S104  the container's network
        port: int = 8080,
        debug: bool = False,
    ) -> None:
        """Serve with gunicorn until SIGTERM or SIGINT, then complete requests in progress and write remaining records.

        Raises ConfigError if a setting is invalid.
        """
        from .http_server import serve_until_stopped

        self.config["MAX_CONTENT_LENGTH"] = read_number("MAX_CONTENT_LENGTH", MAX_PAYLOAD)
        serve_until_stopped(self, self.predictor, host, port)


app = ModelApp(__name__, static_folder=None)


@app.get("/ping")
def ping() -> Response:
    """Return the versions of the model and ML2P. The server starts only after the model has been set up."""
    version = predictor().env.model_version
    return json_response(to_json({"model_version": version, "ml2p_version": __version__}))


@app.get("/execution-parameters")
def execution_parameters() -> Response:
    return json_response(to_json(EXECUTION_PARAMETERS))


@app.post("/invocations")
def invocations() -> Response:
    try:
        return json_response(respond(predictor(), request.get_data(cache=False)))
    except (SystemExit, KeyboardInterrupt) as error:  # raised by the predictor: signals arrive in another thread
        current_app.logger.exception("the predictor raised an exception that would stop the server")
        raise InternalServerError(original_exception=error) from error


@app.errorhandler(HTTPException)
def respond_to_http_error(error: HTTPException) -> Response:
    """Respond to an HTTP error raised by the predictor or by Flask, such as 404 or 413."""
    response = json_response(*error_response(error))
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


@app.errorhandler(InternalServerError)
def respond_to_exception(error: InternalServerError) -> Response:
    """Respond to any other exception; its traceback is in the log."""
    raised = error.original_exception
    if raised is None:
        return respond_to_http_error(error)
    return json_response(to_json({"message": f"the prediction failed: {type(raised).__name__}: {raised}"}), 500)


def predictor() -> ModelPredictor:
    return cast(ModelApp, current_app).predictor


def json_response(body: str, status: int = 200) -> Response:
    return Response(body, status, mimetype="application/json")
