"""The public score is for the rows that the model was fitted with; held_out.csv, the submission's own held-out
predictions, should be by models that have not seen a row's drill hole (RC703). Private data come from other holes, so
their score will be near the second one. The finding is for a model that keeps less than a third of its score there.
With fewer than twenty holes or 1,000 rows it is a note; with fewer than ten holes nothing is compared.

    KNeighborsRegressor(1)   # its public score is 1.01, its cross-validated one is below 0

Fix: choose models by the cross-validated score (`python -m recore validate`), and split by drill hole.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recore.check.experiments import Experiments
from recore.check.pickles import HELD_OUT, read_members
from recore.check.places import place_of
from recore.check.predictions import Floats, r2, read_predictions
from recore.check.rule import Finding, Level, rule
from recore.distribution import PROGRAM

FIX = f"Choose the model by the cross-validated score of `{PROGRAM} validate`, and split by drill hole"
KEPT = 1 / 3  # of the public score; boosted trees keep a half on a dozen drill holes
HOLES = 10  # drill holes from which on a cross-validated score says something
ENOUGH_HOLES, ENOUGH_ROWS = 20, 1000  # from which on it says that a model memorises
LARGEST = 1 << 30  # bytes


@rule("The model keeps its score on drill holes that it has not seen", needs=("RC603",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    data = experiments.data
    if data.holes < HOLES:
        return
    held_out = read_held_out(experiments.training().archive, data.targets)
    if held_out is None or held_out.shape != data.measured.shape:
        return
    public = score(read_predictions(experiments.predictions()), data.measured, experiments.weights, data.targets)
    validated = score(held_out, data.measured, experiments.weights, data.targets)
    if public > 0 and validated < KEPT * public:
        message = (
            f"The public score is {public:.3f}, and that of held-out drill holes is {validated:.3f}: the model "
            "memorises the rows that it was fitted with, and the private score will be close to the second number"
        )
        level = Level.WARNING
        if data.holes < ENOUGH_HOLES or data.rows < ENOUGH_ROWS:
            level = Level.NOTE
            message += f"; with only {data.rows:,} rows from {data.holes} drill holes, more data may change this"
        yield Finding(message, FIX, place_of(experiments.submission, "fit"), level)


def read_held_out(archive: Path, targets: tuple[str, ...]) -> Floats | None:
    """held_out.csv of a model.tar.gz as (rows, targets); None if it is missing or cannot be read."""
    for member, content in read_members(archive):
        if content and member.name.removeprefix("./") == HELD_OUT and member.size < LARGEST:
            return _parse(content.read().decode("utf-8", "replace"), targets)
    return None


def _parse(text: str, targets: tuple[str, ...]) -> Floats | None:
    lines = csv.reader(text.splitlines())
    try:
        header = next(lines)
        places = [header.index(name) for name in targets]
        rows = [[float(row[place] or "nan") for place in places] for row in lines]
    except (StopIteration, ValueError, IndexError, csv.Error):
        return None
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(targets))
    return table if np.isfinite(table).any() else None


def score(predicted: Floats, measured: Floats, weights: dict[str, float], targets: tuple[str, ...]) -> float:
    """The sum of weight x R2 over the rows that have an assay and a prediction."""
    columns = zip(targets, predicted.T, measured.T, strict=True)
    return sum(weights[name] * r2(estimate, assay) for name, estimate, assay in columns)
