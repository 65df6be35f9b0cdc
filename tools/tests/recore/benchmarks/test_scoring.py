"""The score and the bootstrap of the accuracy benchmark, compared with independent computations."""

import numpy as np
import pytest
from score import WEIGHTS

from benchmarks.comparison import scoring


@pytest.fixture
def assays_and_predictions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return assays (80, 49) with gaps, and good and bad predictions. Some columns have one assay or none."""
    random = np.random.default_rng(8)
    targets = random.gamma(2, 10, (80, 49))
    good, bad = targets + random.normal(size=(80, 49)), targets + 15 * random.normal(size=(80, 49))
    targets[random.random((80, 49)) < 0.3] = np.nan
    targets[:, 30:] = np.nan
    targets[4, 40] = 1.0
    return targets, good, bad


def test_the_score_equals_an_independent_computation(assays_and_predictions: tuple[np.ndarray, ...]) -> None:
    targets, good, bad = assays_and_predictions
    for predicted in (good, bad):
        total = weights = 0.0
        for column in range(30):
            pairs = [(y, p) for y, p in zip(targets[:, column], predicted[:, column], strict=True) if y == y]
            mean = sum(y for y, _ in pairs) / len(pairs)
            r2 = 1 - sum((y - p) ** 2 for y, p in pairs) / sum((y - mean) ** 2 for y, _ in pairs)
            total, weights = total + WEIGHTS[column] * r2, weights + WEIGHTS[column]
        result = scoring.r2_by_target(targets, predicted)
        assert np.isnan(result[30:]).all()
        assert scoring.weighted(result) == pytest.approx(total / weights, rel=1e-12)


def test_resampling_by_counts_equals_the_score_of_repeated_rows(assays_and_predictions: tuple[np.ndarray, ...]) -> None:
    targets, good, _ = assays_and_predictions
    counts = next(scoring.row_counts(np.arange(80) // 20, seed=1))[:5]
    result = scoring.resampled(targets, good, counts)
    for draw, value in zip(counts, result, strict=True):
        assert draw.reshape(4, 20).sum(axis=1).tolist() == [20] * 4  # each draw keeps the size of each stratum
        rows = np.repeat(np.arange(80), draw.astype(int))
        r2 = scoring.r2_by_target(targets[rows], good[rows])
        r2[40] = np.nan  # a row that is drawn several times is still a single row
        assert value == pytest.approx(scoring.weighted(r2), rel=1e-9)


def test_a_model_does_not_differ_from_itself(assays_and_predictions: tuple[np.ndarray, ...]) -> None:
    targets, good, bad = assays_and_predictions
    draws = [
        scoring.bootstrap([targets, targets], [side, side], np.zeros(80), seed=2) for side in (good, good.copy(), bad)
    ]
    assert len(draws[0]) == scoring.DRAWS
    assert scoring.interval(draws[0] - draws[1]) == (0.0, 0.0)
    low, high = scoring.interval(draws[0] - draws[2])
    point = np.subtract(*[scoring.weighted(scoring.r2_by_target(targets, side)) for side in (good, bad)])
    assert 0 < low < point < high
