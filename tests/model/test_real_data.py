"""The default model on the YAMSYS soils (Zenodo, DOI 10.5281/zenodo.1174869), if a copy is available.

RECORE_YAMSYS names a folder with public.csv.gz, private.csv.gz and private_actual.csv.gz.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut, PredefinedSplit
from support.checkout import ROOT, run
from support.template import template_only

import score

WEIGHTS = {"CuPPM": 0.35, "FePCT": 0.025, "MnPPM": 0.01, "PPCT": 0.01, "SPPM": 0.01, "ZnPPM": 0.025}
WEIGHTS |= {"AlPPM": 0.025, "CaPPM": 0.025, "KPPM": 0.025}


@pytest.mark.machine
@template_only
@pytest.mark.skipif(
    "RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS is not set; it must name a folder with the YAMSYS soils"
)
def test_scores_match_an_independent_computation(tmp_path: Path) -> None:
    data = Path(os.environ["RECORE_YAMSYS"])
    assert run(ROOT / "train.py", "--data_dir", data, "--model_dir", tmp_path, cwd=tmp_path).returncode == 0
    files = {"public": data / "public.csv.gz", "private": data / "private_actual.csv.gz"}
    for name, actual in files.items():
        output = tmp_path / f"{name}.csv.out"
        source = data / f"{name}.csv.gz"
        assert run(ROOT / "predict.py", "--model_dir", tmp_path, "--input", source, "--output", output, cwd=tmp_path)
        arguments = ("--actual", actual, "--predicted", output, "--output", tmp_path / f"{name}.txt")
        completed = run(ROOT / "score.py", *arguments, cwd=tmp_path)
        assert "weights scored: 0.505 of 1.01" in completed.stdout
        result = float((tmp_path / f"{name}.txt").read_text())
        assert result == pytest.approx(compute_expected_scores(files)[name], rel=1e-9)


def compute_expected_scores(files: dict[str, Path]) -> dict[str, float]:
    """Return the scores computed with pandas and a separate Ridge for each fit, with every sum written out."""
    frames = {name: pd.read_csv(path, index_col=0) for name, path in files.items()}
    holes, totals = frames["public"]["SiteID"], dict.fromkeys(files, 0.0)
    assert set(WEIGHTS) == {name for name in score.TARGETS if frames["public"][name].notna().any()}
    spectra = features({name: bins(files["public"].parent / f"{name}.csv.gz") for name in files})
    x = spectra["public"]
    for target, weight in WEIGHTS.items():
        y = frames["public"][target].to_numpy()
        errors = {}
        for alpha in np.geomspace(1e-5, 1e5, 31):
            splittings = LeaveOneGroupOut().split(x, y, holes), PredefinedSplit(np.arange(len(y)) % 5).split()
            squares = [
                sum(
                    ((y[b] - Ridge(alpha, solver="svd").fit(x[a], y[a]).predict(x[b])) ** 2).sum() for a, b in splitting
                )
                for splitting in splittings
            ]
            errors[alpha] = sum(min(error, ((y - y.mean()) ** 2).sum()) for error in squares)
        model = Ridge(min(errors, key=errors.get), solver="svd").fit(x, y)
        margin = 0.2 * (y.max() - y.min())
        for name, frame in frames.items():
            measured = frame[target].to_numpy()
            predicted = np.clip(model.predict(spectra[name]), max(y.min() - margin, 0), y.max() + margin)
            unexplained = ((measured - predicted) ** 2).sum() / ((measured - measured.mean()) ** 2).sum()
            totals[name] += weight * (1 - unexplained)
    return totals


def features(spectra: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return bins scaled to variance 4 and a kernel map of slopes scaled to variance 1. Public rows are landmarks."""
    slopes = {}
    for name, x in spectra.items():
        normal = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        slopes[name] = np.column_stack([normal[:, :1], normal[:, 1:] - normal[:, :-1]])
    mean, deviation = slopes["public"].mean(axis=0), slopes["public"].std(axis=0)
    slopes = {name: (values - mean) / deviation for name, values in slopes.items()}
    kernels = {
        name: (1 + cdist(values, slopes["public"], "sqeuclidean") / (4 * len(mean))) ** -1.5
        + 0.2 / len(mean) * (values @ slopes["public"].T)
        for name, values in slopes.items()
    }
    values, vectors = np.linalg.eigh(kernels["public"])
    maps = {name: kernel @ vectors / np.sqrt(values) for name, kernel in kernels.items()}
    variances = {name: part["public"].var(axis=0).sum() for name, part in (("bins", spectra), ("maps", maps))}
    return {
        name: np.hstack([2 * spectra[name] / np.sqrt(variances["bins"]), maps[name] / np.sqrt(variances["maps"])])
        for name in spectra
    }


def bins(path: Path) -> np.ndarray:
    """Return spectra divided by their maximum above 1110 cm-1, as sums over seven channels each."""
    data = pd.read_csv(path, index_col=0)
    data = data[[name for name in data if name.replace(".", "").isdigit()]]
    values = data.to_numpy() / data.loc[:, [float(name) > 1110 for name in data]].max(axis=1).to_numpy()[:, None]
    return np.round(values[:, : values.shape[1] // 7 * 7].reshape(len(data), -1, 7).sum(axis=2), 5)
