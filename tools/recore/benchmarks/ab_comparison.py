"""Estimate how often `recore production compare` gives a false verdict on equal variants, and finds a better variant.

    python tools/recore/benchmarks/ab_comparison.py --count 2000

Assays are log-normal. The errors of two variants grow with the assays, are alike within a drill hole, and are
correlated between the 49 targets and between the variants. The constants below reproduce the errors of the template's
model and of PLS on held-out drill holes of the sample data. Their correlation is 0.85 to 0.98, the standard deviation
of their squares is 2.4 times the mean, and sums over a hole vary 12 to 18 times as much as with independent samples.

The first table has the percentage of comparisons of equal variants that give any false verdict, on a target or on the
score, first by drill hole and then with samples counted as independent. In its last row, the variants have the same
RMSE, but one has smaller errors at low grades and larger errors at high grades. For the second table, one variant's
errors are multiplied by 0.9. A first comparison estimates how many more drill holes are needed to decide on one target.
They are added, and the better variant counts as found if a second comparison confirms it.
"""

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # one process for each core

import numpy as np

from recore.challenge import challenge
from recore.production.paired_comparison import Comparison, compare_variants

COUNT = len(challenge().targets)
SCORE_WEIGHTS = np.full(COUNT, 1 / COUNT)
DEVIATION = 0.9  # of the logarithms of assays
FACTORS, COMMON = 5, 0.6  # of all targets, and the share of the variance that they explain
SPECIFIC_SHARE = (1 - COMMON) ** 0.5
LOADINGS = np.random.default_rng(0).standard_normal((FACTORS, COUNT), np.float32)
LOADINGS *= COMMON**0.5 / np.linalg.norm(LOADINGS, axis=0)
ASSAYS_BY_HOLE, ERRORS_BY_HOLE = 0.4, 0.45  # the shares of the variance between holes
GROWTH = (0.5, 0.5)  # the power of the assay to which a variant's errors are proportional
UNEQUAL_GROWTH = (0.6, 0.3)
LOW, HIGH = 0.85, 0.95  # correlations of the errors of two variants

# drill holes, samples of each hole, correlation, growth
EQUAL = (
    (50, 1, LOW, GROWTH),
    (8, 10, LOW, GROWTH),
    (20, 10, LOW, GROWTH),
    (40, 10, LOW, GROWTH),
    (20, 10, LOW, UNEQUAL_GROWTH),
)
BETTER_CASES = ((8, 10, HIGH), (50, 1, HIGH), (20, 10, HIGH), (50, 1, LOW), (20, 10, LOW))
RMSE_RATIO = 0.9  # ratio of the better variant's RMSE to the other variant's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--count",
        type=int,
        default=2000,
        help="comparisons for each row of the first table; half as many for the second",
    )
    arguments = parser.parse_args()
    with ProcessPoolExecutor() as pool:

        def repeat(compare: Callable[[int], tuple[float, ...]], count: int) -> np.ndarray:
            return np.array(list(pool.map(compare, range(count), chunksize=10)))

        print("| equal variants | drill holes | samples | correlation | any false verdict, % | by sample, % |")
        print("|---|---|---|---|---|---|")
        for holes, size, correlation, growth in EQUAL:
            shares = repeat(partial(compare_equal, holes, size, correlation, growth), arguments.count).mean(axis=0)
            name = "same errors" if growth == GROWTH else "same RMSE only"
            print_row(name, holes, holes * size, correlation, *(f"{100 * share:.1f}" for share in shares))
        print("\n| 10% better: correlation | samples at first | samples needed, in total | drill holes | found, % |")
        print("|---|---|---|---|---|")
        for holes, size, correlation in BETTER_CASES:
            results = repeat(partial(compare_better, holes, size, correlation), arguments.count // 2)
            samples, needed_holes, _ = np.median(results, axis=0)
            share_found = f"{100 * results[:, 2].mean():.1f}"
            print_row(correlation, holes * size, f"{samples:.0f}", f"{needed_holes:.0f}", share_found)


def print_row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def compare_equal(
    holes: int, size: int, correlation: float, growth: tuple[float, float], seed: int
) -> tuple[float, float]:
    """Compare equal variants by drill hole and by sample. For each, return 1 if there is a verdict, otherwise 0."""
    random = np.random.default_rng([seed, holes, size])
    hole, assays, errors = draw(random, holes, size, correlation, growth)
    predictions = dict(zip("AB", assays + errors, strict=True))
    comparisons = [compare_variants(assays, predictions, units, SCORE_WEIGHTS)[0] for units in (hole, None)]
    by_hole, by_sample = (float(bool(each.better_score) or (each.better_variants != "").any()) for each in comparisons)
    return by_hole, by_sample


def compare_better(holes: int, size: int, correlation: float, seed: int) -> tuple[float, float, float]:
    """Return the samples and holes needed to decide on one target, and 1 if that many show that B is better, else 0."""
    random = np.random.default_rng([seed, holes, size])
    target = seed % COUNT
    parts = [draw(random, holes, size, correlation)]
    first = compare_scaled(parts)
    if first.more_units[target]:
        parts.append(draw(random, int(first.more_units[target]), size, correlation))
    last = compare_scaled(parts)
    return float(last.samples[target]), float(last.units[target]), float(last.better_variants[target] == "B")


def compare_scaled(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Comparison:
    """Compare two variants, of which the second is better, on samples from several campaigns with separate holes."""
    hole = np.concatenate([number + 1j * hole for number, (hole, _, _) in enumerate(parts)])
    assays = np.concatenate([assays for _, assays, _ in parts])
    errors = np.concatenate([errors for _, _, errors in parts], axis=1)
    predictions = {"A": assays + errors[0], "B": assays + RMSE_RATIO * errors[1]}
    return compare_variants(assays, predictions, hole, SCORE_WEIGHTS)[0]


def draw(
    random: np.random.Generator, holes: int, size: int, correlation: float, growth: tuple[float, float] = GROWTH
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each sample's hole, the assays (samples, targets) and the errors (2, samples, targets) of two variants.

    size: the mean number of samples per hole. Both variants have the same RMSE.
    """
    hole = np.repeat(np.arange(holes), 1 + random.poisson(random.gamma(3, (size - 1) / 3, holes)))
    logarithms = DEVIATION * draw_normal(random, hole, ASSAYS_BY_HOLE)
    shared = draw_normal(random, hole, ERRORS_BY_HOLE)
    errors = [
        # the mean square of assay ** power is exp(2 (power x deviation) ** 2)
        np.exp(power * logarithms - (power * DEVIATION) ** 2)
        * (correlation**0.5 * shared + (1 - correlation) ** 0.5 * draw_normal(random, hole, ERRORS_BY_HOLE))
        for power in growth
    ]
    return hole, np.exp(logarithms).astype(float), np.array(errors, dtype=float)


def draw_normal(random: np.random.Generator, hole: np.ndarray, by_hole: float) -> np.ndarray:
    """Return standard normal numbers (samples, targets). by_hole: the part of the variance that is shared within a
    hole."""

    def draw_rows(count: int) -> np.ndarray:
        common = random.standard_normal((count, FACTORS), np.float32) @ LOADINGS
        return common + SPECIFIC_SHARE * random.standard_normal((count, COUNT), np.float32)

    return by_hole**0.5 * draw_rows(hole[-1] + 1)[hole] + (1 - by_hole) ** 0.5 * draw_rows(len(hole))


if __name__ == "__main__":
    main()
