"""The fits of ridge.GroupRidgeCV, computed one at a time by scikit-learn's Ridge."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit


@dataclass(frozen=True)
class Exact:
    """One target's alpha, predictions of all rows, held-out predictions of the first split, and errors by alpha."""

    alpha: float
    predicted: np.ndarray
    held_out: np.ndarray
    errors: dict[float, float]


def fit(x: np.ndarray, y: np.ndarray, splits: list[np.ndarray], alphas: np.ndarray) -> Exact:
    """x (rows, features); y (rows,) with NaN where not measured; splits: numbers of the folds (rows,) of each split."""
    measured = ~np.isnan(y)
    variation = ((y[measured] - y[measured].mean()) ** 2).sum()
    errors, held_out = dict.fromkeys(alphas, 0.0), {alpha: np.full(len(y), np.nan) for alpha in alphas}
    for number, split in enumerate(splits):
        for alpha in alphas:
            squares = 0.0
            for rest, held in PredefinedSplit(split).split():
                rest = rest[measured[rest]]
                if len(rest):
                    predicted = Ridge(alpha, solver="svd").fit(x[rest], y[rest]).predict(x[held])
                    squares += np.nansum((y[held] - predicted) ** 2)
                    if number == 0:
                        held_out[alpha][held] = predicted
            errors[alpha] += min(squares, variation)
    best = min(sorted(alphas, reverse=True), key=errors.__getitem__)
    model = Ridge(best, solver="svd").fit(x[measured], y[measured])
    return Exact(best, model.predict(x), held_out[best], errors)
