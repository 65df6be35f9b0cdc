"""The weighted score of predictions, and intervals of the difference between two methods."""

from collections.abc import Iterator

import numpy as np
from score import WEIGHTS
from sklearn.metrics import r2_score

DRAWS = 2000  # draws of the bootstrap
BATCH = 200  # draws in memory at a time


def r2_by_target(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return R2 of each target, (targets,), on the rows where it was measured; NaN for fewer than two rows.

    targets, predicted: (rows, targets). Raises ValueError if a measured value has no finite prediction.
    """
    r2 = np.full(targets.shape[1], np.nan)
    for column, measured in enumerate(~np.isnan(targets.T)):
        if measured.sum() >= 2:
            r2[column] = r2_score(targets[measured, column], predicted[measured, column])
    return r2


def weighted(r2: np.ndarray) -> np.ndarray:
    """Return the score of R2s (..., 49): their mean by the challenge's weights, over those that are not NaN."""
    weights = np.where(np.isnan(r2), 0.0, WEIGHTS)
    total = weights.sum(axis=-1)
    return (np.nan_to_num(r2) * weights).sum(axis=-1) / np.where(total > 0, total, np.nan)


def bootstrap(targets: list[np.ndarray], predicted: list[np.ndarray], strata: np.ndarray, seed: int) -> np.ndarray:
    """Return scores (draws,) of resampled held-out rows (Efron, 1979): each draw's mean score over the repeats.

    targets, predicted: for each repeat of the folds, (rows, 49). Rows are drawn with replacement within each stratum of
    `strata` (rows,). The same rows are drawn for all targets and repeats and, with the same seed, for all methods, so
    that two methods' draws can be subtracted. No model is fitted again: the draws do not reflect the choice of training
    rows.
    """
    return np.concatenate(
        [
            np.mean([resampled(*repeat, counts) for repeat in zip(targets, predicted, strict=True)], axis=0)
            for counts in row_counts(strata, seed)
        ]
    )


def interval(difference: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a difference between two methods' draws (draws,)."""
    low, high = np.nanpercentile(difference, [2.5, 97.5])
    return float(low), float(high)


def row_counts(strata: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield (draws, rows): how often each row occurs in a draw; a draw has as many rows of a stratum as the data."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for _ in range(DRAWS // BATCH):
        counts = np.zeros((BATCH, len(strata)))
        for rows in members:
            counts[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=BATCH)
        yield counts


def resampled(targets: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the score, (draws,), in which each row counts as often as `counts` (draws, rows) says.

    A target is left out of a draw in which all its rows are equal, because R2 is then undefined.
    """
    measured = ~np.isnan(targets)
    centred = np.where(measured, targets - np.nanmean(np.where(measured.any(axis=0), targets, 0.0), axis=0), 0.0)
    error = counts @ np.where(measured, targets - predicted, 0.0) ** 2
    rows = np.maximum(counts @ measured, 1.0)
    spread = counts @ centred**2 - (counts @ centred) ** 2 / rows
    varied = spread > 1e-9 * (centred**2).sum(axis=0)
    return weighted(np.where(varied, 1 - error / np.where(varied, spread, 1.0), np.nan))
