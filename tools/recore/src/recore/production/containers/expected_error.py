"""Estimate the expected errors and 90% intervals of predictions from held-out predictions.

The method is split conformal prediction (Papadopoulos et al., "Inductive confidence machines for regression", ECML
2002): the errors of held-out predictions, whose assays are known, give the quantiles of the errors of new predictions.
The predictions are divided into bins with separate quantiles, because high assays have larger errors ("Mondrian"
prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", Springer 2005). Quantiles are
interpolated between the medians of the bins.

The method assumes independent rows. However, samples from one drill hole are alike, so such intervals cover too few
assays from other holes (Dunn, Wasserman and Ramdas, "Distribution-free prediction sets for two-layer hierarchical
models", JASA 2023). Therefore, the fraction of errors outside the intervals is reduced until intervals calibrated on
some holes cover 90% of the assays from the others.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

COVERAGE = 0.9
TAILS = np.linspace(0.05, 0, 26)  # shares of errors beyond each end of an interval; the first suits independent rows
MIN_ROWS = 20  # with fewer rows, even the range from the smallest to the largest error covers less than 90%
BIN_ROWS, MAX_BINS = 200, 5
MAX_PARTS = 20  # maximum number of parts into which the holes are divided

Calibration = dict[str, Any]


class CalibrationError(ValueError):
    """A file of held-out predictions or assays cannot be used. The message is one line with the reason."""


def calibrate(held_out: np.ndarray, assays: np.ndarray, holes: np.ndarray, names: Sequence[str]) -> Calibration:
    """Return the calibration for expected_error(), which can be saved as JSON.

    held_out, assays: (rows, targets), NaN for missing values. holes: (rows,). names: the targets' names. For each
    target, the calibration contains the range of the assays (null if there are none) and the error curves (null if
    fewer than 20 rows have both values).
    """
    known = np.isfinite(held_out) & np.isfinite(assays)
    pairs = [(held_out[rows, column], assays[rows, column], holes[rows]) for column, rows in enumerate(known.T)]
    tail = choose_tail(pairs)
    targets = {}
    for name, measured, (predicted, paired, _) in zip(names, assays.T, pairs, strict=True):
        measured = measured[np.isfinite(measured)]
        targets[name] = {
            "range": [float(measured.min()), float(measured.max())] if len(measured) else None,
            "curves": make_curves(predicted, paired, tail) if len(paired) >= MIN_ROWS else None,
        }
    return {"coverage": COVERAGE, "tail": tail, "targets": targets}


def calibrate_files(held_out: Path, data_file: Path, names: Sequence[str], group: str) -> Calibration:
    """Return the calibration for a held_out.csv and the data file with the same rows. Raises CalibrationError.

    group: the column of the drill holes.
    """
    predicted = read_held_out(held_out, names)
    assays, holes = read_assays(data_file, names, group)
    if len(predicted) != len(assays):
        raise CalibrationError(f"{held_out.name} has {len(predicted)} rows instead of {len(assays)}")
    return calibrate(predicted, assays, holes, names)


def expected_error(
    calibration: Calibration, name: str, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a target's expected errors and the lower and upper bounds of its 90% prediction intervals, each (rows,).

    An expected error is the root mean square error of similar held-out predictions. All are NaN if these are too few.
    """
    curves = calibration["targets"][name]["curves"]
    if curves is None:
        empty = np.full(len(predicted), np.nan)
        return empty, empty, empty
    error, low, high = (
        np.where(np.isnan(predicted), np.nan, np.interp(predicted, curves["predicted"], curves[curve]))
        for curve in ("error", "low", "high")
    )
    return error, *interval_ends(predicted, low, high, lowest_value(calibration["targets"][name]["range"]))


def lowest_value(assays: Sequence[float] | None) -> float:
    """Return a target's lowest possible value, given the range of its assays: 0, or -inf if an assay is negative."""
    return 0.0 if assays is None or assays[0] >= 0 else -np.inf


def interval_ends(
    predicted: np.ndarray, low: np.ndarray, high: np.ndarray, lowest: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the prediction intervals. low, high: quantiles of the errors. All arrays are (rows,).

    An interval always contains the prediction. It contains values below `lowest` only if the prediction is lower.
    """
    return (
        np.minimum(predicted, np.maximum(predicted + low, lowest)),
        np.maximum(predicted, np.maximum(predicted + high, lowest)),
    )


def make_curves(predicted: np.ndarray, measured: np.ndarray, tail: float) -> dict[str, list[float]]:
    """Return a target's error curves, with one point per bin. tail: the fraction of errors beyond each bound."""
    errors = measured - predicted
    bins = split_bins(predicted)
    quantiles = [conformal_quantiles(errors[rows], np.array([tail])) for rows in bins]
    return {
        "predicted": [float(np.median(predicted[rows])) for rows in bins],
        "error": [float(np.sqrt(np.mean(errors[rows] ** 2))) for rows in bins],
        "low": [float(low[0]) for low, _ in quantiles],
        "high": [float(high[0]) for _, high in quantiles],
    }


def split_bins(predicted: np.ndarray) -> list[np.ndarray]:
    """Return the rows of each bin, by ascending median prediction. Bins with equal medians (often 0) are merged."""
    count = min(max(len(predicted) // BIN_ROWS, 1), MAX_BINS)
    bins: list[np.ndarray] = []
    for rows in np.array_split(np.argsort(predicted, kind="stable"), count):
        if bins and np.median(predicted[rows]) == np.median(predicted[bins[-1]]):
            bins[-1] = np.concatenate([bins[-1], rows])
        else:
            bins.append(rows)
    return bins


def conformal_quantiles(errors: np.ndarray, tails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper quantiles of errors (rows,). tails: the fractions of errors beyond each quantile.

    A new error is equally likely to have any of the n + 1 ranks among n errors (Papadopoulos et al. 2002).
    """
    ordered, count = np.sort(errors), len(errors)
    low = np.maximum(np.floor((count + 1) * tails), 1).astype(int) - 1
    high = np.minimum(np.ceil((count + 1) * (1 - tails)), count).astype(int) - 1
    return ordered[low], ordered[high]


def choose_tail(pairs: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """Return the largest of TAILS for which intervals calibrated on some holes cover enough assays from other holes.

    pairs: for each target, the predictions, assays and holes, each (rows,).
    """
    coverages = [measure_coverage(*pair) for pair in pairs]
    coverage = [each for each in coverages if each is not None]
    if not coverage:
        return float(TAILS[0])
    is_covered = np.mean(coverage, axis=0) >= COVERAGE
    return float(TAILS[is_covered.argmax()] if is_covered.any() else TAILS[-1])


def measure_coverage(predicted: np.ndarray, measured: np.ndarray, holes: np.ndarray) -> np.ndarray | None:
    """For each of TAILS, return the coverage of intervals calibrated on other holes, or None if rows are too few."""
    _, numbers = np.unique(holes, return_inverse=True)
    parts = numbers % MAX_PARTS
    inside = np.zeros((len(TAILS), len(measured)), dtype=bool)
    for part in np.unique(parts):
        left_out = parts == part
        if np.sum(~left_out) < MIN_ROWS:
            return None
        others, errors = predicted[~left_out], (measured - predicted)[~left_out]
        bins = split_bins(others)
        medians = [np.median(others[rows]) for rows in bins]
        quantiles = np.array([conformal_quantiles(errors[rows], TAILS) for rows in bins])  # (bins, 2, tails)
        new, actual = predicted[left_out], measured[left_out]
        for tail in range(len(TAILS)):
            below, above = (np.interp(new, medians, quantiles[:, end, tail]) for end in (0, 1))
            low, high = interval_ends(new, below, above, lowest_value([measured.min()]))
            inside[tail, left_out] = (low <= actual) & (actual <= high)
    return inside.mean(axis=1) if len(measured) else None


def read_held_out(path: Path, names: Sequence[str]) -> np.ndarray:
    """Return the predictions in a held_out.csv, (rows, targets), with NaN for empty cells. Raises CalibrationError."""
    return _to_array(_read_table(path, dict.fromkeys(names, pa.float64())), names)


def read_assays(path: Path, names: Sequence[str], group: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a data file's assays (rows, targets), NaN where missing, and each row's hole. Raises CalibrationError."""
    table = _read_table(path, dict.fromkeys(names, pa.float64()) | {group: pa.string()}, allow_missing=True)
    holes = table[group].fill_null("").to_numpy() if group in table.column_names else np.full(len(table), "")
    return _to_array(table, names), holes


def _read_table(path: Path, types: dict[str, Any], allow_missing: bool = False) -> pa.Table:
    try:
        header = pa.csv.open_csv(path).schema.names
        columns = [name for name in types if name in header or not allow_missing]
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=columns)
        return pa.csv.read_csv(path, pa.csv.ReadOptions(block_size=1 << 24), convert_options=convert)
    except (pa.ArrowException, UnicodeDecodeError, OSError, KeyError) as error:
        raise CalibrationError(f"{path.name}: {' '.join(str(error).split())[:300]}") from None


def _to_array(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    empty = np.full(len(table), np.nan)
    columns = [table[name].to_numpy() if name in table.column_names else empty for name in names]
    return np.column_stack(columns).astype(float)
