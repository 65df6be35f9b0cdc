"""The benchmark of the published experiments: its features are the winner's, and what it reports."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from benchmarks.published import EXPERIMENTS, Experiment, bins, features, public_data, repeat, show
from recore.dataset.sample_files import Plan


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return public_data(Plan(rows=60, holes=4, channels=600))


@pytest.mark.parametrize("experiment", set(EXPERIMENTS), ids=lambda experiment: experiment.name)
def test_bins_are_those_of_the_winners_steps_in_pandas(
    experiment: Experiment, data: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    spectra = pd.DataFrame(data[0])
    if experiment.window:
        window = spectra.iloc[:, slice(*experiment.window)]
        highest = window.max(axis=1)
        spectra = spectra.clip(window.min(axis=1), highest, axis=0).div(highest, axis=0)
    expected = spectra.T.rolling(experiment.n, min_periods=1).sum().iloc[:: experiment.n].T
    np.testing.assert_allclose(bins(experiment, data[0]), expected, rtol=1e-6, atol=1e-6)


def test_rotated_features_give_the_predictions_of_the_features(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    spectra, ids, targets = data
    experiment = Experiment(0.0)
    inputs, rotated = np.column_stack([ids, bins(experiment, spectra)]), features(experiment, spectra, ids)
    assert rotated.shape == (42, 42) != inputs.shape
    predictions = [Ridge(0.1).fit(X[:30], targets[:30]).predict(X[30:]) for X in (inputs, rotated)]
    np.testing.assert_allclose(*predictions, rtol=1e-4)


def test_an_experiment_gives_a_score_for_each_fold(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    few_rows, all_rows = (repeat(Experiment(0.0, share=share), *data) for share in (0.6, 1.0))
    assert few_rows.shape == all_rows.shape == (20,)
    assert few_rows.mean() < all_rows.mean() < 1.01


def test_what_is_out_of_bounds_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    published = [np.full(20, experiment.published) for experiment in EXPERIMENTS]
    assert show(published) == []
    assert "not normalised, n = 5" in capsys.readouterr().out
    assert show([scores + 0.05 for scores in published]) == [
        f"{experiment.name}: the score differs by more than 0.04" for experiment in EXPERIMENTS
    ]
    published[-6] = published[0] + 0.0005  # not normalised: the published difference is -0.014
    assert show(published) == ["not normalised, n = 5: the difference differs by more than 0.015, or in sign"]
