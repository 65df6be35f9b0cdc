"""What `recore production monitor` finds, and whether predictions are worse where it says that spectra are strange.

Example:
    python tools/recore/benchmarks/drift.py --public public.csv.gz --private private.csv.gz --actual actual.csv.gz

The files are soils of several landscapes (SiteID), each sample a drill hole of its own; without files, the benchmark
uses simulated drill holes only. The soils of a landscape arrive in another random order in each repeat, and each repeat
has other simulated drill holes.

Landscapes: each is left out of the training in turn and then sent. Is drift found, and after how many soils? How often
is there a false alarm if half of the other soils are the training, and the other half is sent?

Errors: those of the template's model on samples outside and inside of its domain. The traffic is a landscape that is
not in the training, with other soils of the training's landscapes (each fifth of them in turn); or drill holes with a
rock that is not in the training. An error is the mean over the targets of absolute errors, each in units of its
target's mean. The distance is that of the domain; the interval of its rank correlation with the error is that of a
bootstrap over drill holes.

A foreign rock: the traffic is 50 samples a week, a tenth of them, or its usual share, of that rock.

Slow changes: a baseline grows by 1 % of the training's absorbance a week, with 50 samples a week. `monitor`
looks at the end of each week. Errors are those of all samples with the baseline of the week's end, in units of their
mean without it; they have grown by 10 % if the mean over the targets has.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[variable] = "1"  # the matrices are small
ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tools/recore")]

import numpy as np
from preprocess import DataError
from scipy.stats import binomtest, spearmanr
from score import DataError as ScoreError

from benchmarks.drift_data import (
    LARGER,
    SAMPLES_A_HOLE,
    SAMPLES_A_WEEK,
    Samples,
    compute_distances,
    compute_statistics,
    count_until_drift,
    find_week,
    join,
    learn,
    predict_errors,
    read_samples,
    simulate,
)
from benchmarks.drift_tables import Row, show_baselines, show_errors, show_landscapes, show_rocks
from recore.dataset.geology import SHARE
from recore.production.client_spectra import TrainedOn
from recore.production.containers.domain import FEWEST_HOLES, DomainError
from recore.production.monitoring import FALSE_ALARMS

FOLDS = 5
DRAWS = 1000  # of the bootstrap
FOREIGN = 0.1  # the share of the samples that are of a foreign rock
GROWTH = 0.01  # of a baseline a week, as a share of the 99th percentile of absorbance: the maximum is noise
BASELINES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "offset": np.ones_like,
    "slope": lambda places: places,
    "curve": lambda places: 4 * places * (1 - places),
    "none": np.zeros_like,
}  # of places along the spectrum, from 0 to 1


def main() -> None:
    arguments = parse()
    files = arguments.public, arguments.private, arguments.actual
    soils = read_samples(*files) if arguments.public else None
    result: dict[str, Any] = {"seed": arguments.seed, "false_alarms": FALSE_ALARMS}
    if soils:
        result["landscapes"] = list(compare_landscapes(soils, arguments))
        show_landscapes(result["landscapes"])
        result["errors_of_landscapes"] = list(measure_landscapes(soils, arguments.seed))
        show_errors("left out", result["errors_of_landscapes"])
    result["rocks"] = list(compare_rocks(arguments))
    show_errors("foreign rock", result["rocks"])
    show_rocks(result["rocks"])
    result["baselines"] = list(compare_baselines(arguments))
    show_baselines(result["baselines"])
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1), "utf-8")


def parse() -> argparse.Namespace:
    """Parse the arguments; invalid ones end the program with exit status 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--public", type=Path, metavar="FILE", help="data file with assays")
    parser.add_argument("--private", type=Path, metavar="FILE", help="data file without; needs --actual")
    parser.add_argument("--actual", type=Path, metavar="FILE", help="the assays of the private file's rows")
    parser.add_argument("--repeats", type=at_least(1), default=20, help="of each traffic (%(default)s)")
    parser.add_argument(
        "--resamplings", type=at_least(1), default=200, help="for the rate of false alarms (%(default)s)"
    )
    parser.add_argument(
        "--holes",
        type=at_least(FEWEST_HOLES),
        default=100,
        help=f"simulated drill holes of each training and traffic, {SAMPLES_A_HOLE} samples each (%(default)s)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, help="seed of the random numbers (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to this file")
    arguments = parser.parse_args()
    if bool(arguments.private) != bool(arguments.actual) or (arguments.private and not arguments.public):
        parser.error("--private and --actual go together, beside --public")
    return arguments


def at_least(least: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers that are at least `least`."""

    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, at least {least}")
        return int(text)

    return whole_number


# ---- Landscapes ------------------------------------------------------------------------------------------
def compare_landscapes(soils: Samples, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield for each landscape after how many soils it was found, and the false alarms without it.

    after: the number of soils of each repeat, null if the landscape was not found.
    """
    for name in np.unique(soils.sites):
        random = np.random.default_rng(arguments.seed)
        others, sent = soils.take(soils.sites != name), soils.take(soils.sites == name)
        trained_on = learn(others)
        statistics = compute_statistics(trained_on, sent)
        after = [count_until_drift(trained_on, random.permutation(statistics)) for _ in range(arguments.repeats)]
        alarms = sum(is_false_alarm(others, random) for _ in range(arguments.resamplings))
        interval = binomtest(alarms, arguments.resamplings).proportion_ci(0.95, "exact")
        yield {
            "name": str(name),
            "soils": len(sent),
            "after": after,
            "false_alarms": alarms,
            "resamplings": arguments.resamplings,
            "rate": alarms / arguments.resamplings,
            "low": float(interval.low),
            "high": float(interval.high),
        }


def is_false_alarm(soils: Samples, random: np.random.Generator) -> bool:
    """Whether drift is found if a random half of the soils is the training and the other half is sent."""
    order = random.permutation(len(soils))
    half = len(soils) // 2
    trained_on = learn(soils.take(order[:half]))
    return count_until_drift(trained_on, compute_statistics(trained_on, soils.take(order[half:]))) is not None


# ---- Errors ----------------------------------------------------------------------------------------------
def measure_landscapes(soils: Samples, seed: int) -> Iterator[Row]:
    """Yield for each landscape the errors outside and inside of the domain of the others."""
    for name in np.unique(soils.sites):
        outside_rows, other_rows = np.flatnonzero(soils.sites == name), np.flatnonzero(soils.sites != name)
        folds = np.random.default_rng(seed).permutation(len(other_rows)) % FOLDS
        # each soil of the others is held out once, those of the landscape always: their values are means
        logarithms = np.full((FOLDS, len(soils)), np.nan)
        errors = np.full((FOLDS, *soils.targets.shape), np.nan)
        for fold in range(FOLDS):
            training = soils.take(other_rows[folds != fold])
            rows = np.concatenate([outside_rows, other_rows[folds == fold]])
            sent = soils.take(rows)
            logarithms[fold, rows] = np.log(compute_distances(learn(training), sent))
            errors[fold, rows] = predict_errors(training, [sent])[0]
        measured = np.isfinite(soils.targets).any(axis=0)
        means = [mean_of_known(values) for values in (logarithms, errors[:, :, measured])]
        yield {"name": str(name)} | compare_errors(np.exp(means[0]), means[1], soils.holes, seed)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """The mean along the first axis of values that are not NaN; NaN where there are none."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    return np.where(known, values, 0).sum(axis=0) / np.where(counts, counts, np.nan)


def compare_errors(distances: np.ndarray, errors: np.ndarray, holes: np.ndarray, seed: int) -> Row:
    """Compare errors (rows, targets) of samples outside the domain with those inside, and distances with errors."""
    error = mean_of_known((errors / mean_of_known(errors)).T)
    rows = np.isfinite(error)
    distances, error, holes = distances[rows], error[rows], holes[rows]
    outside = distances > 1
    low, high = bootstrap_correlation(distances, error, holes, seed)
    medians = [float(np.median(error[part])) if part.any() else None for part in (outside, ~outside)]
    return {
        "samples": len(error),
        "outside": int(outside.sum()),
        "median_outside": medians[0],
        "median_inside": medians[1],
        "ratio": None if None in medians else medians[0] / medians[1],
        "correlation": float(spearmanr(distances, error).statistic),
        "low": low,
        "high": high,
    }


def bootstrap_correlation(
    distances: np.ndarray, error: np.ndarray, holes: np.ndarray, seed: int
) -> tuple[float, float]:
    """The 95 % interval of the rank correlation, from a bootstrap that draws drill holes."""
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(holes == hole) for hole in np.unique(holes)]
    correlations = []
    for _ in range(DRAWS):
        rows = np.concatenate([members[number] for number in random.integers(len(members), size=len(members))])
        correlations.append(spearmanr(distances[rows], error[rows]).statistic)
    low, high = np.percentile(correlations, [2.5, 97.5])
    return float(low), float(high)


# ---- Foreign rocks ---------------------------------------------------------------------------------------
def compare_rocks(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield for each rock that is not in the training the errors on drill holes with it, and when drift is found.

    The first training has all rocks. growth: the mean over the targets of the errors on the same drill holes, in units
    of those after the first training. traffic: for each share of the samples that are of the rock, the week of each
    repeat in which drift is found, null without drift.
    """
    usual: np.ndarray | None = None
    for rock in (None, *SHARE):
        distances, errors, holes = [], [], []
        weeks: dict[float, list[int | None]] = {share: [] for share in sorted({FOREIGN, SHARE[rock]} if rock else {0})}
        for repeat in range(arguments.repeats):
            random, (seed, *seeds) = make_seeds(arguments.seed, repeat)
            training = simulate(arguments.holes, seed, rock)
            familiar, foreign = (simulate(arguments.holes, *each) for each in zip(seeds, (rock, None), strict=True))
            trained_on = learn(training)
            distances.append(compute_distances(trained_on, foreign))
            errors += predict_errors(training, [foreign])
            holes.append(foreign.holes)
            for share, found_weeks in weeks.items():
                part = share / SHARE[rock] if rock else 0
                traffic = join([draw_holes(foreign, part, random), draw_holes(familiar, 1 - part, random)])
                found_weeks.append(send(trained_on, traffic.in_random_order(random)))
        compared = compare_errors(*map(np.concatenate, (distances, errors, holes)), arguments.seed)
        means = np.mean(errors, axis=(0, 1))
        usual = means if usual is None else usual
        last_week = count_weeks(arguments.holes)
        traffic = [{"share": share, "weeks": each, "last_week": last_week} for share, each in weeks.items()]
        yield {"name": rock or "none", "growth": float(np.mean(means / usual)), "traffic": traffic} | compared


def make_seeds(seed: int, repeat: int) -> tuple[np.random.Generator, list[int]]:
    """Return random numbers for a repeat, and the seeds of its three sets of drill holes, which no other repeat has."""
    random = np.random.default_rng([seed, repeat])
    return random, [(seed << 20) + 3 * repeat + number for number in range(3)]


def send(trained_on: TrainedOn, traffic: Samples) -> int | None:
    """Return the week in which drift is found if these samples arrive; None if it is not."""
    return find_week(trained_on, compute_statistics(trained_on, traffic), traffic.holes.tolist())


def draw_holes(samples: Samples, share: float, random: np.random.Generator) -> Samples:
    """Return this share of the drill holes."""
    names = random.permutation(np.unique(samples.holes))
    return samples.take(np.isin(samples.holes, names[: round(share * len(names))]))


def count_weeks(holes: int) -> int:
    return holes * SAMPLES_A_HOLE // SAMPLES_A_WEEK


# ---- Slow changes ----------------------------------------------------------------------------------------
def compare_baselines(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield for each baseline the week of each repeat in which drift is found, and the one in which errors have grown.

    weeks, errors_weeks: null if it is in none until last_week. growth: of the errors of each repeat, for each week.
    """
    last_week = count_weeks(arguments.holes)
    for name, baseline in BASELINES.items():
        weeks, growth = [], []
        for repeat in range(arguments.repeats):
            random, seeds = make_seeds(arguments.seed, repeat)
            training, traffic = (simulate(arguments.holes, seed) for seed in seeds[:2])
            places = np.linspace(0, 1, training.spectra.shape[1])
            weekly = GROWTH * np.quantile(training.spectra, 0.99) * baseline(places)
            growth.append(measure_growth(training, traffic, weekly, last_week))
            trained_on, sent = learn(training), traffic.in_random_order(random)
            begun = np.arange(1, len(sent) + 1)[:, None] / SAMPLES_A_WEEK  # weeks
            sent = replace(sent, spectra=sent.spectra + begun * weekly)
            weeks.append(send(trained_on, sent))
        errors_weeks = [next((week for week, grown in enumerate(each, 1) if grown >= LARGER), None) for each in growth]
        yield {
            "name": name,
            "weeks": weeks,
            "errors_weeks": errors_weeks,
            **compare_weeks(weeks, errors_weeks),
            "growth": growth,
            "last_week": last_week,
        }


def measure_growth(training: Samples, traffic: Samples, weekly: np.ndarray, last_week: int) -> list[float]:
    """Return the errors on all of the traffic at the end of each week, in units of those without a change.

    weekly: (channels,), what is added to each spectrum for each week.
    """
    changed = [replace(traffic, spectra=traffic.spectra + week * weekly) for week in range(last_week + 1)]
    errors = [each.mean(axis=0) for each in predict_errors(training, changed)]
    return [float(np.mean(each / errors[0])) for each in errors[1:]]


def compare_weeks(weeks: Sequence[int | None], errors_weeks: Sequence[int | None]) -> Row:
    """Return in how many repeats drift was found before errors had grown, in the same week, and later or not at all."""
    never = math.inf
    pairs = [(week or never, grown or never) for week, grown in zip(weeks, errors_weeks, strict=True)]
    return {
        "earlier": sum(week < grown for week, grown in pairs),
        "same_week": sum(week == grown < never for week, grown in pairs),
        "later": sum(week > grown for week, grown in pairs),
    }


if __name__ == "__main__":
    try:
        main()
    except (DataError, DomainError, ScoreError, OSError, KeyboardInterrupt) as error:
        sys.exit(f"drift.py: {str(error) or 'interrupted'}")
