"""Our model and the field's usual methods. Each starts from raw spectra and is tuned within the training rows.

A peer is a function that makes a new scikit-learn estimator. Every peer has a regularisation strength (alpha), kernel
width or number of components for each target. Predictions are clipped at zero, because no assay is negative.
"""

import warnings
from collections.abc import Callable

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from cubist import Cubist
from preprocess import DataError
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from .data import Data
from .ours import fit_and_predict as ours
from .tuning import KernelRidgeCV, PLSRegressionCV

# beginnings of the warnings of each fit
CUBIST_WARNINGS = ("X does not have valid feature names", "The behavior of DataFrame concatenation")
ALPHAS = np.geomspace(1e-5, 1e5, 50)


def mean() -> BaseEstimator:
    """Predict the mean of the training rows, whatever the spectrum."""
    return DummyRegressor()


def random_numbers() -> BaseEstimator:
    """The recipe that won the challenge: bins of spectra normalised by their maximum, an alpha for each target.

    The published solution chooses alphas by R2, which gives the same ones as the squared error here.
    """
    return make_pipeline(FunctionTransformer(normalised_bins), RidgeCV(ALPHAS, alpha_per_target=True))


def normalised_bins(spectra: np.ndarray) -> np.ndarray:
    """Bins of spectra that are divided by their maximum over all but the last 300 channels."""
    if spectra.shape[1] <= 300:
        raise DataError(f"{spectra.shape[1]} channels: the RandomNumbers recipe needs more than 300; see --models")
    return sevens(spectra / spectra[:, :-300].max(axis=1, keepdims=True)).sum(axis=2)


def averages(spectra: np.ndarray) -> np.ndarray:
    """Averages of seven neighbouring channels."""
    return sevens(spectra).mean(axis=2)


def sevens(spectra: np.ndarray) -> np.ndarray:
    """Reshape to (rows, channels / 7, 7); the remaining channels at the low end are not used."""
    whole = spectra.shape[1] // 7 * 7
    return spectra[:, :whole].reshape(len(spectra), -1, 7)


def pls() -> BaseEstimator:
    """Partial least squares on standard normal variates (Barnes et al., 1989)."""
    return make_pipeline(StandardNormalVariate(), PLSRegressionCV())


def pls_scaled() -> BaseEstimator:
    """The same with every channel scaled to unit variance."""
    return make_pipeline(StandardNormalVariate(), StandardScaler(), PLSRegressionCV())


def ridge_scaled() -> BaseEstimator:
    """Ridge on standard normal variates, every channel scaled to unit variance."""
    return make_pipeline(StandardNormalVariate(), StandardScaler(), RidgeCV(ALPHAS, alpha_per_target=True))


def sg1_ridge() -> BaseEstimator:
    """Ridge on the first derivative (Savitzky and Golay, 1964) of standard normal variates."""
    return make_pipeline(StandardNormalVariate(), first_derivative(), RidgeCV(ALPHAS, alpha_per_target=True))


def sg1_ridge_scaled() -> BaseEstimator:
    """The same with every channel scaled to unit variance."""
    ridge = RidgeCV(ALPHAS, alpha_per_target=True)
    return make_pipeline(StandardNormalVariate(), first_derivative(), StandardScaler(), ridge)


def first_derivative() -> BaseEstimator:
    return SavitzkyGolay(window_length=11, polyorder=2, deriv=1)


def cubist() -> BaseEstimator:
    """Rules with linear models (Quinlan, 1992), in committees of ten, on averages of standard normal variates."""
    rules = MultiOutputRegressor(Cubist(n_committees=10, random_state=0))
    return make_pipeline(StandardNormalVariate(), FunctionTransformer(averages), rules)


def kernel_ridge() -> BaseEstimator:
    """Ridge in the space of a Gaussian kernel, on standard normal variates."""
    return make_pipeline(StandardNormalVariate(), KernelRidgeCV(10.0 ** np.arange(-3, 2), 10.0 ** np.arange(-5, 1)))


PEERS: dict[str, Callable[[], BaseEstimator]] = {
    "mean": mean,
    "randomnumbers": random_numbers,
    "pls": pls,
    "pls-scaled": pls_scaled,
    "ridge-scaled": ridge_scaled,
    "sg1-ridge": sg1_ridge,
    "sg1-ridge-scaled": sg1_ridge_scaled,
    "cubist": cubist,
    "kernel-ridge": kernel_ridge,
}
METHODS = ["ours", *PEERS]


def predict(method: str, training: Data, held: Data) -> np.ndarray:
    """Fit a method to `training`; return predictions (rows, 49) for `held`, NaN for targets never measured."""
    if method == "ours":
        return ours(training, held)
    predicted = np.full(held.targets.shape, np.nan)
    patterns, pattern_of = np.unique(~np.isnan(training.targets), axis=1, return_inverse=True)
    for pattern, measured in enumerate(patterns.T):  # targets measured on the same rows are fitted together
        if measured.any():
            columns = np.flatnonzero(pattern_of == pattern)
            with warnings.catch_warnings():
                for message in CUBIST_WARNINGS:
                    warnings.filterwarnings("ignore", message)
                peer = PEERS[method]().fit(training.spectra[measured], training.targets[np.ix_(measured, columns)])
                predicted[:, columns] = peer.predict(held.spectra).reshape(len(held), -1)
    return predicted.clip(0.0)
