"""The container's sagemaker_containers package, used by a framework application that serves real HTTP requests."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stagemaker_support.job_traces import wait_until

APPLICATION = """
import os
from sagemaker_containers.beta.framework import env, errors, transformer, worker

def model_fn(model_dir):
    print("loaded", flush=True)
    return 2

def predict_fn(data, model):
    if data.size > 3:
        raise ValueError("too many")
    return data * model

served = transformer.Transformer(model_fn=model_fn, predict_fn=predict_fn)
app = worker.Worker(transform_fn=served.transform, initialize_fn=served.initialize, module_name="framework")
"""


Run = Callable[..., list[str]]


@pytest.fixture(scope="module")
def run(program_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs a script that can import the package, as in a container.

    The function returns the script's output, or the last line of stderr if the script must fail.
    """
    base = str(tmp_path_factory.mktemp("ml"))

    def start(script: str, must_fail: bool = False, **variables: str) -> list[str]:
        variables |= {"PYTHONPATH": str(program_folder / "library"), "SAGEMAKER_BASE_DIR": base}
        result = subprocess.run(
            [sys.executable, "-c", script], env=os.environ | variables, capture_output=True, text=True
        )
        assert bool(result.returncode) == must_fail, result.stderr
        return result.stderr.splitlines()[-1:] if must_fail else result.stdout.splitlines()

    return start


def is_healthy(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def address(program_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("framework")
    (folder / "application.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {
        "PYTHONPATH": f"{program_folder / 'library'}:{folder}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    script = "from sagemaker_containers.beta.framework import server; server.start('application:app')"
    process = subprocess.Popen([sys.executable, "-c", script], env=os.environ | variables, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or is_healthy(port), 120)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def post(address: str, body: str, **headers: str) -> tuple[int, str, str]:
    header_names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{address}/invocations", body.encode(), header_names)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers["Content-Type"], response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def test_the_default_hooks_read_and_write_formats(address: str) -> None:
    assert post(address, "[1, 2]", Content_Type="application/json") == (200, "application/json", "[2, 4]")
    csv = post(address, "1,2\n", Content_Type="text/csv", Accept="text/csv")
    assert csv == (200, "text/csv; charset=utf-8", "2.0\n4.0\n")
    assert post(address, "[1]", ContentType="application/json", Content_Type="image/png")[2] == "[2]"


def test_unsupported_formats_and_errors_in_a_hook_are_rejected(address: str) -> None:
    status, kind, body = post(address, "1", Content_Type="image/png")
    assert (status, kind) == (415, "application/json")
    assert json.loads(body)["error"] == "UnsupportedFormatError"
    assert post(address, "[1]", Content_Type="application/json", Accept="image/png")[0] == 406
    assert post(address, "[1, 2, 3, 4]", Content_Type="application/json")[0] == 500


def test_every_name_can_be_imported(run: Run) -> None:
    names = {line.split()[0] for line in run("""
import sagemaker_containers.beta.framework as framework
from sagemaker_containers import entry_point
for name in dir(framework):
    print(name, getattr(framework, name))
assert entry_point.run and entry_point._wait_hostname_resolution  # which multi-instance examples import
""")}  # fmt: skip
    assert names >= {"content_types", "encoders", "env", "modules", "transformer", "worker", "server", "training_env"}


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import nothing", "ImportError: cannot import name 'nothing'"),
        ("import transformer as t; t.Transformer(input_fn=id, transform_fn=id)", "ValueError: transform_fn cannot be "),
        ("import server; server.next_safe_port('5000-5001', '5001')", "ValueError: the port 5002 is outside"),
    ],
)
def test_a_missing_name_of_the_package_is_an_error(run: Run, script: str, message: str) -> None:
    [line] = run(f"from sagemaker_containers.beta.framework {script}", must_fail=True)
    assert line.startswith(message)


# The first two requests arrive at the same time: one must wait until the other has initialized the application.
SIMULTANEOUS_REQUESTS = """
import threading
from sagemaker_containers.beta.framework import worker

entered, go_on, calls = threading.Semaphore(0), threading.Event(), []

def initialize():
    calls.append(1)
    entered.release()
    go_on.wait(30)

application = worker.Worker(transform_fn=lambda: "", initialize_fn=initialize, module_name="m")
threads = [threading.Thread(target=lambda: application.test_client().get("/ping")) for _ in range(2)]
for thread in threads:
    thread.start()
assert entered.acquire(timeout=30)
assert not entered.acquire(timeout=0.5), "both requests initialized the application"
go_on.set()
for thread in threads:
    thread.join()
assert calls == [1]
"""


def test_a_worker_is_initialized_once(run: Run) -> None:
    run(SIMULTANEOUS_REQUESTS)


def test_the_serving_environment_has_the_attributes_of_the_package(run: Run) -> None:
    lines = run(
        """
from sagemaker_containers.beta.framework import env, server
serving = env.ServingEnv()
assert dict(serving)["module_name"] == serving.module_name
for name in ("module_name", "model_dir", "module_dir", "default_accept", "model_server_workers", "http_port"):
    print(getattr(serving, name))
print(server.next_safe_port("5000-5010", "5003"))
""",
        SAGEMAKER_PROGRAM="serve_me.py",
        SAGEMAKER_MODEL_SERVER_WORKERS="1",
    )
    module, model, code, *settings = lines
    assert (module, Path(model).name, Path(code).name) == ("serve_me", "model", "code")
    assert settings == ["application/json", "1", "8080", "5004"]


def test_names_missing_from_the_succeeding_package_are_available(run: Run) -> None:
    run("""
import inspect
from sagemaker_containers.beta.framework import errors, modules, params
assert issubclass(errors.ChannelDoesNotExistException, Exception)
assert errors.ClientError and modules.exists("json") and not modules.exists("no_such_module")
names = ("MODEL_SERVER_WORKERS", "MODEL_SERVER_TIMEOUT", "USE_NGINX", "FRAMEWORK_SERVING_MODULE", "USER_PROGRAM")
variables = ["MODEL_SERVER_WORKERS", "MODEL_SERVER_TIMEOUT", "USE_NGINX", "SERVING_MODULE", "PROGRAM"]
assert [getattr(params, f"{name}_ENV") for name in names] == [f"SAGEMAKER_{name}" for name in variables]
assert [*inspect.signature(modules.import_module).parameters] == ["uri", "name", "cache"]
""")


def test_a_worker_request_is_a_mapping(run: Run) -> None:
    run("""
from sagemaker_containers.beta.framework import worker
from werkzeug.test import EnvironBuilder

data = "1,2"
environ = EnvironBuilder("/invocations?x=1", data=data, content_type="text/csv", method="POST").get_environ()
request = worker.Request(environ)
items = dict(request)
assert request == request and request != worker.Request(environ) and len({request}) == 1
assert "nothing" not in request and request.get("nothing", 1) == 1 and len(request) == len(items)
assert items["content"] == data == request["content"] and items["data"] == data.encode()
assert [items[name] for name in ("content_type", "content_length", "accept")] == ["text/csv", 3, "application/json"]
assert request.values["x"] == "1"
""")
