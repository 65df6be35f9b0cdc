"""The weighted score of predictions, and how far a difference between two methods can be trusted."""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import r2_score

from score import WEIGHTS

DRAWS = 2000  # of the bootstrap
AT_ONCE = 200  # of them in memory


def r2_by_target(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """R2 of each target, (targets,), on the rows where it was measured; NaN where these are fewer than two.

    targets, predicted: (rows, targets). Raises ValueError where a measured value has no finite prediction.
    """
    r2 = np.full(targets.shape[1], np.nan)
    for column, measured in enumerate(~np.isnan(targets.T)):
        if measured.sum() >= 2:
            r2[column] = r2_score(targets[measured, column], predicted[measured, column])
    return r2


def weighted(r2: np.ndarray) -> np.ndarray:
    """The score of R2s (..., 49): their mean by the challenge's weights, over those that are no NaN."""
    weights = np.where(np.isnan(r2), 0.0, WEIGHTS)
    total = weights.sum(axis=-1)
    return (np.nan_to_num(r2) * weights).sum(axis=-1) / np.where(total > 0, total, np.nan)


def bootstrap(targets: list[np.ndarray], predicted: list[np.ndarray], strata: np.ndarray, seed: int) -> np.ndarray:
    """Scores (draws,) of resampled held-out rows (Efron, 1979): the mean over the repeats of each draw's scores.

    targets, predicted: for each repeat of the folds, (rows, 49). Rows are drawn with replacement within each of `strata`
    (rows,), the same ones for all targets and all repeats; and, with the same seed, for all methods, so that two
    methods' draws can be subtracted. Nothing is fitted anew: the chance in the training rows is not in them.
    """
    return np.concatenate(
        [
            np.mean([resampled(*repeat, counts) for repeat in zip(targets, predicted, strict=True)], axis=0)
            for counts in row_counts(strata, seed)
        ]
    )


def interval(difference: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a difference between two methods' draws (draws,)."""
    low, high = np.nanpercentile(difference, [2.5, 97.5])
    return float(low), float(high)


def row_counts(strata: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield (draws, rows): how often each row comes in a draw of as many rows from each stratum as it has."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for _ in range(DRAWS // AT_ONCE):
        counts = np.zeros((AT_ONCE, len(strata)))
        for rows in members:
            counts[:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=AT_ONCE)
        yield counts


def resampled(targets: np.ndarray, predicted: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The score, (draws,), when each row counts as often as `counts` (draws, rows) says.

    A target is left out of a draw in which its rows are all alike, for both methods, as R2 is then undefined.
    """
    measured = ~np.isnan(targets)
    centred = np.where(measured, targets - np.nanmean(np.where(measured.any(axis=0), targets, 0.0), axis=0), 0.0)
    error = counts @ np.where(measured, targets - predicted, 0.0) ** 2
    rows = np.maximum(counts @ measured, 1.0)
    spread = counts @ centred**2 - (counts @ centred) ** 2 / rows
    varied = spread > 1e-9 * (centred**2).sum(axis=0)
    return weighted(np.where(varied, 1 - error / np.where(varied, spread, 1.0), np.nan))
