"""The features of the default model: what its ridge regression is fitted to.

A scikit-learn transformer that passes its estimator checks and knows nothing of this project.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits


class SpectralFeatures(TransformerMixin, BaseEstimator):
    """Features of binned spectra for a linear model: the bins, and likeness to landmarks among the training rows.

    Likeness is a kernel between the slopes (differences of neighbouring bins) of standard normal variates (Barnes,
    Dhanoa and Lister 1989), each slope scaled to unit variance: a Gaussian, as wide as two spectra differ on average,
    plus a little of the linear kernel, which still tells spectra apart that are far from all landmarks. Nystroem's
    method (Williams and Seeger 2001) makes features of it. Bins and likeness have a total variance of one each, so
    that one regularisation strength suits both. Nothing is random: the landmarks depend on the number of rows alone.

    Parameters
    ----------
    landmarks : the number of training rows that spectra are compared with; with fewer rows the map is exact.
    linear : weight of the linear kernel; the Gaussian has a weight of one.

    Attributes
    ----------
    mean_, slope_mean_, slope_scale_ (bins,) : of bins and of slopes.
    weight_ : what scales the bins. landmarks_ (landmarks, bins), map_ (landmarks, landmarks) : of the kernel.
    """

    def __init__(self, landmarks=200, linear=0.2):
        self.landmarks = landmarks
        self.linear = linear

    def fit(self, X, y=None):
        """X (rows, bins). Raises ValueError for anything but finite numbers."""
        self.fit_transform(X)
        return self

    @threadpool_limits.wrap(limits=1, user_api="blas")
    def fit_transform(self, X, y=None):
        """As fit(X).transform(X), computed once: (rows, bins + min(landmarks, rows))."""
        X = validate_data(self, X, dtype=np.float64)
        slopes = _slopes(X)
        self.mean_, self.slope_mean_, self.slope_scale_ = X.mean(axis=0), slopes.mean(axis=0), slopes.std(axis=0)
        self.slope_scale_[self.slope_scale_ < 1e-12] = 1.0  # the same in all rows
        slopes = (slopes - self.slope_mean_) / self.slope_scale_
        self.landmarks_ = slopes[np.random.RandomState(0).permutation(len(X))[: self.landmarks]]
        values, vectors = np.linalg.eigh(self._kernel(self.landmarks_))
        self.map_ = (vectors / np.sqrt(values.clip(1e-12))) @ vectors.T
        likeness = self._kernel(slopes) @ self.map_
        self.weight_ = 1 / np.sqrt(X.var(axis=0).sum() or 1.0)
        weight = 1 / np.sqrt(likeness.var(axis=0).sum() or 1.0)
        self.map_ *= weight
        return np.hstack([(X - self.mean_) * self.weight_, likeness * weight])

    def transform(self, X):
        """X (rows, bins) to (rows, bins + landmarks)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        likeness = self._kernel((_slopes(X) - self.slope_mean_) / self.slope_scale_) @ self.map_
        return np.hstack([(X - self.mean_) * self.weight_, likeness])

    def _kernel(self, slopes):
        """(rows, landmarks)."""
        bins, products = slopes.shape[1], slopes @ self.landmarks_.T
        squares = (slopes**2).sum(axis=1)[:, None] + (self.landmarks_**2).sum(axis=1)
        return np.exp(-0.25 / bins * np.maximum(squares - 2 * products, 0.0)) + self.linear / bins * products


def _slopes(spectra):
    """First differences (rows, bins) of standard normal variates; the first is that to zero."""
    spread = spectra.std(axis=1, keepdims=True)
    normal = (spectra - spectra.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    return np.diff(normal, axis=1, prepend=0.0)
