"""Compare two variants: decide for each target which has smaller errors on samples that both predicted.

The errors of samples from one drill hole are correlated, so the units are holes: E_A and E_B are the sums of squared
errors in a hole, and t is the sum of E_B - E_A divided by its cluster-robust standard error. If two variants are
equally good, their errors in a hole are exchangeable. The distribution of the largest |t| of all targets under random
exchanges therefore gives a simultaneous critical value for all targets (max-T: Westfall and Young, Resampling-Based
Multiple Testing, 1993), for holes of any size and errors of any distribution. The confidence interval for the ratio of
mean squared errors contains all r for which the sum of E_B - r E_A is not significant (Fieller, Journal of the Royal
Statistical Society B 16, 1954, 175-185), so the change is significant if its interval excludes 0.

tools/recore/benchmarks/ab_comparison.py measures the rate of false verdicts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from recore.challenge import challenge
from recore.spectral_data import Floats

Integers = NDArray[np.intp]

EXCHANGES = 2000  # number of random exchanges
BATCH = 1 << 22  # numbers in memory at once
# Planning for 95% achieves at least 80%, because a small sample contains few of the largest errors, and underestimates
# the variance.
POWER = 0.95


@dataclass(frozen=True)
class Comparison:
    """The comparison of the variant `second` with `first`. Arrays have an element for each target.

    by_hole: whether units are drill holes rather than samples. rmse: (2, targets). change, low, high: the relative
    change in RMSE from first to second, and its bounds. more_samples, more_units: how many more are needed to detect
    `difference`, NaN for fewer than min_units units. score_low, score_high: the bounds of the score difference.
    """

    first: str
    second: str
    by_hole: bool
    difference: float
    confidence: float
    min_units: int
    samples: Integers
    units: Integers
    rmse: Floats
    change: Floats
    low: Floats
    high: Floats
    more_samples: Floats
    more_units: Floats
    scores: Floats
    score_low: float
    score_high: float

    @property
    def better_variants(self) -> NDArray[np.str_]:
        """The better variant for each target; "" if undecided."""
        return np.where(self.high < 0, self.second, np.where(self.low > 0, self.first, ""))

    @property
    def better_score(self) -> str:
        """The variant with the better score; "" if undecided."""
        return self.second if self.score_low > 0 else self.first if self.score_high < 0 else ""

    def table(self) -> pd.DataFrame:
        """Return a table with a row for each target; change, low and high are percentages."""
        columns = {
            "first": self.first,
            "second": self.second,
            "target": challenge().targets,
            "samples": self.samples,
            "units": self.units,
            "RMSE first": self.rmse[0],
            "RMSE second": self.rmse[1],
            "change": 100 * self.change,
            "low": 100 * self.low,
            "high": 100 * self.high,
            "better": self.better_variants,
            "more samples": self.more_samples,
        }
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class _Errors:
    """Squared errors of both variants, summed by unit. The last column of `sums` is the score lost to the errors.

    sums: (2, units, targets + 1). counts: samples, (units, targets + 1). best_score: the score without errors.
    """

    sums: Floats
    counts: Floats
    best_score: float

    @cached_property
    def units(self) -> Integers:
        return np.asarray((self.counts > 0).sum(axis=0))

    @cached_property
    def covariances(self) -> Floats:
        """Cluster-robust covariances of the two variants' total errors, (2, 2, targets + 1)."""
        means = self.sums.sum(axis=1) / np.maximum(self.counts.sum(axis=0), 1)  # per sample
        deviations = self.sums - self.counts * means[:, None]
        return np.asarray(np.einsum("aut,but->abt", deviations, deviations))


def compare_variants(
    assays: Floats,
    predictions: Mapping[str, Floats],
    holes: NDArray[Any] | None,
    weights: Floats,
    difference: float = 0.1,
    confidence: float = 0.95,
) -> list[Comparison]:
    """Compare each variant with the first one.

    assays: (samples, targets), NaN where not measured. predictions: the same shape, NaN where not predicted. holes:
    (samples,), or None if unknown: samples then count as independent. weights: (targets,), in the score. difference:
    the smallest relative difference in RMSE worth detecting. confidence: the simultaneous confidence of all intervals.
    """
    first, *others = predictions
    units = np.arange(len(assays)) if holes is None else pd.factorize(holes, sort=True)[0]
    comparisons = []
    level = (1 - confidence) / len(others)
    fewest = min_units(level)
    for name in others:
        errors = _sum_errors(assays, predictions[first], predictions[name], units, weights)
        critical = _find_critical_value(errors, level)
        ratio, low, high = _estimate_ratios(errors, critical, fewest)
        more_units = np.where((low > 1) | (high < 1), 0, _plan(errors, critical, difference, fewest))
        samples, costs = errors.counts.sum(axis=0)[:-1], errors.sums.sum(axis=1)
        (variance_first, covariance), (_, variance_second) = errors.covariances[:, :, -1]
        with np.errstate(invalid="ignore"):
            width = critical * np.sqrt(variance_first - 2 * covariance + variance_second)
            rmse, more_samples = np.sqrt(costs[:, :-1] / samples), np.ceil(more_units * samples / errors.units[:-1])
        comparisons.append(
            Comparison(
                first=first,
                second=name,
                by_hole=holes is not None,
                difference=difference,
                confidence=confidence,
                min_units=fewest,
                samples=samples.astype(int),
                units=errors.units[:-1],
                rmse=rmse,
                change=ratio - 1,
                low=low - 1,
                high=high - 1,
                more_samples=more_samples,
                more_units=more_units,
                scores=errors.best_score - costs[:, -1],
                score_low=float(costs[0, -1] - costs[1, -1] - width),
                score_high=float(costs[0, -1] - costs[1, -1] + width),
            )
        )
    return comparisons


def min_units(level: float) -> int:
    """Return the minimum number of units for a verdict. With fewer, one variant too often wins in all by chance."""
    return math.floor(math.log2(1 / level)) + 2


def _sum_errors(assays: Floats, first: Floats, second: Floats, units: Integers, weights: Floats) -> _Errors:
    """Sum the squared errors by unit, over assayed samples that both variants predicted.

    The score is the sum of weight x R2, as in score.py; the variation of the assays is treated as constant.
    """
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order], prepend=-1))
    assays, first, second = assays[order], first[order], second[order]
    measured = np.isfinite(assays) & np.isfinite(first) & np.isfinite(second)
    samples = measured.sum(axis=0)
    mean = np.where(measured, assays, 0).sum(axis=0) / np.maximum(samples, 1)
    variation = np.where(measured, np.square(assays - mean), 0).sum(axis=0)
    shares = np.divide(weights, variation, out=np.zeros(len(weights)), where=(variation > 0) & (samples > 1))
    squares = np.where(measured, np.square([first - assays, second - assays]), 0.0)
    sums = np.add.reduceat(squares, starts, axis=1)
    counts = np.add.reduceat(measured.astype(float), starts, axis=0)
    all_sums = np.concatenate([sums, (sums @ shares)[:, :, None]], axis=2)
    return _Errors(all_sums, np.column_stack([counts, counts.max(axis=1)]), float(weights[shares > 0].sum()))


def _find_critical_value(errors: _Errors, level: float) -> float:
    """Return the 1 - level quantile, for equally good variants, of the largest |t| over all targets and the score."""
    is_tested = errors.units >= min_units(level)
    if not is_tested.any():
        return np.inf
    random = np.random.default_rng(0)
    difference, counts = (errors.sums[1] - errors.sums[0])[:, is_tested], errors.counts[:, is_tested]
    total, products = counts.sum(axis=0), difference * counts
    squares, squared_counts = np.square(difference).sum(axis=0), np.square(counts).sum(axis=0)
    maxima: list[Floats] = []
    step = max(1, BATCH // len(counts))
    for start in range(0, EXCHANGES, step):
        signs = 2.0 * random.integers(0, 2, (min(step, EXCHANGES - start), len(counts)), np.int8) - 1
        sums = signs @ difference
        mean = sums / total
        variance = squares - 2 * mean * (signs @ products) + mean**2 * squared_counts
        t = np.divide(abs(sums), np.sqrt(np.maximum(variance, 0)), out=np.zeros(sums.shape), where=variance > 0)
        maxima.append(t.max(axis=1))
    return float(np.quantile(np.concatenate(maxima), 1 - level, method="higher")) * (1 + 1e-9)  # rounding errors


def _estimate_ratios(errors: _Errors, critical: float, fewest: int) -> tuple[Floats, Floats, Floats]:
    """Return the ratio of the second variant's RMSE to the first's, and its lower and upper bounds, for each target."""
    first, second = errors.sums.sum(axis=1)[:, :-1]
    covariances = errors.covariances[:, :, :-1]
    # the roots of (S_B - r S_A)^2 = t^2 (V_BB - 2 r V_AB + r^2 V_AA)
    products = np.array([first**2, first * second, second**2])
    with np.errstate(all="ignore"):
        quadratic, linear, constant = products - critical**2 * covariances[[0, 0, 1], [0, 1, 1]]
        root = np.sqrt(np.maximum(linear**2 - quadratic * constant, 0.0))
        has_units = errors.units[:-1] >= fewest
        low = np.where(has_units & (constant > 0), np.sqrt(constant / (linear + root)), 0.0)
        high = np.where(has_units & (quadratic > 0), np.sqrt((linear + root) / quadratic), np.inf)
        return np.sqrt(second / first), low, high


def _plan(errors: _Errors, critical: float, difference: float, fewest: int) -> Floats:
    """Return the number of additional units needed to detect an RMSE that is lower by `difference`, for each target.

    The noncentral t distribution accounts for the uncertainty of a variance estimated from few units (Julious and Owen,
    Pharmaceutical Statistics 5, 2006, 29-37).
    """
    units = errors.units[:-1]
    first, second = errors.sums.sum(axis=1)[:, :-1]
    covariances = errors.covariances[:, :, :-1]
    t = np.full(len(units), np.inf)
    with np.errstate(all="ignore"):
        for ratio in ((1 - difference) ** 2, (1 - difference) ** -2):
            factor = ratio * first / second
            variance = factor**2 * covariances[1, 1] - 2 * factor * covariances[0, 1] + covariances[0, 0]
            t = np.fmin(t, abs(ratio - 1) * first / np.sqrt(variance))
        needed = units * np.square(special.nctdtrit(units - 1, critical, POWER) / t)
        return np.where(units < fewest, np.nan, np.ceil(np.maximum(needed - units, 0.0)))
