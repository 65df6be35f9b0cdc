"""Submissions that fail, print, wait or hang during validation."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from recore_support.command import recore
from recore_support.validations import TRAIN

from recore.validation import SubmissionError, ValidationSettings, run_validation
from recore.validation.validation import TimeBudget
from recore.validation.workers import Worker

INFINITE = """

class Infinite(Ridge):
    def predict(self, inputs):
        return super().predict(inputs) + np.inf
"""


def test_the_time_limit_applies_to_a_single_request(linear_submission: Path, tmp_path: Path) -> None:
    """When a request fails, its timer is cancelled, so that it cannot kill the process during a later request."""
    worker = Worker(linear_submission, tmp_path / "log", 10)
    with pytest.raises(SubmissionError, match="no_such_request"):
        worker.call("no_such_request")
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)
    worker.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda code: code.replace("return Ridge", "return unknown"),
            "NameError: name 'unknown' is not defined (train.py, line 8, in fit)",
        ),
        (lambda code: code.replace("alphas=3):", "*, depth):"), "'depth' must have a default"),
        (lambda code: code.replace("def fit(", "def fit_model("), "no function fit()"),
        (
            lambda code: code.replace("targets.fillna", "targets[['CuPPM']].fillna"),
            "one row per sample and one column per target",
        ),
        (
            lambda code: code.replace("return Ridge", "Ridge"),
            "must return a model that has predict(); it returned NoneType",
        ),
        (lambda code: code.replace(".fillna(0))", ".fillna(0)), 1"), "it returned tuple"),
        (lambda code: code.replace("Ridge(", "Infinite(") + INFINITE, "the model predicts NaN or infinity"),
        (lambda code: code.replace("def fit(", "import nothing_of_this_name\n\ndef fit("), "ModuleNotFoundError"),
        (lambda code: code.replace("return Ridge", "import os; os._exit(3)\n    return Ridge"), "stopped: exit code 3"),
        (
            lambda code: code.replace("return Ridge", "import os; os.kill(os.getpid(), 11)\n    return Ridge"),
            "stopped: killed by SIGSEGV",
        ),
        (lambda code: code.replace("return Ridge", "import sys; sys.exit('no')\n    return Ridge"), "SystemExit: no"),
        (lambda code: f"{code}\n)", "SyntaxError"),
    ],
)
def test_a_failing_submission_is_reported_in_one_line(
    tmp_path: Path, linear_submission: Path, small_file: Path, change: Callable[[str], str], reason: str
) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(change(TRAIN))
    with pytest.raises(SubmissionError) as raised:
        run_validation(tmp_path / "s", small_file)
    assert reason in str(raised.value)


@pytest.mark.slow
def test_a_submissions_output_is_no_response(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", "print('{}'); return Ridge"))
    assert run_validation(tmp_path / "s", small_file, ValidationSettings(repeats=1)).predictions


@pytest.mark.slow
def test_predict_fn_predicts_if_the_model_cannot(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    hook = "\n\ndef predict_fn(inputs, models):\n    return models[0].predict(inputs)\n"
    (tmp_path / "s/train.py").write_text(
        TRAIN.replace("return Ridge", "return [Ridge").replace(".fillna(0))", ".fillna(0))]") + hook
    )
    assert run_validation(tmp_path / "s", small_file, ValidationSettings(repeats=1)).predictions


@pytest.mark.slow
def test_a_submission_that_hangs_is_stopped(tmp_path: Path, linear_submission: Path, small_file: Path) -> None:
    shutil.copytree(linear_submission, tmp_path / "s")
    code = "import subprocess; subprocess.run(['sleep', '7654321'])\n    return Ridge"
    (tmp_path / "s/train.py").write_text(TRAIN.replace("return Ridge", code))
    out = tmp_path / "r.html"
    result = recore("validate", tmp_path / "s", "--public", small_file, "--out", out, "--fit-time-limit", 0.3)
    assert (result.returncode, result.stdout) == (1, "")
    assert "did not finish within 0.3 minutes (request: fit)" in result.stderr
    assert "--fit-time-limit sets this limit" in result.stderr
    assert not out.exists()
    assert not [process for process in psutil.process_iter(["cmdline"]) if "7654321" in (process.info["cmdline"] or [])]


def test_the_budget_is_wall_clock_time() -> None:
    budget = TimeBudget(2.0)
    assert budget.allows(100.0)
    assert not budget.allows(119.0)
    assert not TimeBudget(0.0).allows(0.0)
