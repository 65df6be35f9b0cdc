"""features.SpectralFeatures: compared with its formulas, and checked as a scikit-learn transformer."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from challenge.features import SpectralFeatures


def name_of(value: object) -> str:
    """Return the name of an estimator or a check, to be used as a pytest ID."""
    return getattr(getattr(value, "func", None), "__name__", repr(value))


ESTIMATORS = [SpectralFeatures(), SpectralFeatures(landmarks=5, linear=0.0, variance=1.0)]
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_the_estimator_passes_scikit_learns_check(estimator: SpectralFeatures, check: Callable) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def bins() -> np.ndarray:
    """Return 60 smooth spectra of 8 bins each."""
    return np.random.default_rng(3).normal(3, 1, (60, 8)).cumsum(axis=1)


@pytest.mark.parametrize(("linear", "variance"), [(0.0, 1.0), (0.2, 4.0)])
def test_features_are_bins_and_similarity_of_slopes(bins: np.ndarray, linear: float, variance: float) -> None:
    x = SpectralFeatures(linear=linear, variance=variance).fit_transform(bins)
    spectra = (bins - bins.mean(axis=1, keepdims=True)) / bins.std(axis=1, keepdims=True)
    slopes = np.column_stack([spectra[:, 0], spectra[:, 1:] - spectra[:, :-1]])
    slopes = (slopes - slopes.mean(axis=0)) / slopes.std(axis=0)
    distances = ((slopes[:, None] - slopes[None]) ** 2).sum(axis=2)
    kernel = (1 + distances / (2 * distances.mean())) ** -1.5 + linear * (slopes @ slopes.T) / 8
    linear_part, similarity = x[:, :8], x[:, 8:]
    assert linear_part.var(axis=0).sum() == pytest.approx(variance)
    assert similarity.var(axis=0).sum() == pytest.approx(1.0)
    result = similarity @ similarity.T  # with fewer rows than landmarks, every row is a landmark and the map is exact
    np.testing.assert_allclose(result, kernel * (result[0, 0] / kernel[0, 0]), atol=1e-8)
    centred = bins - bins.mean(axis=0)
    np.testing.assert_allclose(linear_part, centred * (linear_part[0, 0] / centred[0, 0]), atol=1e-12)


def test_landmarks_limit_the_features_and_the_pickle(bins: np.ndarray) -> None:
    training_spectra = np.random.default_rng(0).normal(3, 1, (5000, 8)).cumsum(axis=1)
    features = SpectralFeatures(landmarks=20).fit(training_spectra)
    assert features.transform(bins).shape == (60, 28)
    assert len(pickle.dumps(features)) < 10_000
    refitted = clone(features).fit(training_spectra)
    np.testing.assert_array_equal(features.transform(bins), refitted.transform(bins))


def test_a_row_does_not_depend_on_other_rows(bins: np.ndarray) -> None:
    features = SpectralFeatures().fit(bins)
    whole = features.transform(bins)
    single = np.vstack([features.transform(row[None]) for row in bins])
    np.testing.assert_allclose(single, whole, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_degenerate_spectra_have_finite_features(bins: np.ndarray, rows: int) -> None:
    constant, repeated = np.full((rows, 8), 2.0), np.repeat(bins[:1], rows, axis=0)
    for spectra in (constant, repeated, bins[:rows], bins[:rows, :1]):
        features = SpectralFeatures().fit(spectra)
        assert np.isfinite(features.transform(spectra)).all()
    assert np.isfinite(SpectralFeatures().fit(bins).transform(constant)).all()
