"""Estimators of the default model that scikit-learn does not provide.

model.pkl refers to them by name, so setup.py uploads this file with train.py. They follow scikit-learn's rules for
estimators and depend on no other file. A model that does not use them does not need this file.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

CHECK_Y_PARAMS = {"dtype": float, "ensure_2d": False, "ensure_all_finite": "allow-nan"}  # validation of y


def slopes(spectra: np.ndarray) -> np.ndarray:
    """Return the differences (rows, bins - 1) between neighbouring bins of SNV-transformed spectra.

    The standard normal variate (SNV; Barnes, Dhanoa and Lister 1989) is a spectrum minus its mean, divided by its
    standard deviation. The mean cancels in the differences.
    """
    spread = spectra.std(axis=1, keepdims=True)
    return np.diff(spectra / np.where(spread > 0, spread, 1.0), axis=1)


class MeanRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A regressor that averages regressors fitted to the same data. Predictions below `lowest` are clipped to it."""

    def __init__(self, regressors: list[Any], lowest: float = -np.inf) -> None:
        self.regressors = regressors
        self.lowest = lowest

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (rows, features) and y (rows, targets) or (rows,); y may contain NaN if the regressors allow it."""
        X, y = validate_data(self, X, y, validate_separately=({"dtype": float}, CHECK_Y_PARAMS))
        self.regressors_ = [clone(regressor).fit(X, y) for regressor in self.regressors]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions (rows, targets), or (rows,) if y was (rows,) in fit."""
        check_is_fitted(self)
        # an array, because checking a DataFrame takes longer than predicting; C order, so that the last digits agree
        values = check_array(np.asarray(X), dtype=float, order="C")
        validate_data(self, X, reset=False, skip_check_array=True)  # checks the number and names of features
        return np.mean([regressor.predict(values) for regressor in self.regressors_], axis=0).clip(self.lowest)


class MeasuredRowsRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A regressor for targets with missing values. Targets measured on the same rows share one fitted clone of
    `regressor`.

    For a target with fewer than min_rows measured rows, predict its mean, or NaN if it was never measured.
    """

    def __init__(self, regressor: Any, min_rows: int = 3) -> None:
        self.regressor = regressor
        self.min_rows = min_rows

    def fit(self, X: Any, y: Any) -> Self:
        """Fit to X (rows, features) and y (rows, targets) or (rows,). Raises ValueError if y contains only NaN."""
        X, y = validate_data(self, X, y, validate_separately=({"dtype": float}, CHECK_Y_PARAMS))
        self.one_target_ = y.ndim == 1
        targets = y.reshape(len(X), -1)
        self.fitted_ = []  # pairs: column numbers in y, and the regressor that predicts them
        patterns, pattern_of = np.unique(~np.isnan(targets), axis=1, return_inverse=True)
        for number, rows in enumerate(patterns.T):
            columns = np.flatnonzero(pattern_of == number)
            regressor = clone(self.regressor) if rows.sum() >= self.min_rows else DummyRegressor()
            if rows.any():
                measured = targets[np.ix_(rows, columns)]
                self.fitted_.append((columns, regressor.fit(X[rows], measured if len(columns) > 1 else measured[:, 0])))
        if not self.fitted_:
            raise ValueError("no target was measured in any row")
        self.n_targets_ = targets.shape[1]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions (rows, targets), or (rows,) if y was (rows,) in fit."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        predicted = np.full((len(X), self.n_targets_), np.nan)
        for columns, regressor in self.fitted_:
            predicted[:, columns] = regressor.predict(X).reshape(len(X), -1)
        return predicted[:, 0] if self.one_target_ else predicted
