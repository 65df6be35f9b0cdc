"""The features of the default model: what its ridge regression is fitted to.

A scikit-learn transformer that passes scikit-learn's estimator checks and depends on nothing in this project.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits


class SpectralFeatures(TransformerMixin, BaseEstimator):
    """Features of binned spectra for a linear model: the bins, and similarity to landmarks among the training rows.

    Similarity is a kernel between the slopes (differences of neighbouring bins) of standard normal variates (Barnes,
    Dhanoa and Lister 1989), each slope scaled to unit variance. It is the sum of a rational quadratic kernel (Rasmussen
    and Williams 2006), as wide as two spectra differ on average, and of a linear kernel with a small weight.
    A rational quadratic kernel decays more slowly than a Gaussian, and the linear kernel still distinguishes spectra
    that are far from all landmarks. Nystroem's method (Williams and Seeger 2001) turns the kernel into features. Their
    total variance is one and that of the bins is four, so that one regularisation strength suits both, and the
    part that extrapolates less is penalised more. Nothing is random: the landmarks depend only on the number of rows.

    Parameters
    ----------
    landmarks : the number of training rows that spectra are compared with; with fewer rows the map is exact.
    linear : weight of the linear kernel; the rational quadratic kernel has a weight of one.
    variance : total variance of the bins; that of similarity is one.

    Attributes
    ----------
    mean_, slope_mean_, slope_scale_ (bins,) : means of the bins and of the slopes, standard deviations of the slopes.
    weight_ : the factor that scales the bins. landmarks_ (landmarks, bins), map_ (landmarks, landmarks) : the kernel's.
    """

    def __init__(self, landmarks: int = 200, linear: float = 0.2, variance: float = 4.0) -> None:
        self.landmarks = landmarks
        self.linear = linear
        self.variance = variance

    def fit(self, X: Any, y: Any = None) -> Self:
        """X (rows, bins). Raises ValueError for anything but finite numbers."""
        self.fit_transform(X)
        return self

    @threadpool_limits.wrap(limits=1, user_api="blas")
    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the same as fit(X).transform(X), in one pass: (rows, bins + min(landmarks, rows))."""
        X = validate_data(self, X, dtype=np.float64)
        slopes = _slopes(X)
        self.mean_, self.slope_mean_, self.slope_scale_ = X.mean(axis=0), slopes.mean(axis=0), slopes.std(axis=0)
        self.slope_scale_[self.slope_scale_ < 1e-12] = 1.0  # the same in all rows
        slopes = (slopes - self.slope_mean_) / self.slope_scale_
        self.landmarks_ = slopes[np.random.RandomState(0).permutation(len(X))[: self.landmarks]]
        values, vectors = np.linalg.eigh(self._kernel(self.landmarks_))
        self.map_ = (vectors / np.sqrt(values.clip(1e-12))) @ vectors.T
        similarity = self._kernel(slopes) @ self.map_
        self.weight_ = np.sqrt(self.variance / (X.var(axis=0).sum() or 1.0))
        weight = 1 / np.sqrt(similarity.var(axis=0).sum() or 1.0)
        self.map_ *= weight
        return np.hstack([(X - self.mean_) * self.weight_, similarity * weight])

    def transform(self, X: Any) -> np.ndarray:
        """Transform X (rows, bins) to (rows, bins + landmarks)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        similarity = self._kernel((_slopes(X) - self.slope_mean_) / self.slope_scale_) @ self.map_
        return np.hstack([(X - self.mean_) * self.weight_, similarity])

    def _kernel(self, slopes: np.ndarray) -> np.ndarray:
        """Return the kernel between slopes (rows, bins) and the landmarks: (rows, landmarks)."""
        bins, products = slopes.shape[1], slopes @ self.landmarks_.T
        squares = (slopes**2).sum(axis=1)[:, None] + (self.landmarks_**2).sum(axis=1)
        near = 1 / (1 + 0.25 / bins * np.maximum(squares - 2 * products, 0.0))
        return near * np.sqrt(near) + self.linear / bins * products  # to the power of 1.5


def _slopes(spectra: np.ndarray) -> np.ndarray:
    """Return first differences (rows, bins) of standard normal variates; the first difference is to zero."""
    spread = spectra.std(axis=1, keepdims=True)
    normal = (spectra - spectra.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    return np.diff(normal, axis=1, prepend=0.0)
