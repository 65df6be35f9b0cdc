"""Submissions that recore validate runs: those that fail, print, wait or hang, and the command itself."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from support.command import recore, recore_process
from support.validations import TRAIN, item

from recore.report.validate.submission_report import validate
from recore.report.validate.time_budget import TimeBudget
from recore.report.validate.validation import ValidationSettings
from recore.report.validate.workers import SubmissionError, Worker


@pytest.mark.slow
def test_a_submission_without_alphas_and_with_several_others_has_no_curve(
    tmp_path: Path, linear_submission: Path, small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("alpha_m", "other_m"))
    monkeypatch.chdir(tmp_path / "s")
    page = validate(Path(), small_file, ValidationSettings(repeats=1, minutes=10))
    assert page.facts["submission"] == "s"
    section = next(section for section in page.sections if section.name == "curve")
    assert section.items == ()
    assert "--curve NAME: other_min, other_max, alphas" in section.note


def test_nothing_is_left_in_a_submissions_folder(numbers: Path, linear_submission: Path) -> None:
    facts = json.loads((numbers / "contents.json").read_text())["facts"]
    assert facts["submission"] == linear_submission.name
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


def test_the_budget_is_the_time_on_the_clock() -> None:
    """It keeps time for the page, and none of it is left to work that would end later."""
    budget = TimeBudget(2.0)
    assert budget.allows(100.0)
    assert not budget.allows(119.0)
    assert not TimeBudget(0.0).allows(0.0)


@pytest.mark.slow
def test_a_value_at_which_fit_fails_is_shown_on_the_curve(
    tmp_path: Path, linear_submission: Path, small_file: Path
) -> None:
    """An exception, and a process that ends: each is reported, and the other values are drawn."""
    shutil.copytree(linear_submission, tmp_path / "s")
    fails = (
        "if strength == 3: raise ValueError('three')\n    if strength == 4: import os; os._exit(9)\n    return Ridge"
    )
    text = TRAIN.replace("alpha_min=0.001, alpha_max=10.0, alphas=3", "strength=8").replace("return Ridge", fails)
    text = text.replace("tried = np.geomspace(alpha_min, alpha_max, alphas)\n", "tried = [strength]\n")
    (tmp_path / "s/train.py").write_text(text)
    settings = ValidationSettings(repeats=1, minutes=10, curve="strength=1,3,4,10000")
    page = validate(tmp_path / "s", small_file, settings)
    table = item(page, "curve-score")
    assert set(table["strength"]) == {1, 8, 10000}
    scores = table[table["held out"] == "held-out drill holes"].set_index("strength")["score"]
    compared = item(page, "comparison-scores").set_index(["method", "held out"])["score"]
    assert scores[8] == compared["this submission", "held-out drill holes"]
    findings = {finding.name: finding for finding in page.findings}
    assert findings["curve"].values["value"] == scores.idxmax()
    assert findings["failed values"].values["values"] == [3, 4]
    note = next(section.note for section in page.sections if section.name == "curve")
    assert "three" in note
    assert "ended with status 9" in note


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
