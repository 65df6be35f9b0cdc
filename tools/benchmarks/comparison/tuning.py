"""Two of scikit-learn's regressors, with parameters that are cross-validated for each target."""

import warnings
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import KFold, ParameterGrid, cross_val_predict
from sklearn.preprocessing import StandardScaler

INNER = KFold(5, shuffle=True, random_state=0)


class PLSRegressionCV(RegressorMixin, BaseEstimator):
    """PLS1 for each target, with up to `max_components` components: the number with the least squared error by INNER.

    A PLS1 fit of k components contains those of 1 to k - 1 components, so one fit per fold is enough.
    """

    def __init__(self, max_components: int = 15) -> None:
        self.max_components = max_components

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Fit x (rows, channels) to y (rows, targets)."""
        largest = min(self.max_components, x.shape[1], len(x) - 1 - len(x) // INNER.n_splits)
        self.models_ = []
        for target in y.T:
            errors = 0.0
            for rest, fold in INNER.split(x):
                path = predictions(fit_components(x[rest], target[rest], largest), x[fold])
                errors += ((target[fold, None] - path) ** 2).sum(axis=0)
            self.models_.append(fit_components(x, target, 1 + int(np.argmin(errors))))
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return predictions (rows, targets)."""
        return np.column_stack([predictions(model, x)[:, -1] for model in self.models_])


def fit_components(x: np.ndarray, y: np.ndarray, number: int) -> PLSRegression:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y residual is constant", UserWarning)  # fewer components already fit exactly
        return PLSRegression(number, scale=False).fit(x, y)


def predictions(model: PLSRegression, x: np.ndarray) -> np.ndarray:
    """Return the predictions of the first 1, 2, ... components: (rows, components)."""
    return model.intercept_ + np.cumsum(model.transform(x) * model.y_loadings_[0], axis=1)


class KernelRidgeCV(RegressorMixin, BaseEstimator):
    """RBF kernel ridge with the gamma and the alpha for each target that have the least squared error by INNER.

    gammas: multiples of 1 / channels. alphas: regularisation strengths. Targets are scaled to unit variance.
    """

    def __init__(self, gammas: np.ndarray, alphas: np.ndarray) -> None:
        self.gammas, self.alphas = gammas, alphas

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Fit x (rows, channels) to y (rows, targets)."""
        self.scaler_ = StandardScaler().fit(y)
        y = self.scaler_.transform(y)
        grid = ParameterGrid({"gamma": np.asarray(self.gammas) / x.shape[1], "alpha": self.alphas})
        candidates = [KernelRidge(kernel="rbf", **choice) for choice in grid]
        errors = [((y - cross_val_predict(model, x, y, cv=INNER)) ** 2).sum(axis=0) for model in candidates]
        self.chosen_ = np.argmin(errors, axis=0)
        self.models_ = {number: candidates[number].fit(x, y) for number in np.unique(self.chosen_)}
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return predictions (rows, targets)."""
        predicted = np.empty((len(x), len(self.chosen_)))
        for number, model in self.models_.items():
            predicted[:, self.chosen_ == number] = model.predict(x)[:, self.chosen_ == number]
        return self.scaler_.inverse_transform(predicted)
