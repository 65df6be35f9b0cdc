"""Starts the server of a model, as the platform does, and sends it the requests of a plan.

It runs as the script of a training job, because only such a job installs requirements.txt. Channels: `plan` (plan.json
and the bodies that it names), `code` (this file, the container's server as recore_serving.py, requirements.txt),
`models` (NAME.tar.gz, each with the submission under code/). Into the model folder go results.json and the answers.

plan.json: a list of {"model", "modules", "requests": [{"name", "body", "content_type"}]}. The server of each model is
started once and gets the requests in order; `modules` are names to look for where the server runs.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MODEL = BASE / "model"
PROGRAM = "recore_serving.py"  # the container's; a submission may have a serving.py of its own
READY_SECONDS = 120
REQUEST_SECONDS = 120
LARGEST_ANSWER = 256 << 20  # bytes
TEXT = 4000  # characters of an error that are kept

FIND = """
import importlib.util, json, sys
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, AttributeError, ValueError):
        return False
print(json.dumps([name for name in json.loads(sys.argv[1]) if not there(name)]))
"""


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket: other jobs may use the ports of a machine that does not isolate them."""

    def __init__(self, path: str, seconds: float):
        super().__init__("model", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class LocalServer:
    """The server of the model in the model folder, while the context lasts."""

    def __init__(self, log: Path, variables: dict[str, str] | None = None):
        self._log, self._variables = log, variables or {}
        self._folder = tempfile.mkdtemp(prefix="s-", dir="/tmp")
        self._socket = f"{self._folder}/model.sock"

    @staticmethod
    def environment() -> dict[str, str]:
        """The variables of the container, without those that the toolkit made for this script."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SAGEMAKER_"))}
        code = str(BASE / "code")
        paths = ":".join(path for path in ours.pop("PYTHONPATH", "").split(":") if path not in ("", code))
        if "SAGEMAKER_BASE_DIR" in os.environ:
            ours["SAGEMAKER_BASE_DIR"] = os.environ["SAGEMAKER_BASE_DIR"]
        ours |= {"SM_MODEL_DIR": str(MODEL), "SAGEMAKER_SUBMIT_DIRECTORY": str(MODEL / "code")}
        ours |= {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        ours["SAGEMAKER_MODEL_SERVER_TIMEOUT"] = str(REQUEST_SECONDS)
        return ours | ({"PYTHONPATH": paths} if paths else {})

    def __enter__(self) -> "LocalServer":
        program = Path(__file__).with_name(PROGRAM)
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                ["python", "-P", str(program), "--bind", f"unix:{self._socket}"],
                env=self.environment() | self._variables,
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        """Status and body of an answer; status 0 and the reason where none came."""
        connection = Connection(self._socket, REQUEST_SECONDS + 10)
        try:
            headers = {"Content-Type": kind, "Accept": "text/csv"} if kind else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read(LARGEST_ANSWER + 1)
            return (answer.status, content) if len(content) <= LARGEST_ANSWER else (0, b"the answer has no end")
        except (OSError, http.client.HTTPException) as error:
            return 0, f"{type(error).__name__}: {error}".encode()
        finally:
            connection.close()

    def wait_until_ready(self) -> str:
        """Ping until the model is loaded; returns why it is not, empty where it is."""
        deadline = time.monotonic() + READY_SECONDS
        status, text = 0, b""
        while time.monotonic() < deadline:
            status, text = self.request("GET", "/ping")
            if status == 200:
                return ""
            if status >= 400:
                return text.decode("utf-8", "replace")[:TEXT]
            if self._process.poll() is not None:
                return "the server ended before it was ready"
            time.sleep(0.05)
        return f"the server did not answer /ping within {READY_SECONDS} s"


def unpack(archive: Path) -> None:
    """Replace the content of the model folder by that of an archive."""
    for path in MODEL.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    with tarfile.open(archive) as tar:
        tar.extractall(MODEL, filter="tar")


def time_imports(environment: dict[str, str], target: Path) -> None:
    """Import train.py as the server does, in a process of its own; `target` gets the times as Python writes them."""
    command = ["python", "-X", "importtime", "-c", "import train"]
    with open(target, "wb") as file, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command,
            env=environment,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=file,
            check=False,
            timeout=READY_SECONDS,
        )


def serve(entry: dict[str, Any], plan: Path, results: Path) -> dict[str, Any]:
    """Serve one model; returns what happened."""
    name = entry["model"]
    unpack(BASE / f"input/data/models/{name}.tar.gz")
    done: dict[str, Any] = {"model": name, "reason": "", "missing": [], "requests": []}
    environment = LocalServer.environment()
    environment["PYTHONPATH"] = ":".join(filter(None, [str(MODEL / "code"), environment.get("PYTHONPATH", "")]))
    time_imports(environment, results / f"{name}.imports")
    if entry["modules"]:
        command = ["python", "-c", FIND, json.dumps(entry["modules"])]
        found = subprocess.run(command, env=environment, cwd="/", capture_output=True, check=False)
        done["missing"] = json.loads(found.stdout or b"[]")
    with LocalServer(results / f"{name}.log") as server:
        done["reason"] = server.wait_until_ready()
        for request in entry["requests"] if not done["reason"] else []:
            began = time.monotonic()
            body = (plan / request["body"]).read_bytes()
            status, content = server.request("POST", "/invocations", body, request["content_type"])
            answer = {"name": request["name"], "status": status, "seconds": time.monotonic() - began}
            if status == 200:
                (results / f"{name}-{request['name']}").write_bytes(content)
            answer["text"] = "" if status == 200 else content.decode("utf-8", "replace")[:TEXT]
            done["requests"].append(answer)
    return done


def main() -> None:
    plan = BASE / "input/data/plan"
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        done = [serve(entry, plan, results) for entry in json.loads((plan / "plan.json").read_text())]
        (results / "results.json").write_text(json.dumps(done))
        for path in MODEL.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(results, MODEL, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
