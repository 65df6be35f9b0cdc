"""estimators.py: scikit-learn's checks, and what each class promises, compared with an independent computation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator
from support.template import skip_module_in_forks

skip_module_in_forks()

from estimators import MeanRegressor, MeasuredRowsRegressor, SpectralSimilarity

RIDGE = RidgeCV([0.01, 1.0, 100.0], alpha_per_target=True)
ESTIMATORS = [
    SpectralSimilarity(),
    MeanRegressor([Ridge(), RidgeCV()]),
    MeasuredRowsRegressor(Ridge()),
    MeanRegressor([MeasuredRowsRegressor(RIDGE), make_pipeline(SpectralSimilarity(20), MeasuredRowsRegressor(RIDGE))]),
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


def test_similarity_is_the_kernel_of_scaled_slopes_if_every_row_is_a_component(bins: np.ndarray) -> None:
    features = SpectralSimilarity(n_components=40).fit_transform(bins)
    snv = (bins - bins.mean(axis=1, keepdims=True)) / bins.std(axis=1, keepdims=True)
    slopes = snv[:, 1:] - snv[:, :-1]
    squares = cdist(slopes / slopes.std(axis=0), slopes / slopes.std(axis=0), "sqeuclidean")
    np.testing.assert_allclose(features @ features.T, np.exp(-0.25 / 7 * squares), atol=1e-9)


def test_similarity_ignores_the_offset_and_the_scale_of_a_spectrum(bins: np.ndarray) -> None:
    similarity = SpectralSimilarity().fit(bins)
    offsets, scales = np.random.default_rng(5).uniform(0.5, 9, (2, 40, 1))
    np.testing.assert_allclose(similarity.transform(scales * bins + offsets), similarity.transform(bins), atol=1e-9)


def test_similarity_has_at_most_n_components_and_is_the_same_after_a_refit(bins: np.ndarray) -> None:
    first, second = (SpectralSimilarity(n_components=6).fit_transform(bins) for _ in range(2))
    assert first.shape == (40, 6)
    np.testing.assert_array_equal(first, second)


def test_flat_and_repeated_spectra_have_finite_features(bins: np.ndarray) -> None:
    for spectra in (np.full((3, 8), 2.0), np.repeat(bins[:1], 3, axis=0), bins[:1], bins[:3, :2]):
        assert np.isfinite(SpectralSimilarity().fit_transform(spectra)).all()
    assert np.isfinite(SpectralSimilarity().fit(bins).transform(np.zeros((2, 8)))).all()


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
        alone = RidgeCV(RIDGE.alphas).fit(bins[rows], gaps[rows, column])
        np.testing.assert_allclose(predicted[:, column], alone.predict(bins), rtol=1e-9)
    assert np.isnan(predicted[:, 3]).all()
    np.testing.assert_allclose(predicted[:, 4], targets[:2, 4].mean())  # two rows are fewer than min_rows


def test_complete_targets_take_one_fit(bins: np.ndarray, targets: np.ndarray) -> None:
    model = MeasuredRowsRegressor(RIDGE).fit(bins, targets)
    assert len(model.fitted_) == 1
    np.testing.assert_allclose(model.predict(bins), RIDGE.fit(bins, targets).predict(bins), rtol=1e-12)
    assert MeasuredRowsRegressor(RIDGE).fit(bins, targets[:, 0]).predict(bins).shape == (40,)


def test_targets_without_any_measured_row_are_refused(bins: np.ndarray, targets: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no target was measured"):
        MeasuredRowsRegressor(RIDGE).fit(bins, np.full_like(targets, np.nan))
