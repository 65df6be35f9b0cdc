"""What a model's container runs: the user's hooks behind a server, as AWS's scikit-learn image serves them.

    python -P serving.py [--bind 127.0.0.1:8080 | --bind unix:/run/model.sock]

GET /ping: 200 once the model is loaded, 503 and the reason where it did not load. POST /invocations: the answer of the
hooks, or 500 and the reason where one raises. GET /execution-parameters: what the module's execution_parameters_fn says
that Batch Transform may ask for; 404 without that function.

The module SAGEMAKER_PROGRAM (inference.py) is imported from the folder SAGEMAKER_SUBMIT_DIRECTORY, by default
model/code or else code below /opt/ml or SAGEMAKER_BASE_DIR. The model is in SM_MODEL_DIR, by default model there.
SAGEMAKER_MODEL_SERVER_WORKERS (one a core), SAGEMAKER_MODEL_SERVER_TIMEOUT (60 seconds a request), MAX_CONTENT_LENGTH
(100 MiB), SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT (application/json) and SAGEMAKER_BIND_TO_PORT (8080) set the rest.
"""

import argparse
import contextlib
import csv
import http
import importlib.util
import io
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from wsgiref.util import setup_testing_defaults

import numpy as np
from gunicorn.app.base import BaseApplication
from sagemaker_inference import content_types, encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.environment import Environment
from sagemaker_inference.errors import UnsupportedFormatError
from sagemaker_inference.transformer import Transformer

REASON = 1024  # characters of output/failure that SageMaker shows
PAYLOAD = 100 * 2**20  # bytes: the most that SageMaker sends, by Batch Transform
READING = ("GET", "HEAD", "OPTIONS")
METHODS = {"/ping": READING, "/invocations": ("POST", "OPTIONS"), "/execution-parameters": READING}
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"

Header = tuple[str, str]
Answer = tuple[str, list[Header], bytes]  # status, headers, body


class Defaults(DefaultInferenceHandler):  # type: ignore[misc]
    """What AWS's scikit-learn image does for the hooks that the user's module leaves out; the rest is the toolkit's."""

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """An array, float32 where it comes as text; a single row or a single column is one-dimensional in CSV."""
        if content_type == content_types.CSV:
            return np.array(list(csv.reader(io.StringIO(input_data), strict=True)), dtype=np.float32).squeeze()
        if content_type == content_types.NPZ:  # the image's other toolkit does not read it
            raise UnsupportedFormatError(content_type)
        data = super().default_input_fn(input_data, content_type)
        return data.astype(np.float32) if content_type == content_types.JSON else data

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        return model.predict(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """The prediction as one type; a list of types is none. A line of CSV for each row, quoted where it must be."""
        if accept == content_types.CSV:
            array, text = np.array(prediction), io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
            return text.getvalue(), accept
        return encoder.encode(prediction, accept), accept


def answered(result: Any) -> Answer:
    """An answer of what a hook returned, as Flask makes one: Accept plays no part in it. Raises TypeError."""
    kind = HTML
    if isinstance(result, tuple):
        result, kind = result[:2]
        kind = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    elif isinstance(result, dict | list):
        result, kind = json.dumps(result), content_types.JSON
    elif callable(result):  # a response object, of Flask's or another's, is a WSGI application
        return called(result)
    elif isinstance(result, Iterator):
        result = b"".join(part.encode() if isinstance(part, str) else part for part in result)
    if not isinstance(result, str | bytes):
        raise TypeError(f"the hooks answered with a {type(result).__name__}: text or bytes are needed")
    return "200 OK", [("Content-Type", kind)], result.encode() if isinstance(result, str) else result


def called(application: Callable[..., Any]) -> Answer:
    """The answer of a WSGI application to a request without content."""
    request: dict[str, Any] = {}
    setup_testing_defaults(request)
    head: list[Any] = []
    body = b"".join(application(request, lambda status, headers, failure=None: head.extend((status, headers))))
    status, headers = head
    return status, [header for header in headers if header[0].lower() != "content-length"], body


class Model:
    """The user's module and its model, loaded; where that failed, `reason` says why and the rest is of no use."""

    def __init__(self) -> None:
        self._transformer = Transformer(Defaults())
        self._accept = Environment().default_accept
        self.parameters: Callable[[], Any] | None = None
        self.reason = ""
        try:
            self._load()
        except (Exception, SystemExit) as error:  # a script without a main guard may well exit when imported
            self.reason = f"the model did not load: {type(error).__name__}: {error}"
            traceback.print_exc()
            trace = traceback.format_exc()
            end = trace[401 - REASON :]
            if len(end) < len(trace):  # whole lines, unless there is but the end of a long one
                end = end.partition("\n")[2] or end
            write_failure(f"{self.reason[:400]}\n{end}")

    def _load(self) -> None:
        folder, module = os.environ["SAGEMAKER_SUBMIT_DIRECTORY"], Environment().module_name
        sys.path.insert(0, folder)
        if importlib.util.find_spec(module) is None:  # the toolkit would go on without, to a puzzling end
            raise ModuleNotFoundError(f"no module {module!r} in {folder}: SAGEMAKER_PROGRAM names it")
        self._transformer.validate_and_initialize(model_dir=os.environ["SM_MODEL_DIR"])
        self.parameters = getattr(sys.modules[module], "execution_parameters_fn", None)

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """Run the hooks on a request."""
        data = body.decode(errors="replace") if content_type in content_types.UTF8_TYPES else body
        accept = self._accept if accept in ("", content_types.ANY) else accept
        # not the toolkit's own transform(): that one refuses text that is not UTF-8, and answers 4xx for its own errors
        model, transform = self._transformer._model, self._transformer._transform_fn
        return attempt(lambda: transform(model, data, content_type, accept))


def attempt(function: Callable[[], Any]) -> Answer:
    """The answer of what a function of the user's returns: 500 and the reason where it raises."""
    try:
        return answered(function())
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        print(reason, file=sys.stderr, flush=True)
        return plain(500, reason)


def plain(status: int, text: str, *headers: Header) -> Answer:
    return f"{status} {http.HTTPStatus(status).phrase}", [("Content-Type", TEXT), *headers], text.encode()


class Requests:
    """The server's three addresses as a WSGI application."""

    def __init__(self, model: Model, payload: int):
        self._model, self._payload = model, payload

    def __call__(self, request: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, headers, body = self._answer(request)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [b"" if request["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, request: dict[str, Any]) -> Answer:
        path, method = request["PATH_INFO"], request["REQUEST_METHOD"]
        body = self._body(request)  # also where it is of no use: a client that still writes reads no answer
        parameters = self._model.parameters
        if path not in METHODS or (path == "/execution-parameters" and not (parameters or self._model.reason)):
            return plain(404, f"there is no {path}")
        allow = ("Allow", ", ".join(METHODS[path]))
        if method not in METHODS[path]:
            return plain(405, f"{path} does not answer {method}", allow)
        if method == "OPTIONS":
            return plain(200, "", allow)
        if self._model.reason:
            return plain(503, self._model.reason)
        if path == "/ping":
            return "200 OK", [("Content-Type", content_types.JSON)], b""
        if parameters and path == "/execution-parameters":
            return attempt(parameters)
        if body is None:
            return plain(413, f"the request is larger than {self._payload} bytes")
        if len(body) < int(request.get("CONTENT_LENGTH") or 0):
            return plain(400, "the request ended before its announced length")
        # some of AWS's services write ContentType; a request that does not say what it holds is JSON in AWS's image
        kind = request.get("HTTP_CONTENTTYPE") or request.get("CONTENT_TYPE") or content_types.JSON
        return self._model.answer(body, kind, request.get("HTTP_ACCEPT", ""))

    def _body(self, request: dict[str, Any]) -> bytes | None:
        """The request's body, read to its end; None where it is too large."""
        body, size = io.BytesIO(), 0
        while part := request["wsgi.input"].read(2**20):
            size += len(part)
            if size <= self._payload:
                body.write(part)
        return body.getvalue() if size <= self._payload else None


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with workers that each load the model before their first request."""

    def __init__(self, bind: str):
        self._bind = bind
        self._workers = number("SAGEMAKER_MODEL_SERVER_WORKERS", os.cpu_count() or 1)
        self._timeout = number("SAGEMAKER_MODEL_SERVER_TIMEOUT", 60)
        self._payload = number("MAX_CONTENT_LENGTH", PAYLOAD)
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "workers": self._workers,
            "timeout": self._timeout,  # of a request: gunicorn does not count before a worker's first one
            "graceful_timeout": 3,  # seconds for a request that runs when the server is told to stop
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108  gunicorn unlinks it
            "control_socket_disable": True,  # it would be made in the user's home
            "worker_abort": self._too_slow,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Requests:
        return Requests(Model(), self._payload)

    def _too_slow(self, worker: Any) -> NoReturn:
        """Called in a worker amidst a request that takes too long: becomes the answer. Then the worker is replaced."""
        raise TimeoutError(f"no answer within {self._timeout} seconds")


def write_failure(text: str) -> None:
    """Leave the reason in output/failure, where the launcher made that folder and no other worker was first."""
    with contextlib.suppress(OSError), open(Path(base(), "output", "failure"), "x", encoding="utf-8") as file:
        file.write(text[:REASON])


def base() -> str:
    return os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"


def number(variable: str, default: int) -> int:
    """A whole number from the environment. Ends the program where it is none."""
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) < 1:
        sys.exit(f"serving: {variable} is {text!r}: a whole number of at least 1 is needed")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model: /ping, /invocations, /execution-parameters.")
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    parser.add_argument("--bind", default=f"0.0.0.0:{port}", help="HOST:PORT or unix:PATH")
    bind = parser.parse_args().bind
    for stream in (sys.stdout, sys.stderr):  # what the hooks print belongs in the log at once
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    model = os.environ.setdefault("SM_MODEL_DIR", f"{base()}/model")
    code = next((folder for folder in (f"{model}/code", f"{base()}/code") if os.path.isdir(folder)), f"{model}/code")
    os.environ.setdefault("SAGEMAKER_SUBMIT_DIRECTORY", code)
    Server(bind).run()


if __name__ == "__main__":
    # a pickle of a class that the user's script defined asks __main__ for it, and must not find one of these here
    sys.modules["__main__"] = types.ModuleType("__main__")
    main()
