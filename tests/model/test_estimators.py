"""The classes in estimators.py pass scikit-learn's checks and match independent computations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator
from support.template import skip_module_in_forks

skip_module_in_forks()

import train
from estimators import MeanRegressor, MeasuredRowsRegressor, slopes

RIDGE = RidgeCV([0.01, 1.0, 100.0], alpha_per_target=True)
ESTIMATORS = [
    MeanRegressor([Ridge(), RidgeCV()]),
    MeasuredRowsRegressor(Ridge()),
    MeanRegressor(
        [
            MeasuredRowsRegressor(RIDGE),
            make_pipeline(Nystroem(n_components=3, random_state=0), MeasuredRowsRegressor(RIDGE)),
        ]
    ),
]
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


def name_of(case: Any) -> str:
    """Return the name of an estimator's class or of a check."""
    return case.func.__name__ if hasattr(case, "func") else type(case).__name__


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_an_estimator_passes_scikit_learns_check(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def bins() -> np.ndarray:
    """Return 40 smooth spectra of 8 bins each."""
    return np.random.default_rng(3).normal(3, 1, (40, 8)).cumsum(axis=1)


@pytest.fixture(scope="module")
def targets(bins: np.ndarray) -> np.ndarray:
    """Return five targets, positive and negative, that the spectra determine to different degrees."""
    random = np.random.default_rng(4)
    return bins @ random.normal(size=(8, 5)) + random.normal(size=(40, 5)) * [0, 1, 5, 20, 80]


def test_slopes_are_differences_of_the_standard_normal_variate(bins: np.ndarray) -> None:
    snv = (bins - bins.mean(axis=1, keepdims=True)) / bins.std(axis=1, keepdims=True)
    np.testing.assert_allclose(slopes(bins), snv[:, 1:] - snv[:, :-1], atol=1e-9)
    offsets, scales = np.random.default_rng(5).uniform(0.5, 9, (2, 40, 1))
    np.testing.assert_allclose(slopes(scales * bins + offsets), slopes(bins), atol=1e-9)


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_flat_and_repeated_spectra_can_be_fitted_and_predicted(
    bins: np.ndarray, targets: np.ndarray, rows: int
) -> None:
    for spectra in (bins[:rows], np.full((rows, 8), 2.0), np.repeat(bins[:1], rows, axis=0), bins[:rows, :2]):
        model = train.fit(pd.DataFrame(spectra), pd.DataFrame(targets[:rows]), np.arange(rows), n_components=20)
        assert np.isfinite(model.predict(pd.DataFrame(np.vstack([spectra, np.zeros_like(spectra)])))).all()


def test_the_mean_of_regressors_is_at_least_the_lowest_value(bins: np.ndarray, targets: np.ndarray) -> None:
    mean = (Ridge(1.0).fit(bins, targets).predict(bins) + RIDGE.fit(bins, targets).predict(bins)) / 2
    assert (mean < -1).any()
    regressors = [Ridge(1.0), clone(RIDGE)]
    for lowest in (-np.inf, -1.0):
        predicted = MeanRegressor(regressors, lowest).fit(bins, targets).predict(bins)
        np.testing.assert_allclose(predicted, np.maximum(mean, lowest))
    assert not hasattr(regressors[0], "coef_")  # clones are fitted


def test_each_target_is_fitted_on_its_measured_rows_alone(bins: np.ndarray, targets: np.ndarray) -> None:
    gaps = targets.copy()
    gaps[5:9, :2] = gaps[::3, 2] = gaps[:, 3] = gaps[2:, 4] = np.nan
    model = MeasuredRowsRegressor(RIDGE, min_rows=3).fit(bins, gaps)
    predicted = model.predict(bins)
    assert len(model.fitted_) == 3  # the first two targets were measured on the same rows
    for column in range(3):
        rows = ~np.isnan(gaps[:, column])
        single_target = RidgeCV(RIDGE.alphas).fit(bins[rows], gaps[rows, column])
        np.testing.assert_allclose(predicted[:, column], single_target.predict(bins), rtol=1e-9)
    assert np.isnan(predicted[:, 3]).all()
    np.testing.assert_allclose(predicted[:, 4], targets[:2, 4].mean())  # two rows are fewer than min_rows


def test_complete_targets_take_one_fit(bins: np.ndarray, targets: np.ndarray) -> None:
    model = MeasuredRowsRegressor(RIDGE).fit(bins, targets)
    assert len(model.fitted_) == 1
    np.testing.assert_allclose(model.predict(bins), RIDGE.fit(bins, targets).predict(bins), rtol=1e-12)
    assert MeasuredRowsRegressor(RIDGE).fit(bins, targets[:, 0]).predict(bins).shape == (40,)


def test_targets_without_any_measured_row_are_rejected(bins: np.ndarray, targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no target was measured"):
        MeasuredRowsRegressor(RIDGE).fit(bins, np.full_like(targets, np.nan))
