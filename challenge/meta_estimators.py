"""Meta-estimators for assays around any scikit-learn regressor: gaps, targets without any assay, limits.

    LimitedRegressor(PerTargetRegressor(PLSRegression(n_components=15, scale=False)))

This file is uploaded with the submission, so that a pickled model can be loaded.
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.metrics import r2_score
from sklearn.utils import Tags, _safe_indexing, check_array, get_tags
from sklearn.utils.validation import _check_method_params, check_consistent_length, check_is_fitted, validate_data


class _TargetsRegressor(MultiOutputMixin, RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """A regressor around another one, for one target or several, with gaps."""

    def _training_data(self, X: Any, Y: Any) -> tuple[Any, np.ndarray]:
        """Return X as the inner regressor gets it, and the targets (rows, targets), NaN where not measured."""
        if Y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X = self._features(X, reset=True)
        targets = check_array(Y, dtype=float, ensure_2d=False, ensure_all_finite="allow-nan", input_name="Y")
        check_consistent_length(X, targets)
        self.one_target_ = targets.ndim == 1
        return X, targets.reshape(len(targets), -1)

    def _features(self, X: Any, reset: bool = False) -> Any:
        """Return a DataFrame unchanged, as the inner regressor needs its names; convert anything else to an array."""
        if hasattr(X, "iloc"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(self, X, reset=reset, accept_sparse="csr", ensure_all_finite=False)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean R2 of the targets, each on its measured rows; a target with fewer than two is left out.

        X (rows, features); y (rows, targets) or (rows,), NaN where not measured; sample_weight (rows,) or None.
        """
        targets = np.asarray(y, dtype=float).reshape(len(y), -1)
        predicted = self.predict(X).reshape(targets.shape)
        weight = np.ones(len(targets)) if sample_weight is None else np.asarray(sample_weight)
        usable = ~np.isnan(targets) & ~np.isnan(predicted)
        scores = [
            r2_score(assays[rows], predictions[rows], sample_weight=weight[rows])
            for assays, predictions, rows in zip(targets.T, predicted.T, usable.T, strict=True)
            if rows.sum() > 1
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Tags:
        tags, inner = super().__sklearn_tags__(), get_tags(self.regressor)
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        tags.regressor_tags.poor_score = inner.regressor_tags.poor_score
        tags.non_deterministic = inner.non_deterministic
        return tags


class PerTargetRegressor(_TargetsRegressor):
    """A clone of `regressor` for each target, fitted to the rows where that target was measured.

    A target without any measured row is predicted as NaN.

    min_rows: how many rows the regressor needs; a target with fewer measured rows is predicted as their mean.

    regressors_: the fitted clones, None for a target without any measured row.
    """

    def __init__(self, regressor: Any, min_rows: int = 1) -> None:
        self.regressor = regressor
        self.min_rows = min_rows

    def fit(self, X: Any, Y: Any, **fit_params: Any) -> Self:
        """X (rows, features); Y (rows, targets) or (rows,), NaN where not measured.

        fit_params: passed to each fit; of an array with a value for each row, such as groups, only the measured rows.
        Raises ValueError, with the target's name and number of rows, if the regressor cannot be fitted to them.
        """
        names = [str(name) for name in getattr(Y, "columns", ())]
        X, targets = self._training_data(X, Y)
        self.regressors_ = []
        for column, values in enumerate(targets.T):
            rows = np.flatnonzero(~np.isnan(values))
            regressor = clone(self.regressor) if len(rows) >= self.min_rows else DummyRegressor()
            params = _check_method_params(X, fit_params, rows) if len(rows) >= self.min_rows else {}
            try:
                fitted = regressor.fit(_safe_indexing(X, rows), values[rows], **params) if len(rows) else None
            except ValueError as error:
                name = names[column] if names else f"number {column}"
                error.add_note(f"target {name}: number of measured rows that it was fitted to: {len(rows)}")
                raise
            self.regressors_.append(fitted)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions (rows, targets), or (rows,) if Y had no second dimension."""
        check_is_fitted(self)
        X = self._features(X)
        never = np.full(X.shape[0], np.nan)
        columns = [never if fitted is None else np.ravel(fitted.predict(X)) for fitted in self.regressors_]
        return columns[0] if self.one_target_ else np.column_stack(columns)


class LimitedRegressor(_TargetsRegressor):
    """Limits the predictions of `regressor` to about the range of the assays that it was fitted to.

    beyond: how far a prediction may exceed the smallest and the largest assay of a target, as a share of the range
    between them. lowest: the smallest prediction whatever the assays are, because no assay is negative.

    regressor_: the fitted regressor. limits_: the smallest and the largest prediction (2, targets).
    """

    def __init__(self, regressor: Any, beyond: float = 0.2, lowest: float = 0.0) -> None:
        self.regressor = regressor
        self.beyond = beyond
        self.lowest = lowest

    def fit(self, X: Any, Y: Any, **fit_params: Any) -> Self:
        """X (rows, features); Y (rows, targets) or (rows,), NaN where not measured. fit_params: for the regressor."""
        X, targets = self._training_data(X, Y)
        array = targets[:, 0] if self.one_target_ else targets
        self.regressor_ = clone(self.regressor).fit(X, Y if hasattr(Y, "columns") else array, **fit_params)
        self.limits_ = self._limits(targets)
        if hasattr(self.regressor_, "held_out_"):
            folds = self.regressor_.test_fold_
            others = [targets[folds != fold] for fold in range(folds.max() + 1)]
            self._fold_limits = np.array([self._limits(assays) for assays in others or [targets]])
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions (rows, targets), or (rows,) if Y had no second dimension, within the limits."""
        check_is_fitted(self)
        low, high = self.limits_[:, 0] if self.one_target_ else self.limits_
        return np.clip(self.regressor_.predict(self._features(X)), low, high)

    @property
    def held_out_(self) -> np.ndarray:
        """The regressor's held-out predictions (rows, targets), each within the limits of the other folds' assays.

        Raises AttributeError if the regressor has no `held_out_` and `test_fold_`.
        """
        low, high = np.moveaxis(self._fold_limits[self.regressor_.test_fold_], 1, 0)
        return np.clip(self.regressor_.held_out_, low, high)

    def _limits(self, targets: np.ndarray) -> np.ndarray:
        low, high = np.fmin.reduce(targets), np.fmax.reduce(targets)
        beyond = self.beyond * (high - low)
        return np.maximum([low - beyond, high + beyond], self.lowest)
