"""Read and score held_out.csv, the unverified held-out predictions, which train.py may write."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore import evaluation
from recore.check.predictions import Floats, InvalidPredictions, first_line, r2, read_predictions
from recore.evaluation import NoHeldOutScoreError

MAX_REASON_LENGTH = 10_000  # characters that are read from a reason


@dataclass(frozen=True)
class FailedFold:
    """A failed fold. step: "train", "predict" or, for training on all folds' rows, "own"; `rows` is then empty."""

    step: str
    reason: str
    rows: list[int]


@dataclass(frozen=True)
class HeldOut:
    """The unverified and the recomputed predictions (rows, targets) for held-out rows. Missing values are NaN.

    unverified: the submission's predictions, or None if train.py wrote none. failed: the failed folds.
    """

    unverified: Floats | None
    recomputed: Floats
    failed: list[FailedFold]


def read_held_out(archive: Path, targets: tuple[str, ...]) -> Floats | None:
    """Return the held_out.csv in a model.tar.gz as an array (rows, targets), or None if it is missing or invalid."""
    try:
        content = evaluation.read_held_out_bytes(archive)
    except NoHeldOutScoreError:
        return None
    return parse_held_out(content, targets)


def parse_held_out(content: bytes, targets: tuple[str, ...]) -> Floats | None:
    """Return held_out.csv as an array (rows, targets), or None if it is invalid or empty."""
    try:
        evaluation.check_size(content)
        lines = csv.reader(content.decode("utf-8", "replace").splitlines())
        header = next(lines)
        columns = [header.index(name) for name in targets]
        rows = [[float(row[column] or "nan") for column in columns] for row in lines]
    except (NoHeldOutScoreError, StopIteration, ValueError, IndexError, csv.Error):
        return None
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(targets))
    return table if np.isfinite(table).any() else None


def read_folds(results: Path, folds: Sequence[list[int]], predictions: Floats) -> list[FailedFold]:
    """Read the results of hold_out.py into the array `predictions`, and return the folds that failed."""
    failed = _read_failure(results / "own.train.failed", "own", [])
    for number, fold in enumerate(folds):
        for step in ("train", "predict"):
            failed += _read_failure(results / f"{number}.{step}.failed", step, fold)
        try:
            predicted = read_predictions(results / f"{number}.csv.out")
        except FileNotFoundError:
            continue
        except InvalidPredictions as error:
            failed.append(FailedFold("predict", f"invalid predictions: {error}", fold))
            continue
        if predicted.shape == predictions[fold].shape:
            predictions[fold] = predicted
        else:
            reason = "{0[0]} lines of {0[1]} numbers instead of {1[0]} lines of {1[1]}"
            failed.append(FailedFold("predict", reason.format(predicted.shape, predictions[fold].shape), fold))
    return failed


def _read_failure(path: Path, step: str, fold: list[int]) -> list[FailedFold]:
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [FailedFold(step, first_line(file.read(MAX_REASON_LENGTH)), fold)]


def score(predicted: Floats, measured: Floats, weights: dict[str, float], targets: tuple[str, ...]) -> float:
    """Return the weighted sum of the targets' R2, each computed from the rows with both an assay and a prediction."""
    columns = zip(targets, predicted.T, measured.T, strict=True)
    return sum(weights[name] * r2(estimate, assay) for name, estimate, assay in columns)
