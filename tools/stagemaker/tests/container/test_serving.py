"""The server that runs the hooks: loading, paths, limits, workers, shutdown, and errors in hooks."""

import os
import re
import signal
import socket
import time
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from gunicorn.errors import HaltServer
from stagemaker_support.job_traces import wait_until

from stagemaker.container.serving import ModelServer

pytestmark = pytest.mark.everywhere

MODEL = "def model_fn(model_dir): return None\n"
PROCESS = MODEL + "import os\ndef transform_fn(model, data, content_type, accept): return str(os.getpid())\n"


@pytest.fixture(scope="module")
def server(serve):
    return serve(PROCESS, MAX_CONTENT_LENGTH="1000")


@pytest.mark.parametrize("chunked", [False, True])
def test_requests_above_the_limit_are_rejected(server, chunked: bool) -> None:
    def post_status(size: int) -> int:
        body = b"1" * size
        return server.post(iter([body]) if chunked else body).status

    assert [post_status(1000), post_status(1001), post_status(8_000_000), post_status(1)] == [200, 413, 413, 200]


def test_large_requests_are_accepted_by_default_and_hook_output_appears_in_the_log_immediately(serve) -> None:
    server = serve(MODEL + "def transform_fn(_, data, *types): print('a word'); return str(len(data))\n")
    size = 50 * 2**20
    assert server.post(b"1" * size, "application/octet-stream").text == str(size)
    assert "a word\n" in server.log.read_text()


def test_a_request_that_ends_early_is_rejected(server) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(server.address))
        client.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1,2")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert server.post("1").status == 200


UNLOADABLE_MODELS = {
    "both": (
        MODEL + "def transform_fn(*_): ...\ndef predict_fn(*_): ...",
        "Cannot use transform_fn implementation in conjunction with",
    ),
    "no model_fn": ("def predict_fn(data, model): ...", "Please provide a model_fn implementation"),
    "exits": ("import sys; sys.exit('not to be imported')", "SystemExit: not to be imported"),
    "half a character": ("def model_fn(model_dir): raise OSError('\\ud800')", "OSError: \\ud800"),
    "class in __main__": (
        "import pickle\ndef model_fn(model_dir): return pickle.loads(b'c__main__\\nModel\\n.')",
        "AttributeError: Can't get attribute 'Model' on <module '__main__'",
    ),
    "code in a top folder": (
        MODEL,
        "the model's archive has my/code/inference.py instead of code/inference.py: "
        "pack its files without the folder my (tar -C my -czf model.tar.gz .)",
        "model/my/code",
    ),
    "model in a top folder": (
        "def model_fn(model_dir): return open(model_dir + '/model.pkl')",
        "the model's archive has my/model.pkl instead of model.pkl: "
        "pack its files without the folder my (tar -C my -czf model.tar.gz .)",
        "code",
    ),
    "no module, although the model has a folder": ("", "the module 'inference' is missing from ", "code"),
    "failed import, although the model has a folder": ("import no_such_rock", "No module named 'no_such_rock'", "code"),
}


@pytest.mark.parametrize("name", UNLOADABLE_MODELS)
def test_a_model_that_does_not_load_is_reported(serve, tmp_path: Path, name: str) -> None:
    module, reason, *code = UNLOADABLE_MODELS[name]
    settings = {"code": code[0]} if code else {}
    if code == ["code"]:  # a module outside the model
        (tmp_path / "my").mkdir()
        (tmp_path / "my/model.pkl").touch()
        settings["SM_MODEL_DIR"] = str(tmp_path)
    server = serve(module, {"other.py": ""}, **settings)
    for response in (server.request("GET", "/ping"), server.post("1")):
        assert response.status == 503
        assert reason in response.text
        assert ("set SAGEMAKER_PROGRAM to the script's name" in response.text) == ("no module," in name)
        assert ("pack its files" in response.text) == ("in a top folder" in name)
    log = server.log.read_text()
    assert "Traceback" in log
    assert log.count(reason) == 1  # the model was loaded once, not repeatedly
    assert not (server.base / "output").exists()
    assert server.stop() == 0


def test_the_reason_why_a_model_does_not_load_is_saved(serve) -> None:
    server = serve("def model_fn(model_dir): raise OSError('torn ' * 1000)", folders=("output",), wait=False)
    failure = server.base / "output/failure"
    wait_until(lambda: failure.exists() and failure.stat().st_size > 0, 120)
    server.stop()
    assert len(failure.read_text()) == 1024
    assert failure.read_text().startswith("the model did not load: OSError: torn torn ")


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(0)", "os._exit(3)"])
def test_a_process_that_ends_while_it_loads_the_model_ends_the_server(serve, end: str) -> None:
    module = f"import os, signal, time\ndef model_fn(model_dir): time.sleep(0.5); {end}"
    server = serve(module, folders=("output",), wait=False, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    assert server.process.wait(120) == 3
    reason = "the model did not load: the loading process exited abruptly; see the log"
    assert (server.base / "output/failure").read_text() == reason
    log = server.log.read_text()
    assert "Traceback" not in log
    assert ("was sent SIGSEGV" in log) == ("SIGSEGV" in end)


def test_a_server_that_is_stopped_while_it_loads_the_model_has_not_failed(serve) -> None:
    block_sigterm = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    module = f"import signal, time\ndef model_fn(folder): {block_sigterm}; print('is in'); time.sleep(99)"
    server = serve(module, folders=("output",), wait=False)
    wait_until(lambda: "is in\n" in server.log.read_text(), 120)
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    assert not (server.base / "output/failure").exists()


REPLACED = """
import os
def model_fn(model_dir):
    loads = len(os.listdir(f"{model_dir}/../output"))
    open(f"{model_dir}/../output/{loads}", "x")
    if loads == 1:
        os._exit(0)
def transform_fn(model, data, content_type, accept):
    return str(os.getpid())
"""


def test_a_process_that_ends_after_the_model_was_loaded_is_replaced(serve) -> None:
    server = serve(REPLACED, folders=("output",))
    first = server.post("1").text
    os.kill(int(first), signal.SIGKILL)
    # connections wait in the queue of the socket that all processes share
    assert server.post("1").text != first
    assert sorted(os.listdir(server.base / "output")) == ["0", "1", "2"]
    assert server.stop() == 0


def test_a_server_that_ends_when_it_is_stopped_has_not_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are still loading the model are killed, and gunicorn may or may not report that they exited."""
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    (tmp_path / "output").mkdir()
    server = ModelServer("unix:socket")
    arbiter = types.SimpleNamespace(LISTENERS=[], WORKER_BOOT_ERROR=3)
    server.cfg.child_exit(arbiter, None)
    assert not (tmp_path / "output/failure").exists()
    arbiter.LISTENERS.append("socket")
    with pytest.raises(HaltServer):
        server.cfg.child_exit(arbiter, None)
    assert (tmp_path / "output/failure").exists()
    server.cfg.post_worker_init(None)
    server.cfg.child_exit(arbiter, None)


@pytest.mark.parametrize(
    "module", ["def model_fn(folder): int('x')", MODEL + "def transform_fn(*_): int('x')"], ids=["model", "request"]
)
def test_a_traceback_is_written_in_a_single_write(serve, module: str) -> None:
    """The workers share a log, so one worker's lines may appear between two writes of another."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps writes separate
    with reader, writer:
        reader.settimeout(10)
        serve(module, stderr=writer).post("1")
        log = next(log for log in iter(lambda: reader.recv(1 << 16).decode(), "") if "ValueError" in log)
    assert re.search(r'Traceback \(most(.*\n)+  File "/.*/inference.py", line .*\n(.*\n)+ValueError: ', log), log


# The program and the module that it imports share their names with files in stagemaker/container.
@pytest.mark.parametrize("code_folder", ["model/code", "code", "variables"])
def test_the_program_imports_modules_next_to_it(serve, tmp_path: Path, code_folder: str) -> None:
    files = {
        "serving.py": "import training\nfrom helpers_of_mine import model_fn\n"
        "def transform_fn(model, *_): return training.X + model",
        "training.py": "X = 'mine '",
        "helpers_of_mine.py": "import os\nROCK = open(os.path.dirname(__file__) + '/rock.txt').read()\n"
        "def model_fn(model_dir): return ROCK + model_dir",
        "rock.txt": "too in ",
    }
    if code_folder == "variables":
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        settings = {"SAGEMAKER_SUBMIT_DIRECTORY": str(tmp_path), "SAGEMAKER_PROGRAM": "serving", "SM_MODEL_DIR": "/tmp"}
        server, model = serve(**settings), "/tmp"
    else:
        server = serve(files=files, code=code_folder, SAGEMAKER_PROGRAM="serving.py")
        model = str(server.base / "model")
    assert server.post("1").text == f"mine too in {model}"
    assert "Warning" not in server.log.read_text()


def test_a_script_that_aws_does_not_serve_is_reported(server) -> None:
    log = server.log.read_text()
    assert "AWS's image would fail: add SAGEMAKER_PROGRAM=inference.py to the model's Env" in log


def test_two_workers_respond_concurrently(serve) -> None:
    server = serve(
        "import os, time\n"
        "def model_fn(model_dir):\n"
        "    open(f'{model_dir}/loaded', 'a').write('x')\n"
        "    return model_dir\n"
        "def transform_fn(model, data, content_type, accept):\n"
        "    open(f'{model}/{data}', 'w').close()\n"
        "    while not (os.path.exists(f'{model}/first') and os.path.exists(f'{model}/second')): time.sleep(0.01)\n"
        "    return str(os.getpid())\n",
        SAGEMAKER_MODEL_SERVER_WORKERS="2",
    )
    with ThreadPoolExecutor(2) as pool:
        workers = {response.text for response in pool.map(server.post, ("first", "second"))}
    assert len(workers) == 2
    assert (server.base / "model/loaded").read_text() == "xx"


def test_a_request_that_takes_too_long_is_aborted(serve) -> None:
    server = serve(
        "import time\ndef model_fn(model_dir): time.sleep(2.5)\n"  # loading a model may take longer than a request
        "def transform_fn(model, data, content_type, accept): time.sleep(float(data)); return 'done'\n",
        SAGEMAKER_MODEL_SERVER_TIMEOUT="1",
    )
    assert server.log.read_text().count("Booting worker") == 1
    response = server.post("30")
    assert response.status == 500
    assert response.text.startswith("TimeoutError: the hooks did not respond within 1 s\n")
    assert server.post("0").text == "done"


@pytest.mark.parametrize("tcp", [False, True])
def test_sigterm_ends_all_processes_also_during_a_request(serve, tcp: bool) -> None:
    busy_script = MODEL + "import time\ndef transform_fn(*_): print('busy', flush=True); time.sleep(600)\n"
    server = serve(busy_script, tcp=tcp, SAGEMAKER_MODEL_SERVER_WORKERS="2")
    process = psutil.Process(server.process.pid)
    wait_until(lambda: len(process.children()) == 2)
    children = process.children()
    listening = [connection.laddr for connection in process.net_connections("inet") if connection.status == "LISTEN"]
    assert listening == ([("127.0.0.1", server.address)] if tcp else [])
    with closing(server.connection()) as connection:
        connection.request("POST", "/invocations", b"1")
        wait_until(lambda: "busy" in server.log.read_text())
        assert server.stop() == 0
    _, remaining = psutil.wait_procs(children, timeout=60)
    assert remaining == []
    assert tcp or not server.address.exists()


def test_the_server_itself_writes_no_files(serve, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
    for folder in folders.values():
        folder.mkdir()
    server = serve(PROCESS, **{name: str(folder) for name, folder in folders.items()}, PYTHONDONTWRITEBYTECODE="1")
    server.post("1")
    time.sleep(0.5)  # gunicorn would create its temporary files in a thread
    assert sorted(tmp_path.rglob("*")) == sorted(folders.values())
    assert {path.name for path in server.base.rglob("*")} == {"model", "code", "inference.py"}
    assert os.listdir(server.address.parent) == ["socket"]
    assert os.listdir(f"/proc/{server.process.pid}/cwd") == []


@pytest.mark.parametrize(
    "setting", ["SAGEMAKER_MODEL_SERVER_WORKERS=many", "SAGEMAKER_MODEL_SERVER_TIMEOUT=0", "MAX_CONTENT_LENGTH=-1"]
)
def test_settings_that_are_not_positive_integers_are_rejected(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    variable, value = setting.split("=")
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit, match=f"{variable} must be a positive integer, not '{value}'"):
        ModelServer("127.0.0.1:0")


# The conformance cases apply to any server, so they check only the status. The reasons are specific to this one.
# model_fn is the only hook: the image's default hooks read the request and write the response.
DEFAULTS = """
class Model:
    def predict(self, data):
        return data

def model_fn(model_dir):
    return Model()
"""
FRAGILE_HOOKS = """
import os, sys

def model_fn(model_dir):
    return None

def input_fn(data, content_type):
    if data == "raise":
        raise ValueError("no copper in it")
    if data == "exit":
        sys.exit("the hook called exit")
    return data

def predict_fn(inputs, model):
    return {"none": None, "number": 1.5}.get(inputs, str(os.getpid()))

def output_fn(prediction, accept):
    return prediction
"""


@pytest.fixture(scope="module")
def defaults(serve):
    return serve(DEFAULTS)


@pytest.fixture(scope="module")
def fragile(serve):
    return serve(FRAGILE_HOOKS)


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "reason"),
    [
        ("a,b\n1,2\n", "text/csv", "text/csv", "could not convert string to float: 'a'"),
        ("1,2\n3\n", "text/csv", "text/csv", "inhomogeneous"),
        ("1,2", "text/csv; charset=utf-8", "text/csv", "text/csv; charset=utf-8 is not supported"),
        ("1,2", "text/csv", "image/png", "image/png is not supported"),
    ],
)
def test_the_default_hooks_report_why_they_reject_a_request(
    defaults, body: str, content_type: str, accept: str, reason: str
) -> None:
    response = defaults.post(body, content_type, Accept=accept)
    assert (response.status, response.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in response.text
    assert defaults.post("1,2").status == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise", "no copper in it"),
        ("exit", "SystemExit: the hook called exit"),
        ("none", "returned an object of type NoneType instead of a string or bytes"),
        ("number", "returned an object of type float instead of a string or bytes"),
    ],
)
def test_a_failing_hook_does_not_affect_later_requests(fragile, body: str, reason: str) -> None:
    worker = fragile.post("fine").text
    response = fragile.post(body)
    assert (response.status, response.content_type) == (500, "text/plain; charset=utf-8")
    assert reason in response.text.splitlines()[0]
    assert "Traceback" in response.text
    assert reason in fragile.log.read_text()
    assert fragile.request("GET", "/ping").status == 200
    assert fragile.post("fine").text == worker
