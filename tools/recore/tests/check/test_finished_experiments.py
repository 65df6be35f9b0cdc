"""Rules judge rare results of experiments, without running a submission."""

import gzip
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recore.backends import Services
from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.held_out_file import FailedFold, HeldOut
from recore.check.job_results import LoadRecord, Observation, ServedResponse
from recore.check.public_data import PublicData
from recore.check.recomputed_held_out import score_all
from recore.check.rule import Level
from recore.check.runner import load_catalogue
from recore.evaluation import RunSettings, SubmissionFiles
from recore.failures import PIP_FAILURE

ROWS = 60
FULL_DISK = ExperimentError("No space left on device", "", outside=True)
INSTALL_ERROR = ExperimentError(f"{PIP_FAILURE}ERROR: x", "Look at requirements.txt. To reproduce it, run `pip`")
NAMES = [f"r{row}" for row in range(ROWS)]
LATE_RESPONSES = {"few": ServedResponse(0, None, "", late=True), "private": ServedResponse(0, None, "", late=True)}
OBSERVATIONS = {"private preprocess": Observation(1, 2.0, []), "train": Observation(0, 2.0, [])}
RECORD = LoadRecord([("cloudpickle", "loads")], [("made", "Model")], [("os.fork", ""), ("code.__new__", "")], "cut off")
FOLDS = [FailedFold("own", "too few rows", []), FailedFold("predict", "KeyError: 'h1'", [0, 1])]


@pytest.fixture
def data(tmp_path: Path) -> PublicData:
    path = tmp_path / "public.csv.gz"
    lines = "".join(f"r{row},h{row // 10},{row},{row * 2}\n" for row in range(ROWS))
    path.write_bytes(gzip.compress(f"id,SiteID,4000.0,CuPPM\n{lines}".encode()))
    return PublicData(path, ("CuPPM",))


def finish(data: PublicData, results: dict[str, Any], folder: Path) -> Experiments:
    """Return finished experiments. results: the result or exception of each method, by name."""
    submission = SubmissionFiles(folder, {"train.py": b"", "preprocess.py": b""})
    services: Services = None  # type: ignore[assignment] - no job is started
    settings: RunSettings = None  # type: ignore[assignment]
    experiments = Experiments(services, settings, submission, data, {"CuPPM": 1.0}, folder)
    for name, result in results.items():
        future = experiments._futures[name] = Future()
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
    return experiments


def inputs(names: list[str]) -> bytes:
    """Return the output of preprocess.py for rows with these names."""
    return f"index,a\n{''.join(f'{name},1\n' for name in names)}".encode()


def fold_predictions(unverified: Callable[[np.ndarray], np.ndarray] | None, failed: list[FailedFold]) -> HeldOut:
    """Return held-out predictions; recomputed ones have wrong signs. unverified: computes the others from assays."""
    measured = np.arange(ROWS, dtype=float)[:, None] * 2
    return HeldOut(unverified(measured) if unverified else None, -measured, failed)


@pytest.mark.parametrize(
    ("code", "results", "expected"),
    [
        ("RC402", {"loading": RECORD}, ["Model from the module made"]),
        ("RC403", {"loading": RECORD}, ["(code.__new__, cloudpickle): it cannot be judged"]),
        ("RC404", {"loading": RECORD}, ["addresses or threads are used: os.fork", "not be observed: cut off"]),
        ("RC402", {"loading": FULL_DISK}, []),
        ("RC404", {"loading": FULL_DISK}, ["not be observed: No space left on device"]),
        ("RC405", {"serving": INSTALL_ERROR}, ["To reproduce it"]),
        ("RC601", {"predictions": None, "serving": LATE_RESPONSES}, []),
        ("RC502", {"preprocessing": inputs(NAMES[1:])}, ["writes 59 rows for 60 rows of data"]),
        ("RC502", {"preprocessing": inputs(NAMES[::-1])}, ["in a different order: row 1 is r59 instead of r0"]),
        ("RC502", {"preprocessing": inputs(["row0", *NAMES[1:]])}, ["the first cell of row 1 is 'row0'"]),
        ("RC602", {"predictions": b"transposed\n" + b"1\n" * ROWS}, ["without header or index"]),
        ("RC602", {"predictions": b"1,2\n" * ROWS}, ["2 columns instead of 1; the first one seems to be an index"]),
        ("RC602", {"predictions": b"1," * 59 + b"1\n"}, ["transposed: 1 lines of 60 numbers instead of 60 of 1"]),
        ("RC602", {"predictions": b"inf\n" + b"1\n" * 59}, ["The prediction of CuPPM for row 1 is inf"]),
        ("RC703", {"held_out": fold_predictions(None, FOLDS)}, ["fails to predict them: KeyError: 'h1'"]),
        ("RC703", {"held_out": fold_predictions(np.copy, FOLDS[:1])}, ["rows of some drill holes fails: too few rows"]),
        ("RC703", {"held_out": fold_predictions(None, [])}, ["writes no held-out predictions"]),
        ("RC804", {"observations": OBSERVATIONS}, ["private preprocess fails only while"]),
        ("RC804", {"observations": {"private preprocess": Observation(0, 2.0, [])}}, []),
    ],
)
def test_rare_results_lead_to_the_right_findings(
    code: str, results: dict[str, Any], expected: list[str], data: PublicData, tmp_path: Path
) -> None:
    [rule] = [rule for rule in load_catalogue() if rule.code == code]
    results = {"training": None, "preprocessing": None, "predictions": None, "variations": FULL_DISK} | results
    for name, content in results.items():
        if isinstance(content, bytes):
            results[name] = tmp_path / name
            results[name].write_bytes(content)
    experiments = finish(data, results, tmp_path)
    findings = list(rule.inspect(experiments))
    assert len(findings) == len(expected), findings
    for finding, part in zip(findings, expected, strict=True):
        assert part in finding.message + finding.fix


def test_what_only_the_author_can_explain_is_an_error_for_a_host(data: PublicData, tmp_path: Path) -> None:
    experiments = finish(data, {"loading": RECORD}, tmp_path)
    rules = [rule for rule in load_catalogue() if rule.code in ("RC403", "RC404")]
    for experiments.for_host, level in ((False, Level.WARNING), (True, Level.ERROR)):
        assert [next(rule.inspect(experiments)).level for rule in rules] == [level, level]


@pytest.mark.parametrize(
    ("held_out", "reason"),
    [
        (fold_predictions(None, FOLDS[1:]), "KeyError: 'h1'"),
        (HeldOut(None, np.where(np.arange(ROWS)[:, None] == 3, np.nan, 1.0), []), "not finite"),
    ],
)
def test_a_recomputed_score_needs_predictions_of_all_rows(held_out: HeldOut, reason: str, data: PublicData) -> None:
    with pytest.raises(ExperimentError, match=reason):
        score_all(held_out, data, {"CuPPM": 1.0})
