import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.cli import progress
from recore.evaluation import Step

# Runs recore with a shorter minimum pause, in seconds, between progress lines.
UNPAUSED_PROGRAM = "from recore.cli import progress; progress.MIN_PAUSE = {}; from recore.cli import main; main()"
SAMPLE = ("--rows", "1500", "--holes", "4", "--channels", "200")


def sample(folder: Path, pause: float, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", UNPAUSED_PROGRAM.format(pause), "sample", "--out", str(folder), *SAMPLE]
    return subprocess.run(command, cwd=ROOT, env=environment() | variables, capture_output=True, timeout=120)


def test_lines_are_printed_while_work_goes_on(tmp_path: Path) -> None:
    result = sample(tmp_path, 0.001, FORCE_COLOR="1", TERM="xterm-256color")
    assert result.returncode == 0, result.stderr
    first, *progress_lines = result.stderr.decode("ascii").split("\n")
    assert first == "sample: writing rows"
    assert progress_lines.pop() == ""
    assert progress_lines
    for line in progress_lines:
        assert re.fullmatch(r"sample: writing rows, [\d,]+ of 1,500; \d+ s so far", line), line
    assert [line.partition(" rows in ")[0][:8] for line in result.stdout.decode().splitlines()] == ["sample: "] * 3


def test_with_a_long_pause_only_the_stages_are_printed(tmp_path: Path) -> None:
    assert sample(tmp_path, 600).stderr == b"sample: writing rows\n"


def test_work_continues_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "recore", "sample", "--out", str(tmp_path), *SAMPLE]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stderr.close()
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.count(b" rows in ") == 3


def test_the_steps_of_a_run_are_numbered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "MIN_PAUSE", 0.02)

    def describe(*running: Step) -> str:
        with progress.show_steps("run", list(running)) as watch:
            for step in running:
                step.start_time = time.monotonic() - 21
                watch(step)
            err = ""
            while not err.count("\n"):  # until the first line is printed
                time.sleep(0.02)
                err += capsys.readouterr().err
        return err.splitlines()[0]

    assert describe(Step("upload")) == "run: upload; 0 s so far"
    training = Step("train", activity="packing and uploading the model, 3.1 GB")
    assert describe(training) == "run: step 1 of 4, train, packing and uploading the model, 3.1 GB: 21 s"
    steps = [Step("private predict"), Step("held-out score"), Step("public predict")]
    assert describe(*steps) == "run: step 3 of 4, predict (public, private): 21 s"
    steps = [Step("private score"), Step("public predict")]
    assert describe(*steps) == "run: step 3 of 4, predict (public); step 4 of 4, score (private): 21 s"
