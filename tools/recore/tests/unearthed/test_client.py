"""The client's five commands in a fresh clone, and in a clone with the files of earlier work.

The client's exit status is not checked: it is 0 whatever happened in a container, and sometimes 1 after a good build,
whose container removes itself. The files and the exit codes of the other containers are.
"""

import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
from stagemaker_support.docker_engine import THREADS_OF_CONTAINERS
from support.checkout import UPLOADED_FILES, copy_checkout, environment, run
from support.fixtures import make_project
from unearthed.conftest import IMAGE

from recore.dataset.sample_files import Plan, make_sample

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("docker")]

# The files that each command leaves in the project.
OUTPUTS = {
    "build": {"src.tar.gz"},
    "preprocess": {"data/preprocess/public.csv"},
    "train": {"model/model.pkl", "model/held_out.csv"},
    "predict": {"data/predictions/public.csv.out"},
    "score": {"data/scores/public.txt", "data/scores/public.json"},
}


@dataclass
class ClientRun:
    """For each of the five commands: output, names of files created or changed, exit codes and logs of containers."""

    folder: Path
    output: dict[str, str] = field(default_factory=dict)
    changed_files: dict[str, set[str]] = field(default_factory=dict)
    exit_codes: dict[str, list[int]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)


def modification_times(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


def containers(engine: docker.DockerClient, folder: Path) -> list[docker.models.containers.Container]:
    return engine.containers.list(all=True, filters={"volume": str(folder)}, ignore_removed=True)


def leave_older_work(folder: Path) -> None:
    """Create the files of a user who had other data and packed another submission."""
    make_sample(folder / "data", Plan(rows=120, holes=4, channels=70, seed=8))
    for script in ("train.py", "preprocess.py", "predict.py", "score.py"):
        result = run(script, cwd=folder)
        assert result.returncode == 0, result.stderr
    (folder / "src.tar.gz").write_text("packed long ago")
    shutil.rmtree(folder / "data/public")


@pytest.fixture(scope="module", params=["fresh", "worked-in"])
def client_run(
    request: pytest.FixtureRequest,
    engine: docker.DockerClient,
    client: Path,
    sample: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClientRun]:
    folder = copy_checkout(tmp_path_factory.mktemp(request.param))
    if request.param == "worked-in":
        leave_older_work(folder)
    shutil.copytree(sample / "public", folder / "data/public")
    # None of the local settings are used: no login, and no check on the package index for a newer client.
    variables = environment() | {"HOME": str(tmp_path_factory.mktemp("home")), "OUTDATED_IGNORE": "1"}
    client_run = ClientRun(folder)
    try:
        for command in OUTPUTS:
            times = modification_times(folder)
            result = subprocess.run(
                [client, command],
                cwd=folder,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            client_run.output[command] = result.stdout
            left_containers = [] if command == "build" else containers(engine, folder)
            client_run.exit_codes[command] = [container.wait(timeout=60)["StatusCode"] for container in left_containers]
            client_run.logs[command] = "".join(container.logs().decode() for container in left_containers)
            for container in left_containers:
                container.remove(v=True)
            deadline = time.monotonic() + 60
            while containers(engine, folder):  # the engine removes build's container, which takes a moment
                assert time.monotonic() < deadline, f"the container of {command} still exists\n{result.stdout}"
                time.sleep(0.1)
            client_run.changed_files[command] = {name for name, _ in times.items() ^ modification_times(folder).items()}
        yield client_run
    finally:
        # If a client is stopped, its container keeps running.
        for container in containers(engine, folder):
            container.remove(force=True, v=True)


@pytest.mark.parametrize("command", OUTPUTS)
def test_a_command_leaves_the_expected_files_and_nothing_else(command: str, client_run: ClientRun) -> None:
    assert client_run.changed_files[command] == OUTPUTS[command], client_run.output[command]


@pytest.mark.parametrize("command", [command for command in OUTPUTS if command != "build"])
def test_a_step_succeeds_with_the_packages_of_its_image(command: str, client_run: ClientRun) -> None:
    assert client_run.exit_codes[command] == [0], client_run.output[command]
    assert "Requirement already satisfied: scikit-learn" in client_run.logs[command]
    for word in ("Collecting", "Downloading", "Using cached", "Installing", "ERROR"):
        assert word not in client_run.logs[command]


def test_the_archive_contains_what_the_pipeline_needs_and_nothing_else(client_run: ClientRun) -> None:
    with tarfile.open(client_run.folder / "src.tar.gz") as tar:
        members = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if not member.isdir()}
        contents = {name: file.read() for name, file in members.items()}
    assert set(contents) == {*UPLOADED_FILES, "requirements.txt"}
    assert contents == {name: (client_run.folder / name).read_bytes() for name in contents}


def test_the_score_equals_the_one_computed_by_hand(client_run: ClientRun, tmp_path: Path, sample: Path) -> None:
    make_project(tmp_path / "project", sample, **THREADS_OF_CONTAINERS)
    for name in ("data/preprocess/public.csv", "data/predictions/public.csv.out", "data/scores/public.txt"):
        is_same = (client_run.folder / name).read_bytes() == (tmp_path / "project" / name).read_bytes()
        assert is_same, name  # pytest would take minutes to show the difference between large files


def test_the_install_before_each_step_needs_no_network(client_run: ClientRun, engine: docker.DockerClient) -> None:
    printed = engine.containers.run(
        IMAGE,
        ["/bin/bash", "-c", "pip install -r requirements.txt"],
        network_mode="none",
        working_dir="/opt/ml/code",
        volumes={str(client_run.folder): {"bind": "/opt/ml/code", "mode": "ro"}},
        remove=True,
    )
    assert b"Requirement already satisfied: scikit-learn" in printed
