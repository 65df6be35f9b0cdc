"""Steps 1, 3 and 4: the trained model responds to requests, and score.py accepts the responses."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

Lines = Callable[[str], list[str]]
Served = Callable[[list[str]], list[np.ndarray]]
TOLERANCE = {"rtol": 1e-6, "atol": 1e-9}  # the last bits of matrix products depend on the number of rows


@pytest.fixture(scope="module")
def all_predictions(served: Served, preprocessed: Lines) -> np.ndarray:
    """Return the response to the whole private file, sent as the platform sends it: (rows, 49)."""
    return served(["".join(preprocessed("private"))])[0]


def test_train_py_runs(training: SimpleNamespace | str) -> None:
    """train.py accepts gaps in the assays and a target that was never measured, and ignores an unknown argument."""
    if isinstance(training, str):
        pytest.fail(training, pytrace=False)


def test_each_row_gets_a_line_of_49_numbers(all_predictions: np.ndarray, preprocessed: Lines) -> None:
    assert all_predictions.shape == (len(preprocessed("private")) - 1, 49)


def test_every_measured_target_is_predicted_and_never_below_zero(
    all_predictions: np.ndarray, data: dict[str, Path]
) -> None:
    public = pd.read_csv(data["public"])
    names, measured = public.columns[-49:], public.iloc[:, -49:].notna().any().to_numpy()
    assert measured.sum() == 48
    invalid_cells = np.argwhere(measured & ~(np.isfinite(all_predictions) & (all_predictions >= 0)))
    if len(invalid_cells):
        row, column = invalid_cells[0]
        pytest.fail(
            f"{len(set(invalid_cells[:, 1]))} of 48 targets have predictions that are negative or not finite, such as "
            f"{all_predictions[row, column]:.4g} for {names[column]}. Predictions must be finite and at least zero "
            "(the rule for fit in docs/your-model.md). LimitedRegressor from challenge/meta_estimators.py limits them",
            pytrace=False,
        )


def test_parts_of_a_file_are_predicted_like_the_whole_file(
    all_predictions: np.ndarray, served: Served, preprocessed: Lines
) -> None:
    header, *lines = preprocessed("private")
    requests = [header + "".join(lines[:11]), header + "".join(lines[11:])]
    np.testing.assert_allclose(np.concatenate(served(requests)), all_predictions, **TOLERANCE)


def test_single_rows_are_predicted_like_the_whole_file(
    all_predictions: np.ndarray, served: Served, preprocessed: Lines
) -> None:
    header, *lines = preprocessed("private")
    np.testing.assert_allclose(
        np.concatenate(served([header + line for line in lines[:3]])), all_predictions[:3], **TOLERANCE
    )


def test_reordered_rows_are_predicted_in_their_new_order(
    all_predictions: np.ndarray, served: Served, preprocessed: Lines
) -> None:
    header, *lines = preprocessed("private")
    order = np.random.default_rng(0).permutation(len(lines))
    [response] = served([header + "".join(lines[row] for row in order)])
    np.testing.assert_allclose(response, all_predictions[order], **TOLERANCE)


def test_predict_py_makes_the_same_predictions_as_the_server(
    all_predictions: np.ndarray, submission: Path, trained: SimpleNamespace, tmp_path: Path
) -> None:
    if not (submission / "predict.py").is_file():
        pytest.skip("this submission has no predict.py, which the platform does not need")
    (trained.code / "predict.py").write_bytes((submission / "predict.py").read_bytes())
    output = tmp_path / "private.csv.out"
    arguments = ["--model_dir", trained.model, "--input", trained.data["private"], "--output", output]
    run(trained.code / "predict.py", *arguments, folder=tmp_path)
    np.testing.assert_allclose(pd.read_csv(output, header=None), all_predictions, **TOLERANCE)


def test_the_score_accepts_the_predictions(
    all_predictions: np.ndarray, host: Path, data: dict[str, Path], tmp_path: Path
) -> None:
    predictions = tmp_path / "private.csv.out"
    pd.DataFrame(all_predictions).to_csv(predictions, header=False, index=False)
    output = tmp_path / "private.txt"
    run(host, "--actual", data["actual"], "--predicted", predictions, "--output", output, folder=tmp_path)
    assert np.isfinite(float(output.read_text()))


def run(*command: object, folder: Path) -> None:
    result = subprocess.run([sys.executable, *map(str, command)], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
