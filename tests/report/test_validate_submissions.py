"""Submissions that recore validate runs: those that fail, print, wait or hang, and the command itself."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support.command import recore, recore_process
from support.validations import TRAIN

from recore.report.validate.submission_report import validate
from recore.report.validate.time_budget import TimeBudget
from recore.report.validate.validation import ValidationSettings
from recore.report.validate.workers import SubmissionError, Worker


@pytest.mark.slow
def test_a_submission_without_alphas_has_no_curve(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("alpha_m", "other_m"))
    page = validate(tmp_path / "s", small_file, ValidationSettings(repeats=1, minutes=10))
    section = next(section for section in page.sections if section.name == "alphas")
    assert section.items == ()
    assert "no hyperparameters alpha_min and alpha_max" in section.note


def test_nothing_is_left_in_a_submissions_folder(numbers: Path, linear_submission: Path) -> None:
    facts = json.loads((numbers / "contents.json").read_text())["facts"]
    assert facts["submission"] == str(linear_submission)
    assert {path.name for path in linear_submission.iterdir()} == {"preprocess.py", "train.py"}


def test_the_time_limit_is_that_of_one_request(linear_submission: Path, tmp_path: Path) -> None:
    """Its timer would otherwise end the process during a later one."""
    worker = Worker(linear_submission, tmp_path / "log", 10)
    with pytest.raises(SubmissionError, match="no_such_request"):
        worker.ask("no_such_request")
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)
    worker.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda text: text.replace("return Ridge", "return unknown"),
            "NameError: name 'unknown' is not defined (train.py, line 8, in fit)",
        ),
        (lambda text: text.replace("alphas=3):", "*, depth):"), "'depth' needs a default"),
        (lambda text: text.replace("def fit(", "def fitted("), "no function fit()"),
        (lambda text: text.replace("targets.fillna", "targets[['CuPPM']].fillna"), "gives the shape (100,)"),
        (lambda text: text.replace("def fit(", "import nothing_of_this_name\n\ndef fit("), "ModuleNotFoundError"),
        (lambda text: text.replace("return Ridge", "import os; os._exit(3)\n    return Ridge"), "ended with status 3"),
        (lambda text: text.replace("return Ridge", "import sys; sys.exit('no')\n    return Ridge"), "SystemExit: no"),
        (lambda text: f"{text}\n)", "SyntaxError"),
    ],
)
def test_a_submission_that_fails_is_one_line(
    tmp_path: Path, linear_submission: Path, small_file: Path, change: Callable[[str], str], words: str
) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(change(TRAIN))
    with pytest.raises(SubmissionError) as raised:
        validate(tmp_path / "s", small_file)
    assert words in str(raised.value)


@pytest.mark.slow
def test_what_a_submission_prints_is_not_taken_for_answers(
    tmp_path: Path, linear_submission: Path, small_file: Path
) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", "print('{}'); return Ridge"))
    assert validate(tmp_path / "s", small_file, ValidationSettings(repeats=1)).findings


@pytest.mark.slow
def test_a_submission_that_hangs_is_stopped(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    """With the process that it has started, which would hold its pipes open."""
    shutil.copytree(linear_submission, tmp_path / "s")
    hang = "import subprocess; subprocess.run(['sleep', '7654321'])\n    return Ridge"
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", hang))
    out = tmp_path / "r.html"
    done = recore("validate", tmp_path / "s", "--public", small_file, "--out", out, "--fit-minutes", 0.3)
    assert (done.returncode, done.stdout) == (1, "")
    assert "did not finish within 0.3 minutes on the clock (request: fit)" in done.stderr
    assert "--fit-minutes sets this limit" in done.stderr
    assert not out.exists()
    assert not [process for process in psutil.process_iter(["cmdline"]) if "7654321" in (process.info["cmdline"] or [])]


BUSY = """
import subprocess, sys, time
if len(sys.argv) > 1:
    child = subprocess.Popen([sys.executable, *sys.argv[:1]], stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
while time.process_time() < 0.5:
    pass
print(flush=True)
time.sleep(600)
"""


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[TimeBudget]:
    """The budget of a process and its child, each of which has used half a second of a processor, and waits."""
    (tmp_path / "busy.py").write_text(BUSY)
    command = [sys.executable, str(tmp_path / "busy.py"), "with a child"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            budget = TimeBudget(10.0, [process.pid])
            assert process.stdout is not None
            process.stdout.readline()
            yield budget
        finally:
            for child in psutil.Process(process.pid).children():
                child.kill()
            process.kill()


def test_the_budget_is_processor_time_of_all_processes(busy: TimeBudget) -> None:
    used = busy.processor_seconds()
    assert used > 0.9  # of 1 s, by the ticks that the kernel counts in
    assert busy.clock_seconds() >= 0.5
    assert not busy.is_exhausted()
    busy.minutes = 0.99 * used / 60
    assert busy.is_exhausted()
    assert "minutes of processor time were used" in busy.exhausted_by


@pytest.mark.timing
def test_a_process_that_waits_uses_nothing_of_the_budget(busy: TimeBudget) -> None:
    used = busy.processor_seconds()
    time.sleep(1.0)
    assert busy.processor_seconds() < used + 0.5


def test_waiting_ends_the_budget_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = TimeBudget(0.003, [])  # 0.18 s of processor time, 1.8 s on the clock
    monkeypatch.setattr(budget, "processor_seconds", lambda: 0.0)
    monkeypatch.setattr(budget, "clock_seconds", lambda: 1.7)
    assert not budget.is_exhausted()
    monkeypatch.setattr(budget, "clock_seconds", lambda: 1.9)
    assert budget.is_exhausted()
    assert "0.03 minutes passed on the clock" in budget.exhausted_by


@pytest.mark.slow
def test_the_command(tmp_path: Path, small_file: Path, linear_submission: Path) -> None:
    out = tmp_path / "validated.html"
    done = recore_process("validate", linear_submission, "--public", small_file, "--repeats", 1, "--out", out)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("validate: ") for line in done.stderr.splitlines())
    assert "validate: fitting" in done.stderr.splitlines()
    assert done.stdout.splitlines()[-1] == f"validate: {out}, its numbers in {tmp_path / 'validated'}"
    assert all(line[:6].strip() in {"bad", "note", "good"} for line in done.stdout.splitlines()[:-1])
    (tmp_path / "s").mkdir()
    with pytest.raises(ValueError, match=r"no preprocess\.py there"):
        validate(tmp_path / "s", small_file)
    shutil.copy(linear_submission / "preprocess.py", tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", "return unknown"))
    done = recore("validate", tmp_path / "s", "--public", small_file, "--out", out, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("validate: ")]
    assert "name 'unknown' is not defined (train.py, line 8, in fit)" in line
