"""The fits of ridge.GroupRidgeCV, computed one fold and target at a time with a singular value decomposition."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import PredefinedSplit


@dataclass(frozen=True)
class Exact:
    """One target's alpha, predictions of all rows, held-out predictions of the first split, and errors by alpha."""

    alpha: float
    predicted: np.ndarray
    held_out: np.ndarray
    errors: dict[float, float]


def fit(x: np.ndarray, y: np.ndarray, splits: list[np.ndarray], alphas: np.ndarray) -> Exact:
    """Fit x (rows, features) to y (rows,), which is NaN if not measured. splits: each split's fold numbers (rows,)."""
    measured = ~np.isnan(y)
    variation = ((y[measured] - y[measured].mean()) ** 2).sum()
    errors, held_out = dict.fromkeys(alphas, 0.0), {alpha: np.full(len(y), np.nan) for alpha in alphas}
    for number, split in enumerate(splits):
        squares = dict.fromkeys(alphas, 0.0)
        for rest, held in PredefinedSplit(split).split():
            rest = rest[measured[rest]]
            if len(rest):
                for alpha, predicted in predictions(x[rest], y[rest], x[held], alphas).items():
                    squares[alpha] += np.nansum((y[held] - predicted) ** 2)
                    if number == 0:
                        held_out[alpha][held] = predicted
        for alpha in alphas:
            errors[alpha] += min(squares[alpha], variation)
    best = min(sorted(alphas, reverse=True), key=errors.__getitem__)
    return Exact(best, predictions(x[measured], y[measured], x, [best])[best], held_out[best], errors)


def predictions(x: np.ndarray, y: np.ndarray, others: np.ndarray, alphas: np.ndarray) -> dict[float, np.ndarray]:
    """Return what Ridge(alpha, solver="svd") predicts for other rows, by alpha, from a single decomposition."""
    mean = x.mean(axis=0)
    u, s, v = np.linalg.svd(x - mean, full_matrices=False)
    along, onto = u.T @ (y - y.mean()), (others - mean) @ v.T
    kept = s > 1e-15  # the same limit as in scikit-learn
    return {alpha: y.mean() + onto[:, kept] @ (s / (s**2 + alpha) * along)[kept] for alpha in alphas}
