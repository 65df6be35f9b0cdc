"""The container's sagemaker_containers package, used by a framework application that serves real HTTP requests."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def run(program_folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script that can import the package, as in a container."""
    environment = dict(os.environ, PYTHONPATH=str(program_folder / "library"))
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def address(program_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the application that `server.start` serves."""
    folder = tmp_path_factory.mktemp("framework")
    (folder / "application.py").write_text(APPLICATION)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(
        os.environ, PYTHONPATH=f"{program_folder / 'library'}:{folder}", SAGEMAKER_BIND_TO_PORT=str(port)
    )
    environment |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1", "SAGEMAKER_BASE_DIR": str(folder)}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    script = "from sagemaker_containers.beta.framework import server; server.start('application:app')"
    process = subprocess.Popen([sys.executable, "-c", script], env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
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


def test_unsupported_formats_are_refused(address: str) -> None:
    status, kind, body = post(address, "1", Content_Type="image/png")
    assert (status, kind) == (415, "application/json")
    assert json.loads(body)["error"] == "UnsupportedFormatError"
    assert post(address, "[1]", Content_Type="application/json", Accept="image/png")[0] == 406


def test_an_error_in_a_hook_returns_status_500(address: str) -> None:
    assert post(address, "[1, 2, 3, 4]", Content_Type="application/json")[0] == 500


def test_every_name_can_be_imported(program_folder: Path) -> None:
    script = f"""
import os
os.environ["SAGEMAKER_BASE_DIR"] = {str(program_folder.parent / "ml")!r}
import sagemaker_containers.beta.framework as framework
for name in dir(framework):
    print(name, getattr(framework, name))
"""
    result = run(program_folder, script)
    assert result.returncode == 0, result.stderr
    names = {line.split()[0] for line in result.stdout.splitlines()}
    assert names >= {"content_types", "encoders", "env", "modules", "transformer", "worker", "server", "training_env"}


def test_the_module_that_multi_instance_examples_import_exists(program_folder: Path) -> None:
    script = (
        "from sagemaker_containers import entry_point; print(entry_point.run, entry_point._wait_hostname_resolution)"
    )
    result = run(program_folder, script)
    assert result.returncode == 0, result.stderr


def test_an_unknown_name_cannot_be_imported(program_folder: Path) -> None:
    result = run(program_folder, "from sagemaker_containers.beta.framework import nothing")
    assert "ImportError: cannot import name 'nothing'" in result.stderr


def test_transform_fn_replaces_the_other_hooks(program_folder: Path) -> None:
    script = "from sagemaker_containers.beta.framework import transformer\n"
    script += "transformer.Transformer(input_fn=id, transform_fn=id)"
    assert "ValueError: transform_fn cannot be combined" in run(program_folder, script).stderr


def test_ports_outside_the_range_are_refused(program_folder: Path) -> None:
    script = "from sagemaker_containers.beta.framework import server; server.next_safe_port('5000-5001', '5001')"
    assert "ValueError: the port 5002 is outside the range 5000-5001" in run(program_folder, script).stderr
