"""A SageMaker user's morning: process, train, evaluate, register and deploy, with boto3 only, on `stagemaker start`."""

import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journeys.commands import ROOT, finish, interrupt, run, start_process, wait_until

SCRIPTS = ROOT / "tools/recore/tests/journeys/shells"
SETUP = ". ./variables.sh;"  # the variables that direct boto3 to the simulator


def write_shells(path: Path, rows: int, header: str = "sex,length,height,weight,rings") -> None:
    numbers = random.Random(1)
    with open(path, "w") as file:
        print(header, file=file)
        for _ in range(rows):
            length, height = numbers.uniform(0.1, 0.8), numbers.uniform(0.02, 0.3)
            weight = 2 * length**2 + numbers.gauss(0, 0.02)
            print(numbers.choice("MFI"), length, height, weight, round(3 + 15 * length + weight), sep=",", file=file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = shutil.copytree(SCRIPTS, tmp_path / "shells")
    write_shells(folder / "shells.csv", 400)
    return folder


@contextmanager
def run_simulator(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a simulator that keeps its state in the folder. At the end of the block, stop it as Ctrl-C does."""
    with start_process("stagemaker start --state state --variables variables.sh", folder) as process:
        wait_until((folder / "variables.sh").exists, process)
        yield process
        interrupt(process)
        assert "the simulator and its jobs have stopped" in finish(process)


def check_first_model(folder: Path) -> None:
    """Register a model through the pipeline, deploy it, and request three predictions."""
    printed = run(f"{SETUP} python pipeline.py 4.0", folder)
    for line in ("Process Succeeded", "Train Succeeded", "Evaluate Succeeded", "IsGoodEnough Succeeded True"):
        assert line in printed
    assert "Register Succeeded" in printed
    assert "Succeeded packages: 1" in printed
    (folder / "three.csv").write_text("0.5,0.1,0.2,1,0,0\n-1,0,-1,0,1,0\n1.5,1,1,0,0,1\n")
    middle, small, large = map(float, run(f"{SETUP} python deploy.py three.csv", folder).split())
    assert small < middle < large


def test_a_pipeline_registers_a_model_that_is_deployed(folder: Path) -> None:
    with run_simulator(folder):
        check_first_model(folder)


@pytest.mark.journey
def test_a_morning_with_mistakes_and_interruptions(folder: Path) -> None:
    with run_simulator(folder):
        printed = run(f"{SETUP} python pipeline.py 0.001", folder)
        assert "IsGoodEnough Succeeded False" in printed
        assert "Register" not in printed
        (folder / "notes.csv").write_text("Shells of this week\nare in the other file\n")
        printed = run(f"{SETUP} python pipeline.py 4.0 notes.csv", folder, status=1)
        assert re.search("Process Failed .*rings", printed)
        write_shells(folder / "unnamed.csv", 100, "sex,length,height,mass,rings")
        printed = run(f"{SETUP} python pipeline.py 4.0 unnamed.csv", folder, status=1)
        assert re.search("Process Failed .*weight", printed)
        assert "Train" not in printed
        check_first_model(folder)
        with start_process(f"{SETUP} python pipeline.py 4.0", folder) as process:  # killed during an execution
            wait_until(lambda: count_executions(folder) == 5, process)
            interrupt(process, signal.SIGKILL)
    with run_simulator(folder):  # with the same state; the interrupted execution continues
        printed = run(f"{SETUP} python pipeline.py 4.0", folder)
        assert "Succeeded packages: " in printed
        assert int(printed.split()[-1]) >= 2
        middle, small, large = map(float, run(f"{SETUP} python deploy.py three.csv", folder).split())
        assert small < middle < large
        assert count_executions(folder) == 6


def count_executions(folder: Path) -> int:
    call = "boto3.client('sagemaker').list_pipeline_executions(PipelineName='shells')['PipelineExecutionSummaries']"
    return int(run(f'{SETUP} python -c "import boto3; print(len({call}))"', folder))
