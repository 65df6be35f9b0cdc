"""The benchmark of the published experiments: its features and its results."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from score import WEIGHTS
from sklearn.linear_model import Ridge
from support.checkout import ROOT, environment

from benchmarks.published import EXPERIMENTS, SCORE_BOUND, Experiment, bins, features, public_data, repeat
from recore.dataset.sample_files import Plan


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return public_data(Plan(rows=60, holes=4, channels=600))


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_bins_match_the_winners_steps(experiment: Experiment, data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    spectra = pd.DataFrame(data[0])
    if experiment.window:
        window = spectra.iloc[:, slice(*experiment.window)]
        highest = window.max(axis=1)
        spectra = spectra.clip(window.min(axis=1), highest, axis=0).div(highest, axis=0)
    expected = spectra.T.rolling(experiment.n, min_periods=1).sum().iloc[:: experiment.n].T
    np.testing.assert_allclose(bins(experiment, data[0]), expected, rtol=1e-6, atol=1e-6)


def test_rotated_features_give_the_predictions_of_the_features(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    spectra, ids, targets = data
    experiment = Experiment(0.0)
    inputs, rotated = np.column_stack([ids, bins(experiment, spectra)]), features(experiment, spectra, ids)
    assert rotated.shape == (42, 42) != inputs.shape
    predictions = [Ridge(0.1).fit(X[:30], targets[:30]).predict(X[30:]) for X in (inputs, rotated)]
    np.testing.assert_allclose(*predictions, rtol=1e-4)


def test_an_experiment_gives_r2_of_each_target_in_each_fold(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    few_rows, all_rows = (repeat(Experiment(0.0, share=share), *data) for share in (0.6, 1.0))
    assert few_rows.shape == all_rows.shape == (20, 49)
    weights = [*WEIGHTS.values()]
    assert (few_rows @ weights).mean() < (all_rows @ weights).mean() < 1.01


def test_the_page_has_the_published_scores_and_ours_within_their_bounds() -> None:
    """Our scores are rounded to three decimals, so their differences may be off by 0.001."""
    cells = re.findall(r"\| ([^|]+) \| (\.\d{3}) \| (\.\d{3}) (?=\|)", (ROOT / "docs/dataset.md").read_text())
    page = {name: (float(published), float(measured)) for name, published, measured in cells}
    names = {experiment.name: short_name(experiment) for experiment in EXPERIMENTS}
    assert page.keys() == set(names.values())
    first = page[names[EXPERIMENTS[0].name]][1]
    for experiment in EXPERIMENTS:
        published, measured = page[names[experiment.name]]
        assert published == experiment.published
        assert abs(measured - published) <= SCORE_BOUND
        if experiment.bound:
            assert abs(measured - first - (published - EXPERIMENTS[0].published)) <= experiment.bound + 0.001


def short_name(experiment: Experiment) -> str:
    if not experiment.ids:
        return "Without IDs"
    if experiment.share < 1:
        return f"{experiment.share:.0%} of rows"
    window = "{}:{}".format(*experiment.window) if experiment.window else "no window"
    return f"{window}/{experiment.n}"


@pytest.mark.slow
def test_the_sample_reproduces_the_published_experiments() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools/recore/benchmarks/published.py"],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
