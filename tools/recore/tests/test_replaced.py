"""Participants can replace the template's files: preprocess.py with plain pandas, fit() with different models."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.command import recore, recore_process
from recore_support.contract import assert_contract_kept
from recore_support.replaced_fit import train_with
from support.checkout import ROOT, run
from support.scripts import modules_of

from recore.template.new_submission import write_submission

SUBMISSIONS = ROOT / "tools/recore/tests/submissions/replaced"
MODELS = ("pls", "own_class")


@pytest.fixture(params=[*MODELS, pytest.param("template", marks=pytest.mark.slow)])
def submission(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    write_submission(folder)
    shutil.copy(SUBMISSIONS / "preprocess.py", folder)
    if request.param != "template":
        (folder / "train.py").write_text(train_with((SUBMISSIONS / request.param / "fit.py").read_text()))
    return folder


def put_data(folder: Path, sample: Path) -> None:
    (folder / "data").mkdir()
    for name in ("public", "private"):
        shutil.copytree(sample / name, folder / "data" / name)


def test_predictions_by_hand_equal_those_of_the_hooks(submission: Path, sample: Path) -> None:
    put_data(submission, sample)
    for script in ("train.py", "predict.py"):
        result = run(script, cwd=submission)
        assert result.returncode == 0, result.stderr
    (submission / "data/preprocess").mkdir()
    paths = ("--input", "data/public/public.csv.gz", "--output", "data/preprocess/public.csv")
    assert run("preprocess.py", *paths, cwd=submission).returncode == 0
    predicted = pd.read_csv(submission / "data/predictions/public.csv.out", header=None).to_numpy()
    assert np.isfinite(predicted).all()
    lines = (submission / "data/preprocess/public.csv").read_text().splitlines(keepends=True)
    with modules_of(submission):
        import train

        model = train.model_fn(str(submission / "model"))

        def predict(body: str) -> np.ndarray:
            return train.predict_fn(train.input_fn(body, "text/csv"), model)

        np.testing.assert_allclose(predict("".join(lines)), predicted, rtol=1e-6)
        np.testing.assert_allclose(predict(lines[3]), predicted[2:3], rtol=1e-6)
        table = pd.read_csv(submission / "data/preprocess/public.csv", index_col=0).iloc[:5, ::-1]
        np.testing.assert_allclose(predict(table.to_csv()), predicted[:5], rtol=1e-6)
        with pytest.raises(ValueError, match="the columns differ from those in training"):
            predict(table.iloc[:, 1:].to_csv())


@pytest.mark.slow
def test_a_submission_passes_run_validate_check_and_contract(submission: Path, sample: Path, tmp_path: Path) -> None:
    put_data(submission, sample)
    assert recore("run", submission, "--out", tmp_path / "run", cwd=tmp_path).returncode == 0
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert {step["state"] for step in record["steps"]} == {"Completed"}
    result = recore("validate", submission, "--out", tmp_path / "v.html", "--repeats", 1, "--time-limit", 0)
    assert result.returncode == 0, result.stderr
    result = recore_process("check", submission, "--json")
    codes = {finding["code"] for finding in json.loads(result.stdout)["findings"]}
    is_pls = "PLSRegression" in (submission / "train.py").read_text()
    assert codes == ({"RC604"} if is_pls else set())  # a warning: PLS predicts some assays below zero
    assert result.returncode == 0, result.stderr
    assert_contract_kept(submission, folder=submission)
