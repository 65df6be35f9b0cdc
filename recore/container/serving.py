"""What a model's container runs: the user's hooks behind a server, as AWS's scikit-learn image serves them.

    python -P serving.py [--bind 127.0.0.1:8080 | --bind unix:/run/model.sock]

GET /ping: 200 once the model is loaded, 503 and the reason where it did not load. POST /invocations: the answer of the
hooks, or 500 and the reason where one raises. GET /execution-parameters: what Batch Transform may ask for.

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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from gunicorn.app.base import BaseApplication
from sagemaker_inference import content_types
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.environment import Environment
from sagemaker_inference.transformer import Transformer

REASON = 1024  # characters of output/failure that SageMaker shows
PAYLOAD = 100 * 2**20  # bytes: the most that SageMaker sends, by Batch Transform
METHODS = {"/ping": "GET", "/invocations": "POST", "/execution-parameters": "GET"}
TEXT = "text/plain; charset=utf-8"

Answer = tuple[int, str, bytes]  # status, content type, body


class Defaults(DefaultInferenceHandler):  # type: ignore[misc]
    """What AWS's scikit-learn image does for the hooks that the user's module leaves out; the rest is the toolkit's."""

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """An array, float32 where it comes as text; a single row or a single column is one-dimensional in CSV."""
        if content_type == content_types.CSV:
            return np.array(list(csv.reader(io.StringIO(input_data), strict=True)), dtype=np.float32).squeeze()
        data = super().default_input_fn(input_data, content_type)
        return data.astype(np.float32) if content_type == content_types.JSON else data

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        return model.predict(data)


class Exchange:
    """One request's headers and its answer's status: what the toolkit asks of a model server's context."""

    def __init__(self, content_type: str, accept: str):
        self.system_properties = {"model_dir": os.environ["SM_MODEL_DIR"]}
        self.request_processor = [self]
        self.status, self.content_type = 200, TEXT
        self._headers = {"Content-Type": content_type, "Accept": accept}

    def get_request_properties(self) -> dict[str, str]:
        return self._headers

    def set_response_status(self, code: int, phrase: str) -> None:
        self.status, self.content_type = code, TEXT

    def set_response_content_type(self, request: int, content_type: str) -> None:
        self.content_type = str(content_type)


class Model:
    """The user's module and its model, loaded; where that failed, `reason` says why and the rest is of no use."""

    def __init__(self) -> None:
        self._transformer = Transformer(Defaults())
        self.reason = ""
        try:
            self._load()
        except (Exception, SystemExit) as error:  # a script without a main guard may well exit when imported
            self.reason = f"the model did not load: {type(error).__name__}: {error}"
            traceback.print_exc()
            write_failure(f"{self.reason[:400]}\n" + traceback.format_exc()[-623:].partition("\n")[2])

    def _load(self) -> None:
        folder, module = os.environ["SAGEMAKER_SUBMIT_DIRECTORY"], Environment().module_name
        sys.path.insert(0, folder)
        if importlib.util.find_spec(module) is None:  # the toolkit would go on without, to a puzzling end
            raise ModuleNotFoundError(f"no module {module!r} in {folder}: SAGEMAKER_PROGRAM names it")
        self._transformer.validate_and_initialize(model_dir=os.environ["SM_MODEL_DIR"])

    def answer(self, body: bytes, content_type: str, accept: str) -> Answer:
        """Run the hooks on a request."""
        exchange = Exchange(content_type, accept)
        try:
            (result,) = self._transformer.transform([{"body": body}], exchange)
            if not isinstance(result, str | bytes | bytearray):
                raise TypeError(f"the hooks answered with a {type(result).__name__}: text or bytes are needed")
        except (Exception, SystemExit) as error:  # what the toolkit does not catch
            exchange.set_response_status(500, "")
            result = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        if exchange.status >= 400:
            print(result, file=sys.stderr, flush=True)
        return exchange.status, exchange.content_type, result.encode() if isinstance(result, str) else bytes(result)


class Requests:
    """The server's three addresses as a WSGI application."""

    def __init__(self, model: Model, workers: int, payload: int):
        self._model, self._payload = model, payload
        parameters = {"MaxConcurrentTransforms": workers, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        self._parameters = json.dumps(parameters).encode()

    def __call__(self, request: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, content_type, body = self._answer(request)
        phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else "Error"
        start_response(f"{status} {phrase}", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, request: dict[str, Any]) -> Answer:
        path, method = request["PATH_INFO"], request["REQUEST_METHOD"]
        body = self._body(request)  # also where it is of no use: a client that still writes reads no answer
        if path not in METHODS:
            return 404, TEXT, f"there is no {path}, only {' '.join(METHODS)}".encode()
        if method != METHODS[path]:
            return 405, TEXT, f"{path} answers {METHODS[path]} only".encode()
        if path == "/execution-parameters":
            return 200, content_types.JSON, self._parameters
        if self._model.reason:
            return 503, TEXT, self._model.reason.encode()
        if path == "/ping":
            return 200, TEXT, b""
        if body is None:
            return 413, TEXT, f"the request is larger than {self._payload} bytes".encode()
        if len(body) < int(request.get("CONTENT_LENGTH") or 0):
            return 400, TEXT, b"the request ended before its announced length"
        # a request that does not say what it holds is JSON in AWS's image
        return self._model.answer(
            body, request.get("CONTENT_TYPE") or content_types.JSON, request.get("HTTP_ACCEPT", "")
        )

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
        return Requests(Model(), self._workers, self._payload)

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
