"""The program of a model's container. It serves the user's hooks as AWS's scikit-learn image does.

    python -P serving.py [--hooks FILE] [--bind 127.0.0.1:8080 | --bind unix:/run/model.sock]

GET /ping returns 200 once the model is loaded, or 503 and the error. POST /invocations returns the response of the
hooks, or 500 and the reason if a hook fails. GET /execution-parameters returns the result of the module's
execution_parameters_fn, which tells Batch Transform how to send its requests, or 404 if the module lacks it.

FILE defines the default hooks of another image: its make_hooks() returns an object like DefaultHooks.

The module SAGEMAKER_PROGRAM (inference.py) is imported from SAGEMAKER_SUBMIT_DIRECTORY, by default the folder
model/code below SAGEMAKER_BASE_DIR (/opt/ml), or code if model/code does not exist. The model is in SM_MODEL_DIR, by
default model below SAGEMAKER_BASE_DIR. Other settings: SAGEMAKER_MODEL_SERVER_WORKERS (one per core),
SAGEMAKER_MODEL_SERVER_TIMEOUT (60 seconds per request), MAX_CONTENT_LENGTH (100 MiB),
SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT (application/json), SAGEMAKER_BIND_TO_PORT (8080).
"""

import argparse
import contextlib
import csv
import http
import importlib.util
import io
import json
import mmap
import os
import runpy
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from wsgiref.util import setup_testing_defaults

import numpy as np
from gunicorn.app.base import BaseApplication
from gunicorn.errors import HaltServer
from joblib import cpu_count
from sagemaker_inference import content_types, encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.environment import Environment
from sagemaker_inference.errors import UnsupportedFormatError
from sagemaker_inference.transformer import Transformer

REASON_SIZE = 1024  # characters of output/failure that SageMaker shows
MAX_PAYLOAD_BYTES = 100 * 2**20  # Batch Transform's limit
DEFAULT_SCRIPT = "inference.py"
ABRUPT_END = "the model did not load: the loading process exited abruptly; see the log"
READ_METHODS = ("GET", "HEAD", "OPTIONS")
METHODS = {"/ping": READ_METHODS, "/invocations": ("POST", "OPTIONS"), "/execution-parameters": READ_METHODS}
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"

Header = tuple[str, str]
Response = tuple[str, list[Header], bytes]  # status, headers, body


class DefaultHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """The defaults of AWS's scikit-learn image for hooks that a module may omit; the toolkit provides the others.

    needs_module: whether the user must provide a module. runs_script: whether the user may do so. transform,
    execution_parameters: functions to use as transform_fn and execution_parameters_fn if there is no module.
    content_type: the default content type of requests. context: an optional last argument of hooks; classes with a
    context have a method `respond`, which runs the hooks on a request.
    """

    needs_module = True
    runs_script = True
    content_type = content_types.JSON
    context: Any = None
    transform: Callable[..., Any] | None = None
    execution_parameters: Callable[[], Any] | None = None

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Decode a request into an array. Text becomes float32, and a single CSV row or column becomes 1-D.

        On a multi-model endpoint, a 1-D array becomes one row.
        """
        array = self._decode(input_data, content_type)
        is_row = array.ndim == 1 and os.environ.get("SAGEMAKER_MULTI_MODEL") == "true"
        return array.reshape(1, -1) if is_row else array

    def _decode(self, input_data: Any, content_type: str) -> Any:
        if content_type == content_types.CSV:
            return np.array(list(csv.reader(io.StringIO(input_data), strict=True)), dtype=np.float32).squeeze()
        if content_type == content_types.NPZ:  # the toolkit in AWS's image cannot read NPZ
            raise UnsupportedFormatError(content_type)
        data = super().default_input_fn(input_data, content_type)
        return data.astype(np.float32) if content_type == content_types.JSON else data

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        return model.predict(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """Encode a prediction as the accepted type. CSV has one line per row, with quotes where necessary."""
        if accept == content_types.CSV:
            array, output = np.array(prediction), io.StringIO()
            csv.writer(output, lineterminator="\n").writerows(array.reshape(-1, 1) if array.ndim == 1 else array)
            return output.getvalue(), accept
        return encoder.encode(prediction, accept), accept


def make_response(result: Any) -> Response:
    """Convert a hook's return value to a response as Flask does. Raises TypeError for unsupported types."""
    content_type = HTML
    if isinstance(result, tuple):
        result, content_type = result[:2]
        content_type = f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type
    elif isinstance(result, dict | list):
        result, content_type = json.dumps(result), content_types.JSON
    elif callable(result):  # response objects of Flask and other frameworks are WSGI applications
        return call_application(result)
    elif isinstance(result, Iterator):
        result = b"".join(part.encode() if isinstance(part, str) else part for part in result)
    if not isinstance(result, str | bytes):
        raise TypeError(f"the hooks returned an object of type {type(result).__name__} instead of a string or bytes")
    return "200 OK", [("Content-Type", content_type)], result.encode() if isinstance(result, str) else result


def call_application(application: Callable[..., Any]) -> Response:
    """Return a WSGI application's response to an empty request."""
    request: dict[str, Any] = {}
    setup_testing_defaults(request)
    head: list[Any] = []
    body = b"".join(application(request, lambda status, headers, failure=None: head.extend((status, headers))))
    status, headers = head
    return status, [header for header in headers if header[0].lower() != "content-length"], body


class LoadedModel:
    """The user's module and its model, or the `reason` why they could not be loaded."""

    def __init__(self, hooks: Any) -> None:
        self._hooks, self._context = hooks, getattr(hooks, "context", None)
        self._transformer = Transformer(hooks)
        self._accept = Environment().default_accept
        self.content_type: str = getattr(hooks, "content_type", DefaultHooks.content_type)
        self.parameters: Callable[[], Any] | None = None
        self.reason, self._has_script = "", True
        try:
            self._load()
        except (Exception, SystemExit) as error:  # a script without a main guard may exit on import
            self.reason = f"the model did not load: {type(error).__name__}: {error}"
            hint = top_folder_hint(*list_missing_files(error))
            if hint:
                self.reason += f"; {hint}"
                error.add_note(hint)  # it is shown below the traceback
            trace = traceback.format_exc()
            write_error(trace)
            # before truncation, because a truncated path would not be replaced
            reason, trace = replace_host_paths(self.reason), replace_host_paths(trace)
            if not self._has_script:  # the traceback has no line of the user's code
                write_failure(reason)
                return
            tail = trace[401 - REASON_SIZE :]
            if len(tail) < len(trace):  # begin with a complete line, unless there is only one
                tail = tail.partition("\n")[2] or tail
            write_failure(f"{reason[:400]}\n{tail}")

    def _load(self) -> None:
        folder, module = os.environ["SAGEMAKER_SUBMIT_DIRECTORY"], Environment().module_name
        if os.environ.get("SAGEMAKER_PROGRAM") and not self._hooks.runs_script:
            raise ValueError("this image does not run scripts: remove SAGEMAKER_PROGRAM from the Environment")
        sys.path.insert(0, folder)
        is_missing = not self._hooks.runs_script or importlib.util.find_spec(module) is None
        self._has_script = not is_missing
        if is_missing and (self._hooks.needs_module or os.environ.get("SAGEMAKER_PROGRAM")):
            # the toolkit would continue without the module and fail later
            fix = top_folder_hint(f"code/{module}.py") or "set SAGEMAKER_PROGRAM to the script's name"
            raise ModuleNotFoundError(f"the module {module!r} is missing from {folder}: {fix}")
        if not is_missing:
            __import__(module)  # like an import statement, because -X importtime does not report imports by importlib
        context = {"context": self._context} if self._context else {}
        self._transformer.validate_and_initialize(model_dir=os.environ["SM_MODEL_DIR"], **context)
        if is_missing:
            self._transformer._transform_fn = self._hooks.transform or self._transformer._transform_fn
            self.parameters = self._hooks.execution_parameters
        else:
            self.parameters = getattr(sys.modules[module], "execution_parameters_fn", None)

    def respond(self, body: bytes, content_type: str, request: dict[str, Any]) -> Response:
        """Run the hooks on a request. request: the WSGI environment, which contains the headers."""
        if self._context:
            return call_hook(lambda: self._hooks.respond(self._transformer, body, content_type, request))
        accept = request.get("HTTP_ACCEPT", "")
        data = body.decode(errors="replace") if content_type in content_types.UTF8_TYPES else body
        accept = self._accept if accept in ("", content_types.ANY) else accept
        # the toolkit's transform() rejects bodies that are not UTF-8, and responds to its own errors with 4xx
        model, transform = self._transformer._model, self._transformer._transform_fn
        return call_hook(lambda: transform(model, data, content_type, accept))


def list_missing_files(error: BaseException) -> list[str]:
    """Return the paths, relative to the model's folder, at which a file could have prevented the error."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.replace(".", "/")
        return [f"code/{module}.py", f"code/{module}/__init__.py"]
    if isinstance(error, FileNotFoundError) and isinstance(error.filename, str | os.PathLike):
        path, model = Path(error.filename), os.environ["SM_MODEL_DIR"]
        return [str(path.relative_to(model))] if path.is_relative_to(model) else []
    return []


def top_folder_hint(*files: str) -> str:
    """Return a hint if all of the model's files are in one subfolder that contains one of these files, otherwise ''."""
    model = Path(os.environ["SM_MODEL_DIR"])
    entries = [path for path in sorted(model.glob("*")) if not path.name.startswith(".")]  # macOS adds hidden files
    if len(entries) != 1 or entries[0].name == "code":
        return ""
    top = entries[0].name
    misplaced = next((file for file in files if os.path.exists(entries[0] / file)), None)
    if misplaced is None:
        return ""
    return (
        f"the model's archive has {top}/{misplaced} instead of {misplaced}: "
        f"pack its files without the folder {top} (tar -C {top} -czf model.tar.gz .)"
    )


def warn_without_program() -> None:
    """Log a warning if the script is served although SAGEMAKER_PROGRAM is not set; AWS would not serve it."""
    script = Path(os.environ["SAGEMAKER_SUBMIT_DIRECTORY"], DEFAULT_SCRIPT)
    if not os.environ.get("SAGEMAKER_PROGRAM") and script.is_file():
        write_error(
            f"Warning: SAGEMAKER_PROGRAM is not set. {DEFAULT_SCRIPT} is served, but AWS's image would fail: "
            f"add SAGEMAKER_PROGRAM={DEFAULT_SCRIPT} to the model's Environment.\n"
        )


def call_hook(function: Callable[[], Any]) -> Response:
    """Return the response of one of the user's functions, or 500 and the reason if the function fails."""
    try:
        return make_response(function())
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        write_error(reason)
        return make_text_response(500, reason)


def make_text_response(status: int, message: str, *headers: Header) -> Response:
    phrase = http.HTTPStatus(status).phrase
    return f"{status} {phrase}", [("Content-Type", TEXT), *headers], message.encode(errors="backslashreplace")


class HookApplication:
    def __init__(self, model: LoadedModel, max_payload_bytes: int):
        self._model, self._max_payload_bytes = model, max_payload_bytes

    def __call__(self, request: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, headers, body = self._respond(request)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [b"" if request["REQUEST_METHOD"] == "HEAD" else body]

    def _respond(self, request: dict[str, Any]) -> Response:
        path, method = request["PATH_INFO"], request["REQUEST_METHOD"]
        # always read the body, because a client that is still writing does not read the response
        body = self._read_body(request)
        parameters = self._model.parameters
        if path not in METHODS or (path == "/execution-parameters" and not (parameters or self._model.reason)):
            return make_text_response(404, f"{path} does not exist")
        allow_header = ("Allow", ", ".join(METHODS[path]))
        if method not in METHODS[path]:
            return make_text_response(405, f"{path} does not support {method}", allow_header)
        if method == "OPTIONS":
            return make_text_response(200, "", allow_header)
        if self._model.reason:
            return make_text_response(503, self._model.reason)
        if path == "/ping":
            return "200 OK", [("Content-Type", content_types.JSON)], b""
        if parameters and path == "/execution-parameters":
            return call_hook(parameters)
        if body is None:
            return make_text_response(413, f"the request is larger than {self._max_payload_bytes} bytes")
        if len(body) < int(request.get("CONTENT_LENGTH") or 0):
            return make_text_response(400, "the request is shorter than its Content-Length")
        # some AWS services send the header ContentType instead
        content_type = request.get("HTTP_CONTENTTYPE") or request.get("CONTENT_TYPE") or self._model.content_type
        return self._model.respond(body, content_type, request)

    def _read_body(self, request: dict[str, Any]) -> bytes | None:
        body, size = io.BytesIO(), 0
        while part := request["wsgi.input"].read(2**20):
            size += len(part)
            if size <= self._max_payload_bytes:
                body.write(part)
        return body.getvalue() if size <= self._max_payload_bytes else None


class ModelServer(BaseApplication):  # type: ignore[misc]
    def __init__(self, bind: str, hooks: Path | None = None):
        self._bind, self._hooks = bind, hooks
        self._workers = read_number("SAGEMAKER_MODEL_SERVER_WORKERS", cpu_count())
        self._timeout = read_number("SAGEMAKER_MODEL_SERVER_TIMEOUT", 60)
        self._max_payload_bytes = read_number("MAX_CONTENT_LENGTH", MAX_PAYLOAD_BYTES)
        self._loaded_flag = mmap.mmap(-1, 1)  # shared with the workers; 1 once one of them has loaded the model
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": self._bind,
            "workers": self._workers,
            "timeout": self._timeout,  # per request; gunicorn does not count the time before a worker's first request
            "graceful_timeout": 3,  # seconds for requests in progress when the server is stopped
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108  gunicorn unlinks it
            "control_socket_disable": True,  # the socket would be created in the user's home
            "worker_abort": self._raise_timeout,
            "post_worker_init": self._record_loaded,
            "child_exit": self._halt_unless_loaded,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> HookApplication:
        # run_path runs the file under a module name that cannot clash with the user's modules
        hooks = runpy.run_path(str(self._hooks))["make_hooks"]() if self._hooks else DefaultHooks()
        return HookApplication(LoadedModel(hooks), self._max_payload_bytes)

    def _raise_timeout(self, worker: Any) -> NoReturn:
        raise TimeoutError(f"the hooks did not respond within {self._timeout} s")

    def _record_loaded(self, worker: Any) -> None:
        self._loaded_flag[0] = 1

    def _halt_unless_loaded(self, arbiter: Any, worker: Any) -> None:
        """Halt if a worker exits before any worker has loaded the model, because the next one would also fail."""
        if arbiter.LISTENERS and not self._loaded_flag[0]:  # a server that is being stopped has no listeners
            write_failure(ABRUPT_END)
            raise HaltServer(ABRUPT_END, arbiter.WORKER_BOOT_ERROR)

    def run_and_explain(self) -> None:
        """Serve, and exit with gunicorn's status. If it fails before a model is loaded, write output/failure."""
        try:
            self.run()
        except (SystemExit, HaltServer) as error:
            code = error.code if isinstance(error, SystemExit) else error.exit_status
            if code and not self._loaded_flag[0]:
                write_failure(ABRUPT_END)
            sys.exit(code)


def write_error(message: str) -> None:
    """Write to stderr in one call, because all workers share it."""
    sys.stderr.write(message)
    sys.stderr.flush()


def write_failure(reason: str) -> None:
    """Write a reason to output/failure, unless the folder is missing or the file exists."""
    with contextlib.suppress(OSError), open(Path(base_dir(), "output", "failure"), "xb") as file:
        file.write(reason[:REASON_SIZE].encode(errors="backslashreplace"))


def replace_host_paths(message: str) -> str:
    """Replace the host's paths in a message with paths in a container."""
    return message.replace(base_dir(), "/opt/ml").replace(tempfile.gettempdir(), "/tmp")  # noqa: S108


def base_dir() -> str:
    return os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml"


def read_number(variable: str, default: int) -> int:
    value = os.environ.get(variable) or str(default)
    if not (value.isascii() and value.isdecimal()) or int(value) < 1:
        sys.exit(f"serving: {variable} must be a positive integer, not {value!r}")
    return int(value)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve a model at /ping, /invocations and /execution-parameters.")
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT") or "8080"
    parser.add_argument("--bind", default=f"0.0.0.0:{port}", help="HOST:PORT or unix:PATH")
    parser.add_argument("--hooks", type=Path, help="file with the default hooks of a different image")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):  # the hooks' output must reach the log immediately
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    model = os.environ.setdefault("SM_MODEL_DIR", f"{base_dir()}/model")
    folders = (f"{model}/code", f"{base_dir()}/code")
    if not os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY"):  # it is empty if the SDK creates a model without a script
        os.environ["SAGEMAKER_SUBMIT_DIRECTORY"] = next(filter(os.path.isdir, folders), folders[0])
    if arguments.hooks is None:  # images with default hooks need no script, as on AWS
        warn_without_program()
    ModelServer(arguments.bind, arguments.hooks).run_and_explain()


if __name__ == "__main__":
    # unpickling looks up classes of the user's script in __main__, and must not find this file's classes there
    sys.modules["__main__"] = types.ModuleType("__main__")
    main()
