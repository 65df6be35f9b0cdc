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
Predict = Callable[[str], np.ndarray]
TOLERANCE = {"rtol": 1e-6, "atol": 1e-9}  # the last bits of matrix products depend on the number of rows


@pytest.fixture(scope="module")
def all_predictions(predict: Predict) -> np.ndarray:
    return predict("whole")


def test_train_py_runs(training: SimpleNamespace | str) -> None:
    if isinstance(training, str):
        pytest.fail(training, pytrace=False)


def test_each_row_gets_a_line_of_numbers(all_predictions: np.ndarray, preprocess: Lines, targets: int) -> None:
    assert all_predictions.shape == (len(preprocess("private")) - 1, targets)


def test_every_prediction_is_a_finite_number(all_predictions: np.ndarray) -> None:
    assert np.isfinite(all_predictions).all()


@pytest.mark.parametrize(
    ("way", "rows"), [("parts", slice(None)), ("single rows", slice(3)), ("reversed", slice(None, None, -1))]
)
def test_rows_are_predicted_as_in_the_entire_file_and_in_the_order_of_the_request(
    way: str, rows: slice, all_predictions: np.ndarray, predict: Predict
) -> None:
    np.testing.assert_allclose(predict(way), all_predictions[rows], **TOLERANCE)


def test_predict_py_makes_the_same_predictions_as_the_server(
    all_predictions: np.ndarray, submission: Path, artifact: SimpleNamespace, tmp_path: Path
) -> None:
    if not (submission / "predict.py").is_file():
        pytest.skip("this submission has no predict.py, which the platform does not need")
    # The Unearthed CLI runs it in this way, on a file that contains assays.
    (artifact.code / "predict.py").write_bytes((submission / "predict.py").read_bytes())
    folders = ["--model_dir", artifact.model, "--data_dir", artifact.data["actual"].parent, "--output_dir", tmp_path]
    run(artifact.code / "predict.py", *folders, folder=tmp_path)
    predicted = pd.read_csv(tmp_path / "public.csv.out", header=None)
    np.testing.assert_allclose(predicted, all_predictions, **TOLERANCE)


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
