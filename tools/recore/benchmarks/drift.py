"""Measure when `recore production monitor` detects drift, and prediction errors outside the applicability domain.

Example:
    python tools/recore/benchmarks/drift.py --public public.csv.gz --private private.csv.gz --actual actual.csv.gz

The files contain soils of several landscapes (SiteID). Each sample counts as a separate drill hole. Without files, the
benchmark uses simulated drill holes only. In each repeat, the soils of a landscape arrive in a different random order,
and different drill holes are simulated.

Landscapes: each one in turn is left out of the training data and then sent. The table shows whether drift is found,
after how many soils, and the rate of false alarms if half of the other soils are the training data and the other half
is sent.

Errors: the template's model predicts samples outside and inside its applicability domain. The traffic is a landscape
that is not in the training data, with held-out soils of the other landscapes, or drill holes with a rock that is not in
the training data. Absolute errors are divided by their target's mean and averaged over the targets. Distances are
computed as for the domain.

Foreign rocks: the traffic is 50 samples a week from drill holes that contain such a rock.

Slow changes: a baseline grows by 1% of the training data's absorbance a week, with 50 samples a week. `monitor` runs at
the end of each week. Errors are computed for all samples with the baseline at the end of the week, and divided by each
target's mean error without it. They have grown if the mean of these ratios is at least 1.1.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # the matrices are small
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tools/recore")]

import numpy as np
from preprocess import DataError
from scipy.stats import spearmanr
from score import DataError as ScoreError

from benchmarks.drift_data import (
    HOLE_SAMPLES,
    WEEK_SAMPLES,
    Samples,
    compute_distances,
    compute_statistics,
    count_until_drift,
    find_week,
    predict_errors,
    read_samples,
    simulate,
    summarise,
)
from benchmarks.methods import parse_with_files
from recore.dataset.geology import ROCK_SHARES
from recore.production.containers.domain import DomainError

FOLDS = 5
GROWTH = 0.01  # of a baseline a week, as a share of the 99th percentile of absorbance; the maximum is noise
LARGER = 1.1  # multiple of the usual errors above which errors have grown
BASELINES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "offset": np.ones_like,
    "slope": lambda positions: positions,
    "curve": lambda positions: 4 * positions * (1 - positions),
    "none": np.zeros_like,
}  # functions of the position along the spectrum, from 0 to 1
ERROR_TITLES = ["samples", "outside", "error outside / inside", "rank correlation of distance and error"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="repeats of each traffic (%(default)s)")
    parser.add_argument("--resamplings", type=int, default=200, help="repeats for the false-alarm rate (%(default)s)")
    holes_help = f"simulated drill holes for training and for each traffic, {HOLE_SAMPLES} samples each (%(default)s)"
    parser.add_argument("--holes", type=int, default=100, help=holes_help)
    arguments = parse_with_files(parser, parser)
    if arguments.public:
        soils = read_samples(arguments.public, arguments.private, arguments.actual)
        titles = ["left out", "soils", "found", "after soils", "false alarms, %"]
        print_table(titles, compare_landscapes(soils, arguments.repeats, arguments.resamplings))
        print_table(["left out", *ERROR_TITLES], measure_landscapes(soils))
    titles = ["foreign rock", *ERROR_TITLES, "errors / with the rock in training", "drift found", "in week"]
    print_table(titles, compare_rocks(arguments.holes, arguments.repeats))
    titles = ["baseline", "drift found", "in week", f"errors +{100 * LARGER - 100:.0f}% in week"]
    print_table(titles, compare_baselines(arguments.holes, arguments.repeats))


def print_table(titles: Sequence[str], rows: Iterator[list[object]]) -> None:
    print(f"\n| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for cells in rows:
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def format_found(numbers: Sequence[int | None]) -> list[object]:
    """Return the number of repeats in which drift was found, and the median and range of `numbers` without None."""
    found = [number for number in numbers if number is not None]
    spread = f"{np.median(found):g} ({min(found)} to {max(found)})" if found else "-"
    return [f"{len(found)} of {len(numbers)}", spread]


# ---- Landscapes ------------------------------------------------------------------------------------------
def compare_landscapes(soils: Samples, repeats: int, resamplings: int) -> Iterator[list[object]]:
    """Yield a row per landscape: how many soils arrive before drift is found, and the other soils' false-alarm rate."""
    for name in np.unique(soils.sites):
        random = np.random.default_rng(0)
        others, sent = soils.take(soils.sites != name), soils.take(soils.sites == name)
        trained_on = summarise(others)
        statistics = compute_statistics(trained_on, sent)
        counts = [count_until_drift(trained_on, random.permutation(statistics)) for _ in range(repeats)]
        alarms = sum(is_false_alarm(others, random) for _ in range(resamplings))
        yield [name, len(sent), *format_found(counts), f"{100 * alarms / resamplings:.1f}"]


def is_false_alarm(soils: Samples, random: np.random.Generator) -> bool:
    """Return whether drift is found if a random half of the soils is the training data and the other half is sent."""
    order = random.permutation(len(soils))
    half = len(soils) // 2
    trained_on = summarise(soils.take(order[:half]))
    return count_until_drift(trained_on, compute_statistics(trained_on, soils.take(order[half:]))) is not None


# ---- Errors ----------------------------------------------------------------------------------------------
def measure_landscapes(soils: Samples) -> Iterator[list[object]]:
    """Yield a row per landscape: the errors outside and inside the applicability domain of the other landscapes."""
    for name in np.unique(soils.sites):
        outside_rows, other_rows = np.flatnonzero(soils.sites == name), np.flatnonzero(soils.sites != name)
        folds = np.random.default_rng(0).permutation(len(other_rows)) % FOLDS
        # soils of the others are held out once, soils of the landscape always, so their values are means
        logarithms = np.full((FOLDS, len(soils)), np.nan)
        errors = np.full((FOLDS, *soils.targets.shape), np.nan)
        for fold in range(FOLDS):
            training = soils.take(other_rows[folds != fold])
            rows = np.concatenate([outside_rows, other_rows[folds == fold]])
            sent = soils.take(rows)
            logarithms[fold, rows] = np.log(compute_distances(summarise(training), sent))
            errors[fold, rows] = predict_errors(training, [sent])[0]
        measured = np.isfinite(soils.targets).any(axis=0)
        yield [name, *compare_errors(np.exp(average_known(logarithms)), average_known(errors[:, :, measured]))]


def average_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of `values` along the first axis, ignoring NaN, or NaN where all values are NaN."""
    mask = np.isfinite(values)
    counts = mask.sum(axis=0)
    return np.where(mask, values, 0).sum(axis=0) / np.where(counts, counts, np.nan)


def compare_errors(distances: np.ndarray, errors: np.ndarray) -> list[object]:
    """Return cells for ERROR_TITLES. errors: (rows, targets). distances: (rows,), greater than 1 outside the domain."""
    error = average_known((errors / average_known(errors)).T)
    rows = np.isfinite(error)
    distances, error = distances[rows], error[rows]
    outside = distances > 1
    mixed = outside.any() and not outside.all()
    ratio = f"{np.median(error[outside]) / np.median(error[~outside]):.2f}" if mixed else "-"
    return [len(error), int(outside.sum()), ratio, f"{spearmanr(distances, error).statistic:.2f}"]


# ---- Simulated drill holes -------------------------------------------------------------------------------
def compare_rocks(hole_count: int, repeats: int) -> Iterator[list[object]]:
    """Yield a row per rock that the training data lack: the errors on holes that contain it, and when drift is found.

    The first row is for training data with all rocks. The last error is relative to a model trained on all rocks.
    """
    usual: np.ndarray | None = None
    for rock in (None, *ROCK_SHARES):
        distances, errors, weeks = [], [], []
        for repeat in range(repeats):
            training, foreign = simulate(hole_count, 3 * repeat, rock), simulate(hole_count, 3 * repeat + 2)
            trained_on = summarise(training)
            distances.append(compute_distances(trained_on, foreign))
            errors += predict_errors(training, [foreign])
            weeks.append(find_week(trained_on, foreign.in_random_order(np.random.default_rng([0, repeat]))))
        means = np.mean(errors, axis=(0, 1))
        usual = means if usual is None else usual
        comparison = compare_errors(np.concatenate(distances), np.concatenate(errors))
        yield [rock or "none", *comparison, f"{np.mean(means / usual):.2f}", *format_found(weeks)]


def compare_baselines(hole_count: int, repeats: int) -> Iterator[list[object]]:
    """Yield a row per shape of baseline: the week in which drift is found, and the week in which errors have grown."""
    for name, baseline in BASELINES.items():
        weeks, error_weeks = [], []
        for repeat in range(repeats):
            training, traffic = (simulate(hole_count, 3 * repeat + number) for number in range(2))
            positions = np.linspace(0, 1, training.spectra.shape[1])
            weekly = GROWTH * np.quantile(training.spectra, 0.99) * baseline(positions)
            error_weeks.append(find_growth(training, traffic, weekly))
            sent = traffic.in_random_order(np.random.default_rng([0, repeat]))
            begun = np.arange(1, len(sent) + 1)[:, None] / WEEK_SAMPLES  # weeks
            weeks.append(find_week(summarise(training), replace(sent, spectra=sent.spectra + begun * weekly)))
        yield [name, *format_found(weeks), format_found(error_weeks)[1]]


def find_growth(training: Samples, traffic: Samples, weekly: np.ndarray) -> int | None:
    """Return the first week at the end of which errors on the traffic have grown, or None if they never grow.

    weekly: (channels,), the amount added to each spectrum per week.
    """
    weeks = range(len(traffic) // WEEK_SAMPLES + 1)
    changed = [replace(traffic, spectra=traffic.spectra + week * weekly) for week in weeks]
    errors = [each.mean(axis=0) for each in predict_errors(training, changed)]
    return next((week for week in weeks if np.mean(errors[week] / errors[0]) >= LARGER), None)


if __name__ == "__main__":
    try:
        main()
    except (DataError, DomainError, ScoreError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"drift.py: {str(error) or 'interrupted'}")
