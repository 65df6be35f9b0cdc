"""If a simulator is killed while a command waits for it, the command exits at once. When run again, it continues."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.tunable_submission import TRAIN, make_tunable
from stagemaker_support.start_command import start
from support.checkout import environment

STOP_MESSAGE = "has stopped; restart it with `stagemaker start` and the same --state, export the variables again, and "


class KilledSimulator:
    """A simulator with a state folder, as a process that can be killed and restarted."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.start()

    def start(self) -> None:
        state = ("--state", self.folder / "state", "--isolation", "off")
        self.process, self.variables = start(*state, folder=self.folder)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def command(self, *words: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "recore", *map(str, words)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        variables = environment() | self.variables
        return subprocess.Popen(command, cwd=self.folder, env=variables, text=True, **pipes)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[KilledSimulator]:
    simulator = KilledSimulator(tmp_path)
    yield simulator
    simulator.process.send_signal(signal.SIGKILL)
    simulator.process.communicate()


def test_a_training_continues_on_the_next_simulator(simulator: KilledSimulator, small_sample: Path) -> None:
    began = simulator.folder / "began"
    waits = TRAIN.replace(
        "    # a test replaces this line",
        f"    import pathlib, time\n    if not pathlib.Path({str(began)!r}).exists():\n"
        f"        pathlib.Path({str(began)!r}).touch()\n        time.sleep(600)",
    )
    mine = make_tunable(simulator.folder / "mine", {"train.py": waits})
    public = small_sample / "public/public.csv.gz"
    (simulator.folder / "config.json").write_text('{"MINIMUM_SCORE": -10.0}')
    train = ("production", "train", mine, "--public", public)
    process = simulator.command(*train)
    deadline = time.monotonic() + 120
    while not began.exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    run = simulator.command("run", mine, "--public", public, "--out", "runs/one", "--no-report")
    assert "upload: completed" in "".join(run.stdout.readline() for _ in range(5))
    simulator.kill()
    for command, end in (
        (process, "repeat this command; training, tuning and updates continue"),
        (run, "repeat this command"),
    ):
        output, _ = command.communicate(timeout=30)  # boto3's own retries take more than a minute
        line = output.splitlines()[-1]
        assert line == f"recore: the simulator at {simulator.variables['AWS_ENDPOINT_URL']} {STOP_MESSAGE}{end}", output
        assert output.count("has stopped") == 1
        assert command.returncode == 1

    simulator.start()
    output, _ = simulator.command(*train).communicate(timeout=120)
    assert "version 1 of core-assays is registered" in output
