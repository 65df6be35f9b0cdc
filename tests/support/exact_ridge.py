"""The fits of ridge.GroupRidgeCV, computed one fold and target at a time with a singular value decomposition."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import PredefinedSplit


@dataclass(frozen=True)
class ExactFit:
    """One target's alpha, predictions for all rows, held-out predictions of the first split, and errors by alpha."""

    alpha: float
    predicted: np.ndarray
    held_out: np.ndarray
    errors: dict[float, float]


def fit(x: np.ndarray, y: np.ndarray, splits: list[np.ndarray], alphas: np.ndarray) -> ExactFit:
    """Fit y (rows,), NaN where not measured, to x (rows, features). splits: the fold numbers (rows,) of each split."""
    measured = ~np.isnan(y)
    variation = ((y[measured] - y[measured].mean()) ** 2).sum()
    errors, held_out = dict.fromkeys(alphas, 0.0), {alpha: np.full(len(y), np.nan) for alpha in alphas}
    for number, split in enumerate(splits):
        squares = dict.fromkeys(alphas, 0.0)
        for training_rows, held_out_rows in PredefinedSplit(split).split():
            training_rows = training_rows[measured[training_rows]]
            if len(training_rows):
                for alpha, predicted in predictions(
                    x[training_rows], y[training_rows], x[held_out_rows], alphas
                ).items():
                    squares[alpha] += np.nansum((y[held_out_rows] - predicted) ** 2)
                    if number == 0:
                        held_out[alpha][held_out_rows] = predicted
        for alpha in alphas:
            errors[alpha] += min(squares[alpha], variation)
    best = min(sorted(alphas, reverse=True), key=errors.__getitem__)
    return ExactFit(best, predictions(x[measured], y[measured], x, [best])[best], held_out[best], errors)


def predictions(x: np.ndarray, y: np.ndarray, new_rows: np.ndarray, alphas: np.ndarray) -> dict[float, np.ndarray]:
    """Return the predictions of Ridge(alpha, solver="svd") for new rows, by alpha, from a single decomposition."""
    mean = x.mean(axis=0)
    u, s, v = np.linalg.svd(x - mean, full_matrices=False)
    projected_y, projected_rows = u.T @ (y - y.mean()), (new_rows - mean) @ v.T
    is_nonzero = s > 1e-15  # the same limit as in scikit-learn
    return {
        alpha: y.mean() + projected_rows[:, is_nonzero] @ (s / (s**2 + alpha) * projected_y)[is_nonzero]
        for alpha in alphas
    }
