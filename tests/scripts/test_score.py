"""score.py computes the official score to the last digit, reports omissions and rejects invalid input."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score
from support.checkout import ROOT, copy_scripts, run
from support.data_files import write_csv, write_gz
from support.scripts import run_here

import score

# all other weights are 0.01
WEIGHTS = dict.fromkeys("AgPPM FePCT NiPPM PbPPM ZnPPM AlPPM CaPPM KPPM MgPPM NaPPM".split(), 0.025)
WEIGHTS |= {"AuPPM": 0.04, "CuPPM": 0.35}


def frames(seed: int, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return assays without missing values, and predictions of them, (rows, 49) each."""
    random = np.random.default_rng(seed)
    actual = pd.DataFrame(random.lognormal(2, 1.5, (rows, 49)), columns=score.TARGETS)
    return actual, pd.DataFrame(actual.to_numpy() * random.normal(1, 0.3, (rows, 49)))


def run_score(folder: Path, actual: pd.DataFrame, predicted: pd.DataFrame) -> str:
    """Run score.py on both frames and return its output. The script writes score.txt and score.json to the folder."""
    write_csv(folder / "actual.csv.gz", actual)
    predicted.to_csv(folder / "predicted.csv", header=False, index=False)
    arguments = ("--actual", folder / "actual.csv.gz", "--predicted", folder / "predicted.csv")
    result = run_here(ROOT / "score.py", *arguments, "--output", folder / "score.txt", cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("rows", [2, 3, 47, 200])
def test_the_score_of_complete_data_equals_the_official_score(rows: int, tmp_path: Path) -> None:
    actual, predicted = frames(rows, rows)
    run_score(tmp_path, actual, predicted)
    y, p = pd.read_csv(tmp_path / "actual.csv.gz", index_col=0), pd.read_csv(tmp_path / "predicted.csv", header=None)
    weights = [WEIGHTS.get(name, 0.01) for name in score.TARGETS]
    official = np.dot([r2_score(y[name], p[column]) for column, name in enumerate(score.TARGETS)], weights)
    assert (tmp_path / "score.txt").read_text() == str(float(official))


def test_a_perfect_prediction_scores_the_sum_of_the_weights() -> None:
    actual, _ = frames(0, 9)
    value, r2 = score.score(actual, actual.set_axis(range(49), axis=1))
    assert value == pytest.approx(1.01)
    assert (r2 == 1).all()


def test_targets_that_are_not_measured_are_left_out_and_named(tmp_path: Path) -> None:
    actual, predicted = frames(1, 12)
    actual["CuPPM"], actual.loc[1:, "AuPPM"] = np.nan, np.nan
    predicted.loc[0, 7] = np.nan  # copper, which was never measured
    printed = run_score(tmp_path, actual.drop(columns="ZnPPM"), predicted)
    assert "weights scored: 0.595 of 1.01" in printed
    assert "not scored, because fewer than two rows are measured: AuPPM CuPPM ZnPPM\n" in printed
    details = json.loads((tmp_path / "score.json").read_text())
    assert details["weights_scored"] == 0.595
    assert [name for name, target in details["targets"].items() if target["r2"] is None] == ["AuPPM", "CuPPM", "ZnPPM"]
    contributions = sum(target["weight"] * (target["r2"] or 0) for target in details["targets"].values())
    assert details["score"] == pytest.approx(contributions) == float((tmp_path / "score.txt").read_text())


def test_rows_without_an_assay_or_a_target_without_predictions(tmp_path: Path) -> None:
    """Rows without an assay do not count. A target without predictions scores 0 and is listed."""
    actual, predicted = frames(3, 12)
    actual.iloc[1:, 0] = np.nan  # silver has a single assay, so it is not scored
    actual.loc[::3, "AuPPM"] = np.nan
    predicted[[0, 7]] = np.nan
    printed = run_score(tmp_path, actual, predicted)
    assert "not predicted, so R2 is 0: CuPPM\n" in printed
    assert "not scored, because fewer than two rows are measured: AgPPM\n" in printed
    assert "weights scored: 0.985 of 1.01" in printed
    expected = 0.0
    for column, name in enumerate(score.TARGETS):
        if name not in ("AgPPM", "CuPPM"):
            rows = actual[name].notna()
            expected += WEIGHTS.get(name, 0.01) * r2_score(actual[name][rows], predicted[column][rows])
    assert float((tmp_path / "score.txt").read_text()) == pytest.approx(expected, rel=1e-12)
    details = json.loads((tmp_path / "score.json").read_text())["targets"]
    assert (details["CuPPM"]["r2"], details["AgPPM"]["r2"]) == (0.0, None)


@pytest.fixture
def error_of(tmp_path: Path, script_error_here: Callable[..., str]) -> Callable[..., str]:
    """Return a function that returns score.py's error for the contents of two files. None stands for valid contents."""

    def reject(actual: str | None, predicted: str | bytes | None) -> str:
        frame, predictions = frames(2, 6)
        content = predictions.to_csv(header=False, index=False) if predicted is None else predicted
        (tmp_path / "predicted.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        source = write_gz(tmp_path / "actual.csv.gz", frame.to_csv() if actual is None else actual)
        arguments = ("--actual", source, "--predicted", tmp_path / "predicted.csv", "--output", tmp_path / "out.txt")
        return script_error_here(ROOT / "score.py", *arguments, output=tmp_path / "out.txt")

    return reject


def with_cell(predicted: pd.DataFrame, value: object) -> pd.DataFrame:
    changed = predicted.astype(object)
    changed.iloc[3, 7] = value
    return changed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: with_cell(p, None), "row 4, column 8 (CuPPM): 'nan' is not a finite number"),
        (lambda p: p.astype(object).where(p < -1e300), "every prediction is empty"),
        (lambda p: with_cell(p, "inf"), "row 4, column 8 (CuPPM): 'inf'"),
        (lambda p: with_cell(p, "-inf"), "row 4, column 8 (CuPPM): '-inf'"),
        (lambda p: with_cell(p, "high"), "row 4, column 8 (CuPPM): 'high'"),
        (lambda p: with_cell(p, 1e200), "column 8 (CuPPM): a value is too large"),
        (lambda p: p.assign(**{"7": True}).iloc[:, [*range(7), 49, *range(8, 49)]], "column 8 (CuPPM): 'True'"),
        (lambda p: p.iloc[:5], "the shape is (5, 49) instead of (6, 49)"),
        (lambda p: pd.concat([p, p]), "the shape is (12, 49)"),
        (lambda p: p.iloc[:, :48], "the shape is (6, 48) instead of (6, 49)"),
        (lambda p: p.assign(more=1.0), "the shape is (6, 50) instead of (6, 49)"),
    ],
)
def test_invalid_predictions_are_rejected_with_their_row_and_column(
    change: Callable[[pd.DataFrame], pd.DataFrame], reason: str, error_of: Callable[..., str]
) -> None:
    assert reason in error_of(None, change(frames(2, 6)[1]).to_csv(header=False, index=False))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "No columns to parse"),
        ("1,2\n1,2,3\n", "Expected 2 fields in line 2, saw 3"),
        (b"\xff\xfe\x00\x01", "decode"),
    ],
)
def test_invalid_prediction_tables_are_rejected(content: str | bytes, reason: str, error_of: Callable) -> None:
    assert reason in error_of(None, content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",DepthTo,4000.0\n0,1,0.5\n", "no column for any of the 49 targets"),
        (",CuPPM\n", "no rows"),
        (",CuPPM\n0,inf\n1,2\n", "row 1, column CuPPM: 'inf' is not a finite number"),
        (",CuPPM\n0,<0.5\n", "row 1, column CuPPM: '<0.5' is not a finite number"),
        ("", "No columns to parse"),
    ],
)
def test_invalid_assays_are_rejected(content: str, reason: str, error_of: Callable[..., str]) -> None:
    assert reason in error_of(content, None)


def test_missing_files_and_unknown_arguments_are_rejected(script_error_here, tmp_path: Path) -> None:
    missing = ("--actual", tmp_path / "none.csv.gz", "--output", tmp_path / "o")
    reason = "none.csv.gz: there is no such file; create it with `recore sample --out data`"
    assert reason in script_error_here(ROOT / "score.py", *missing)
    frames(0, 3)[0].to_csv(tmp_path / "actual.csv.gz")
    missing = ("--actual", tmp_path / "actual.csv.gz", "--predicted", tmp_path / "none", "--output", tmp_path / "o")
    assert "none: there is no such file; predict.py writes it" in script_error_here(ROOT / "score.py", *missing)
    for arguments in (("--unknown", "y"), ("--predicte", "x"), ("--output", "details.json")):
        assert run_here(ROOT / "score.py", *arguments, cwd=tmp_path).returncode == 2


def test_score_py_runs_alone_in_an_empty_folder(project: Path, tmp_path: Path) -> None:
    folder = copy_scripts(tmp_path / "job", "score.py")
    actual, predicted = project / "data/public/public.csv.gz", project / "data/predictions/public.csv.out"
    result = run("-P", folder / "score.py", "--actual", actual, "--predicted", predicted, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (folder / "data/scores/public.txt").read_text() == (project / "data/scores/public.txt").read_text()
