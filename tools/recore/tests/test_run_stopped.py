import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from recore_support.run_command import RunningCommand, file_options, run_recore, start
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from stagemaker_support.job_traces import wait_until
from support.checkout import ROOT, environment

pytestmark = pytest.mark.everywhere

SLEEP = """
import ctypes, time
if __name__ == "__main__":
    print("asleep", flush=True)
    ctypes.CDLL(None).prctl(15, b"asleep")  # PR_SET_NAME: the process's name, which tests can see
    time.sleep(600)
"""
TRAINING, PREPROCESSING = ("train.py", TRAIN, 1), ("preprocess.py", PREPROCESS, 2)


def start_sleeping_run(
    folder: Path, sample: Path, sleeping_step: tuple[str, str, int], out: Path, *options: object
) -> RunningCommand:
    script, code, _ = sleeping_step
    submission = stub(folder / "mine", {script: SLEEP + code})
    return start(folder / "work", submission, *file_options(sample, "public", "private"), "--out", out, *options)


def wait_until_asleep(command: RunningCommand, script: str, jobs: int = 1) -> list[psutil.Process]:
    """Wait until this number of jobs are asleep; return all child processes of the command."""
    processes = command.wait_for(script, jobs)
    wait_until(lambda: [process.name() for process in command.jobs(script)].count("asleep") >= jobs)
    return processes


def have_ended(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=60)[1]


@pytest.mark.parametrize(
    ("signum", "sleeping_step"),
    [
        (signal.SIGINT, TRAINING),
        (signal.SIGTERM, PREPROCESSING),
        pytest.param(signal.SIGTERM, TRAINING, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, PREPROCESSING, marks=pytest.mark.slow),
    ],
    ids=["SIGINT in training", "SIGTERM in pipelines", "SIGTERM in training", "SIGINT in pipelines"],
)
def test_a_signal_stops_the_jobs_and_keeps_the_results(
    signum: signal.Signals, sleeping_step: tuple[str, str, int], tmp_path: Path, sample: Path
) -> None:
    out = tmp_path / "runs/mine"
    command = start_sleeping_run(tmp_path, sample, sleeping_step, out)
    processes = wait_until_asleep(command, sleeping_step[0], sleeping_step[2])
    command.process.send_signal(signum)
    assert command.end() == (130, [])
    assert have_ended(processes)
    assert os.listdir(tmp_path / "runs") == ["mine"]
    record = json.loads((out / "run.json").read_text())
    assert record["state"] == "Stopped"
    states = {step["name"]: step["state"] for step in record["steps"]}
    assert (states["upload"], states["clean up"]) == ("Completed", "Completed")
    stopped_steps = ["train"] if sleeping_step == TRAINING else ["public preprocess", "private preprocess"]
    assert [name for name, state in states.items() if state == "Stopped"] == stopped_steps
    assert (out / "model.tar.gz").exists() == (states["train"] == "Completed")
    assert "asleep" in (out / f"logs/{stopped_steps[0].replace(' ', '-')}.log").read_text()
    lines = command.stderr.splitlines()
    assert lines[-1] == f"recore: interrupted; jobs stopped; the results so far are in {out}"
    assert f"{stopped_steps[0]}: stopping" in lines
    assert "Traceback" not in command.stderr
    assert command.stdout.startswith(f"run: {out} contains logs, ")


@pytest.mark.slow
def test_a_killed_run_leaves_a_partial_folder_that_the_next_run_removes(tmp_path: Path, sample: Path) -> None:
    out = tmp_path / "runs/mine"
    command = start_sleeping_run(tmp_path, sample, TRAINING, out)
    processes = command.wait_for("train.py")
    command.process.kill()
    assert command.end()[0] == -signal.SIGKILL
    assert have_ended(processes)
    assert not out.exists()
    assert [name.startswith(".run-") for name in os.listdir(out.parent)] == [True]
    result = run_recore(stub(tmp_path / "good"), *file_options(sample, "public"), "--out", out)
    assert result.returncode == 0
    assert os.listdir(out.parent) == ["mine"]


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_step_leaves_nothing(signum: signal.Signals, tmp_path: Path, sample: Path) -> None:
    command = start(
        tmp_path / "work", stub(tmp_path / "mine"), *file_options(sample, "public"), "--out", tmp_path / "mine-1"
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".run-*")):  # the run's unfinished folder
        assert time.monotonic() < deadline
        time.sleep(0.01)
    command.process.send_signal(signum)
    assert command.end() == (130, []), command.stderr
    assert not list(tmp_path.glob(".run-*"))


IGNORING_CODE = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_a_job_that_ignores_the_first(tmp_path: Path, sample: Path) -> None:
    out = tmp_path / "runs/mine"
    submission = stub(tmp_path / "mine", {"train.py": IGNORING_CODE + TRAIN})
    command = start(tmp_path / "work", submission, *file_options(sample, "public"), "--out", out, patient=True)
    processes = wait_until_asleep(command, "train.py")
    command.process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        command.process.wait(1)
    command.process.send_signal(signal.SIGINT)
    assert command.end()[0] == 130  # end() waits at most two minutes
    assert have_ended(processes)
    assert "Traceback" not in command.stderr


# Runs recore, and interrupts it at the start of each of three functions that run after all steps have completed.
INTERRUPTING_PROGRAM = """
import signal, sys

def interrupt(frame, event, argument):
    if event == "call" and frame.f_code.co_name in ("make_record", "write_record", "finish"):
        print(frame.f_code.co_name, file=sys.stderr)
        signal.raise_signal(signal.SIGINT)

sys.setprofile(interrupt)
from recore.cli import main
main(prog_name="recore")
"""


@pytest.mark.slow
def test_a_signal_while_the_record_is_written_keeps_the_run(tmp_path: Path, sample: Path) -> None:
    out = tmp_path / "runs/mine"
    arguments = [stub(tmp_path / "mine"), *file_options(sample, "public"), "--out", out]
    command = [sys.executable, "-c", INTERRUPTING_PROGRAM, "run", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    lines = result.stderr.splitlines()
    assert {"make_record", "write_record", "finish"} <= set(lines)
    assert lines[-1] == f"recore: interrupted; jobs stopped; the results so far are in {out}"
    assert result.returncode == 130
    assert os.listdir(out.parent) == ["mine"]
    assert json.loads((out / "run.json").read_text())["state"] == "Completed"
    assert (out / "scores/public.txt").exists()
