"""The scores of the default model, compared with a computation of each step in plain numpy.

The data are the sample and, if RECORE_YAMSYS names a folder with public.csv.gz, private.csv.gz and
private_actual.csv.gz, the YAMSYS soils (Zenodo, DOI 10.5281/zenodo.1174869).
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from support.checkout import ROOT
from support.recipe import expected_bins
from support.scripts import run_here
from support.template import template_only

import score

ALPHAS = np.geomspace(1e-5, 1e5, 50)
WITHOUT_YAMSYS = pytest.mark.skipif("RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS names no folder")


@pytest.fixture(params=["sample", pytest.param("yamsys", marks=[pytest.mark.machine, WITHOUT_YAMSYS])])
def files(request: pytest.FixtureRequest, sample: Path) -> dict[str, Path]:
    """Return the data files: public, private, and the assays of the private rows."""
    if request.param == "sample":
        names = "public/public", "private/private", "private/actual"
    else:
        names = "public", "private", "private_actual"
    folder = sample if request.param == "sample" else Path(os.environ["RECORE_YAMSYS"])
    return {key: folder / f"{name}.csv.gz" for key, name in zip(("public", "private", "actual"), names, strict=True)}


@template_only
def test_scores_match_an_independent_computation(files: dict[str, Path], tmp_path: Path) -> None:
    run(tmp_path, "train.py", "--data_dir", files["public"].parent, "--model_dir", tmp_path, "--folds", 0)
    expected = expected_scores(**{name: pd.read_csv(path, index_col=0) for name, path in files.items()})
    for name, actual in (("public", files["public"]), ("private", files["actual"])):
        output, scores = tmp_path / f"{name}.csv.out", tmp_path / f"{name}.txt"
        run(tmp_path, "predict.py", "--model_dir", tmp_path, "--input", files[name], "--output", output)
        run(tmp_path, "score.py", "--actual", actual, "--predicted", output, "--output", scores)
        assert float(scores.read_text()) == pytest.approx(expected[name], rel=1e-6)


def run(folder: Path, script: str, *arguments: object) -> None:
    result = run_here(ROOT / script, *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr


def expected_scores(public: pd.DataFrame, private: pd.DataFrame, actual: pd.DataFrame) -> dict[str, float]:
    """Return the scores of both files. Each target must be measured in all rows or in none."""
    weights = {name: weight for name, weight in score.WEIGHTS.items() if public[name].notna().all()}
    inputs = {"public": expected_bins(public), "private": expected_bins(private)}
    first, second = (ridge(kernels, public[[*weights]].to_numpy()) for kernels in (linear(inputs), similarity(inputs)))
    scores = {}
    for name, assays in (("public", public), ("private", actual)):
        y, predicted = assays[[*weights]], np.maximum((first[name] + second[name]) / 2, 0)
        residual = ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
        scores[name] = sum(weight * (1 - residual[target]) for target, weight in weights.items())
    return scores


def linear(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the dot products of each file's rows with the public rows."""
    return {name: rows @ inputs["public"].T for name, rows in inputs.items()}


def similarity(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return each file's RBF kernel with the public rows, from scaled slopes. The model's is exact up to 300 rows."""
    slopes = {}
    for name, rows in inputs.items():
        snv = (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)
        slopes[name] = snv[:, 1:] - snv[:, :-1]
    assert len(slopes["public"]) <= 300
    scaled = {name: values / slopes["public"].std(axis=0) for name, values in slopes.items()}
    gamma = 0.25 / slopes["public"].shape[1]
    return {name: np.exp(-gamma * cdist(values, scaled["public"], "sqeuclidean")) for name, values in scaled.items()}


def ridge(kernels: dict[str, np.ndarray], assays: np.ndarray) -> dict[str, np.ndarray]:
    """From the public assays (rows, targets), predict each file's rows by kernel ridge regression with an intercept.

    kernels: each file's kernel matrix with the public rows. Each target's alpha minimises its leave-one-out error.
    """
    means = kernels["public"].mean(axis=0)
    centred = {
        name: kernel - kernel.mean(axis=1, keepdims=True) - means + means.mean() for name, kernel in kernels.items()
    }
    values, vectors = np.linalg.eigh(centred["public"])
    values = np.maximum(values, 0)
    coefficients = []
    for y in assays.T:
        residual = y - y.mean()
        projected, errors = vectors.T @ residual, []
        for alpha in ALPHAS:
            shrinkage = values / (values + alpha)
            leverage = 1 / len(y) + vectors**2 @ shrinkage
            errors.append((((residual - vectors @ (shrinkage * projected)) / (1 - leverage)) ** 2).sum())
        coefficients.append(vectors @ (projected / (values + ALPHAS[np.argmin(errors)])))
    return {name: assays.mean(axis=0) + kernel @ np.transpose(coefficients) for name, kernel in centred.items()}
