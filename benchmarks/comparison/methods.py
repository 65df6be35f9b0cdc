"""Our model and the field's usual methods, each from raw spectra, each choosing what it chooses by the training rows alone.

A peer is a recipe that makes a fresh scikit-learn estimator. Every peer has its own strength, width or number of
components for each target, and no prediction is below zero, as no assay is.
"""

from collections.abc import Callable

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from cubist import Cubist
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from preprocess import DataError

from .data import Data
from .ours import fit_and_predict as ours
from .tuning import KernelRidgeCV, PLSRegressionCV

ALPHAS = np.geomspace(1e-5, 1e5, 50)


def mean() -> BaseEstimator:
    """The mean of the training part, whatever the spectrum."""
    return DummyRegressor()


def random_numbers() -> BaseEstimator:
    """The recipe that won the challenge: bins of spectra normalised by their maximum, a strength for each target.

    The published solution chooses strengths by R2, which chooses the same ones as the squared error here.
    """
    return make_pipeline(FunctionTransformer(normalised_bins), RidgeCV(ALPHAS, alpha_per_target=True))


def normalised_bins(spectra: np.ndarray) -> np.ndarray:
    """Spectra over their maximum without the last 300 channels, in sums of seven neighbours."""
    if spectra.shape[1] <= 300:
        raise DataError(f"{spectra.shape[1]} channels: the RandomNumbers recipe needs more than 300; see --models")
    normalised = spectra / spectra[:, :-300].max(axis=1, keepdims=True)
    whole = normalised.shape[1] // 7 * 7
    return normalised[:, :whole].reshape(len(spectra), -1, 7).sum(axis=2)


def pls() -> BaseEstimator:
    """Partial least squares on standard normal variates (Barnes et al., 1989)."""
    return make_pipeline(StandardNormalVariate(), PLSRegressionCV())


def derivative_ridge() -> BaseEstimator:
    """Ridge on the first derivative (Savitzky and Golay, 1964) of standard normal variates."""
    derivative = SavitzkyGolay(window_length=11, polyorder=2, deriv=1)
    return make_pipeline(StandardNormalVariate(), derivative, RidgeCV(ALPHAS, alpha_per_target=True))


def cubist() -> BaseEstimator:
    """Rules with a linear model each (Quinlan, 1992), on bins, in committees of ten."""
    rules = MultiOutputRegressor(Cubist(n_committees=10, random_state=0))
    return make_pipeline(FunctionTransformer(normalised_bins), rules)


def kernel_ridge() -> BaseEstimator:
    """Ridge in the space of a Gaussian kernel, on standard normal variates."""
    return make_pipeline(StandardNormalVariate(), KernelRidgeCV(10.0 ** np.arange(-3, 2), 10.0 ** np.arange(-5, 1)))


PEERS: dict[str, Callable[[], BaseEstimator]] = {
    "mean": mean,
    "randomnumbers": random_numbers,
    "pls": pls,
    "sg1-ridge": derivative_ridge,
    "cubist": cubist,
    "kernel-ridge": kernel_ridge,
}
METHODS = ["ours", *PEERS]


def predict(method: str, training: Data, held: Data) -> np.ndarray:
    """Predictions (rows, 49) for `held` of a method fitted to `training`; NaN where that has no assay of a target."""
    if method == "ours":
        return ours(training, held)
    predicted = np.full(held.targets.shape, np.nan)
    patterns, pattern_of = np.unique(~np.isnan(training.targets), axis=1, return_inverse=True)
    for pattern, measured in enumerate(patterns.T):  # targets measured on the same rows are fitted together
        if measured.any():
            columns = np.flatnonzero(pattern_of == pattern)
            peer = PEERS[method]().fit(training.spectra[measured], training.targets[np.ix_(measured, columns)])
            predicted[:, columns] = peer.predict(held.spectra).reshape(len(held), -1)
    return predicted.clip(0.0)
