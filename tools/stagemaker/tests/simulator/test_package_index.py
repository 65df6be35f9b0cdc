"""The step that installs a job's requirements: which lines reach pip, and what pip and a hostile index can do there."""

import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stagemaker_support.archives import archive_of, make_wheel
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.hostile_requirements import HOSTILE_LINES, SECRET, hostile_package
from stagemaker_support.sandbox import ISOLATIONS, needs_sandbox
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.compute.processes.process import SupervisedProcess
from stagemaker.isolation.package_index import PackageIndex
from stagemaker.isolation.sandbox import Sandbox
from stagemaker.program_variables import REASONS, program_variables
from stagemaker.server import Simulator

TOKEN = "t0ken-of-the-index"
[(FORGED_NAME, FORGED_WHEEL)] = make_wheel("forged").items()
FORGED_HASH = hashlib.sha256(FORGED_WHEEL).hexdigest()


class Index:
    """A package index that requires a token in the path. trace: the file that exists once anything was built."""

    def __init__(self, folder: Path) -> None:
        self.trace = folder / "trace"
        package = hostile_package(self.trace)
        (folder / "pkg").mkdir()
        for name, content in package.items():
            (folder / "pkg" / name).write_text(content)
        handler = functools.partial(QuietHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/{TOKEN}"
        packages = folder / TOKEN / "packages"
        packages.mkdir(parents=True)
        archive = archive_of(**{f"evil-1.0/{name}": content for name, content in package.items()})
        files = {"evil-1.0.tar.gz": archive, FORGED_NAME: FORGED_WHEEL}
        files |= make_wheel("wrapped", f"Requires-Dist: evil @ {self.address}/packages/evil-1.0.tar.gz\n")
        for name, content in files.items():
            (packages / name).write_bytes(content)
            page = folder / TOKEN / "simple" / name.partition("-")[0] / "index.html"
            page.parent.mkdir(parents=True)
            page.write_text(f'<a href="../../packages/{name}">{name}</a>')


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Respond with a file or, for the package `forged`, with a hash that holds another line for pip."""
        if not self.path.endswith("/simple/forged/"):
            super().do_GET()
            return
        hashes = {"sha256": f"{FORGED_HASH}\n-r /proc/self/environ"}
        file = {"filename": FORGED_NAME, "url": f"../../packages/{FORGED_NAME}"}
        page = {"meta": {"api-version": "1.0"}, "name": "forged", "files": [file | {"hashes": hashes}]}
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
        self.end_headers()
        self.wfile.write(json.dumps(page).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    index = Index(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/simple")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    thread = threading.Thread(target=index.server.serve_forever)
    thread.start()
    yield index
    index.server.shutdown()
    thread.join()
    index.server.server_close()


def train(client: Client, requirements: str) -> tuple[str, str]:
    """Run a training job with these requirements. Return its failure reason and its log."""
    source = client.source(**{"job.py": "print('trained')", "requirements.txt": requirements})
    job = client.train("", HyperParameters={"sagemaker_submit_directory": source})
    return job.get("FailureReason", ""), client.log(job)


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_a_line_that_pip_would_read_differently_fails_the_job(
    client: Client, index: Index, tmp_path: Path, line: str
) -> None:
    reason, log = train(client, f"numpy\n{line.replace('FOLDER', str(tmp_path))}\n")
    assert reason.startswith("AlgorithmError: requirements.txt could not be installed: line 2: ")
    assert SECRET not in reason + log
    assert not index.trace.exists()


def test_an_endpoint_with_such_a_line_does_not_start(endpoints: Endpoints, index: Index) -> None:
    source = endpoints.client.source(**{"inference.py": "", "requirements.txt": HOSTILE_LINES[2]})
    reason = endpoints.failure_reason(endpoints.model("", {"SAGEMAKER_SUBMIT_DIRECTORY": source}))
    assert "requirements.txt could not be installed: line 1: " in reason
    assert not index.trace.exists()


@pytest.mark.parametrize(
    ("line", "part_of_reason"),
    [("wrapped==1.0", "must not start a process"), ("evil==1.0", "No matching distribution found for evil==1.0")],
)
def test_a_source_archive_is_not_built_and_the_token_of_the_index_is_hidden(
    any_client: Client, index: Index, line: str, part_of_reason: str
) -> None:
    reason, log = train(any_client, line)
    assert part_of_reason in reason + log
    assert not any(word in reason + log for word in (TOKEN, SECRET))
    assert not index.trace.exists()


def test_an_index_adds_no_line_to_requirements(client: Client, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://carol:{SECRET}@proxy.example")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    reason, log = train(client, f"forged==1.0 --hash=sha256:{FORGED_HASH}")
    assert reason == ""
    assert SECRET not in log


@pytest.mark.parametrize("retries", ["0", "1"])
def test_an_index_that_cannot_be_reached_is_not_the_jobs_fault_and_its_token_is_hidden(
    client: Client, index: Index, monkeypatch: pytest.MonkeyPatch, retries: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:{SECRET}@127.0.0.1:9/{TOKEN}/simple")
    monkeypatch.setenv("PIP_RETRIES", retries)
    reason, log = train(client, "anything==1.0")
    assert reason.startswith("InternalServerError: requirements.txt could not be installed: ")
    assert not any(word in reason + log for word in (TOKEN, SECRET))


SHOW_VIEW = """
import json, os, sys
print(json.dumps({"variables": dict(os.environ), "files": [path for path in sys.argv[1:] if os.path.exists(path)]}))
"""


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_what_starts_where_pip_runs_gets_no_host_variables(isolation: str, index: Index, tmp_path: Path) -> None:
    with Simulator(isolation=isolation) as simulator:
        method = simulator.isolation
        (tmp_path / "install/ml").mkdir(parents=True)
        sandbox = Sandbox(tmp_path / "install", method, IMAGE, index=method.package_index(IMAGE))
        private_files = [__file__, str(tmp_path / TOKEN), "/opt/ml"]
        launch = sandbox.make_launch(["python", "-c", SHOW_VIEW, *private_files], {})
        process = SupervisedProcess(launch, tmp_path)
        view = json.loads(process.output.read())
        process.wait()
    assert SECRET not in view["variables"].values()
    assert view["variables"]["PIP_INDEX_URL"] == f"{index.address}/simple"
    if isolation == "required":
        assert view["files"] == ["/opt/ml"]


@needs_sandbox
def test_pip_can_read_the_local_files_that_its_settings_name(
    client: Client, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    [(name, wheel)] = make_wheel("local").items()
    (wheels / name).write_bytes(wheel)
    (tmp_path / "constraints.txt").write_text("local==1.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    assert train(client, "local\n")[0] == ""


def test_an_indexs_credentials_come_from_netrc(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login ada password p@{SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Simulator(isolation="off") as simulator:
        variables = simulator.isolation.package_index(IMAGE).variables
    host = f"127.0.0.1:{index.server.server_port}"
    assert variables["PIP_INDEX_URL"] == f"http://ada:p%40{SECRET}@{host}/{TOKEN}/simple"


def test_a_sandbox_has_a_network_only_for_an_index(client: Client, tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    sandbox = Sandbox(tmp_path, client.simulator.isolation, IMAGE)
    launches = [sandbox.make_launch(["env"], {}), replace(sandbox, index=PackageIndex({})).make_launch(["env"], {})]
    expected = [False, True] if client.simulator.isolation_enforced else [False, False]
    assert ["--share-net" in (launch.bubblewrap or []) for launch in launches] == expected


def test_other_programs_get_a_list_of_variables() -> None:
    host = {"PATH": "/bin", "HOME": "/h", "https_proxy": "p", "PIP_INDEX_URL": "i", "DOCKER_HOST": "d", "LC_ALL": "C"}
    secrets = {"AWS_SECRET_ACCESS_KEY": SECRET, "GITHUB_TOKEN": SECRET, "PATHS": SECRET, "LD_PRELOAD": SECRET}
    assert program_variables(host | secrets) == host
    assert all(reason for reason in REASONS.values())
