import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from recore_support.run_command import file_options, run_recore, start
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from stagemaker_support.docker_engine import containers, engine, orphaned_containers
from stagemaker_support.job_traces import wait_until

SLEEP = "    import time\n    print('asleep', flush=True)\n    time.sleep(600)\n"
MAIN = "if __name__ == '__main__':\n"
PREDICT = "def predict_fn(inputs, means):"
SLEEPING_STEPS = {  # for each step, a file in the submission and its code, which sleeps in that step
    "train": ("train.py", MAIN + SLEEP + TRAIN),
    "public preprocess": ("preprocess.py", MAIN + SLEEP + PREPROCESS),
    "public predict": ("train.py", TRAIN.replace(f"{PREDICT}\n", f"{PREDICT}\n{SLEEP}")),
    "public score": ("", ""),  # this step runs the host's script, and is interrupted as soon as its container exists
}  # fmt: skip


def read_predictions(path: Path) -> np.ndarray:
    return np.genfromtxt(path, delimiter=",")


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_predictions_equal_those_made_by_hand(project: Path, sample: Path, tmp_path: Path) -> None:
    engine()
    result = run_recore("--engine", "docker", *file_options(sample), "--out", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    docker_predictions = read_predictions(tmp_path / "run/predictions/public.csv.out")
    local_predictions = read_predictions(project / "data/predictions/public.csv.out")
    np.testing.assert_allclose(docker_predictions, local_predictions, rtol=1e-9)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["isolation"] == "Docker"
    assert record["arguments"]["engine"] == "docker"
    assert not orphaned_containers()


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("step", SLEEPING_STEPS)
def test_a_signal_leaves_no_container_or_partial_folder(step: str, signum: int, tmp_path: Path, sample: Path) -> None:
    engine()
    file, code = SLEEPING_STEPS[step]
    submission = stub(tmp_path / "mine", {file: code} if file else {})
    out = tmp_path / "runs/run"
    command = start(tmp_path / "work", submission, "--engine", "docker", *file_options(sample, "public"), "--out", out)
    wait_until(lambda: f"{step}: started" in command.stderr, 60)
    wait_until(lambda: running_containers(command.process.pid), 30)
    command.process.send_signal(signum)
    status, temporary_files = command.end()
    wait_until(lambda: not containers(command.process.pid))
    if signum == signal.SIGINT:
        assert (status, temporary_files) == (130, [])
        assert json.loads((out / "run.json").read_text())["state"] == "Stopped"
    else:
        assert not out.exists()
    result = run_recore(stub(tmp_path / "good"), *file_options(sample, "public"), "--out", tmp_path / "runs/next")
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(tmp_path / "runs")) == (["next", "run"] if signum == signal.SIGINT else ["next"])


def running_containers(pid: int) -> list[str]:
    return sorted({container.name for container in engine().containers.list(ignore_removed=True)} & {*containers(pid)})


def test_a_missing_engine_is_reported_in_one_line(sample: Path, tmp_path: Path) -> None:
    variables = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    result = run_recore("--engine", "docker", *file_options(sample, "public"), "--out", tmp_path / "run", **variables)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "no Docker engine responds" in result.stderr
    assert "start Docker" in result.stderr
    assert os.listdir(tmp_path) == []
