"""Reads and scores held_out.csv, the submission's own held-out predictions, which train.py may leave."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recore import evaluation
from recore.check.predictions import Floats, r2
from recore.evaluation import NoHeldOutScoreError


@dataclass(frozen=True)
class HeldOut:
    """Predictions (rows, targets) of held-out rows, NaN where there are none: the submission's own, and made again.

    own: None if train.py did not leave any.
    """

    own: Floats | None
    again: Floats


def read_held_out(archive: Path, targets: tuple[str, ...]) -> Floats | None:
    """held_out.csv of a model.tar.gz as (rows, targets); None if it is missing or cannot be read."""
    try:
        content = evaluation.read_held_out(archive)
    except NoHeldOutScoreError:
        return None
    return parse_held_out(content, targets)


def parse_held_out(content: bytes, targets: tuple[str, ...]) -> Floats | None:
    """The same of the content of held_out.csv."""
    try:
        evaluation.require_small(content)
        lines = csv.reader(content.decode("utf-8", "replace").splitlines())
        header = next(lines)
        places = [header.index(name) for name in targets]
        rows = [[float(row[place] or "nan") for place in places] for row in lines]
    except (NoHeldOutScoreError, StopIteration, ValueError, IndexError, csv.Error):
        return None
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(targets))
    return table if np.isfinite(table).any() else None


def score(predicted: Floats, measured: Floats, weights: dict[str, float], targets: tuple[str, ...]) -> float:
    """The sum of weight x R2 over the rows that have an assay and a prediction."""
    columns = zip(targets, predicted.T, measured.T, strict=True)
    return sum(weights[name] * r2(estimate, assay) for name, estimate, assay in columns)
