"""The host's score.py takes the first column for silver, the second for arsenic, and so on, each in its own unit. If
two columns are swapped, or a target is predicted in another unit, nothing fails, but the score is far below zero. The
rule lists columns that fit their own target only in another unit, and columns that fit the target of another column
that does not fit it either. For a poor model, the list is unreliable.

    targets = [name for name in data if name in TARGETS]      # in the order of the file
    targets = (targets - targets.mean()) / targets.std()      # and the predictions are not scaled back

Fix: select the columns by name before writing them, `predictions[list(TARGETS)]`, and predict in the assays' units.
"""

from collections.abc import Iterator

import numpy as np

from recore.check.experiments import Experiments
from recore.check.predictions import Floats, r2
from recore.check.rule import Finding, Findings, rule
from recore.validation import r2_by_target

FIX = "Make output_fn select the columns by name, in the order of TARGETS"
FIX_FIT = "Make the model that fit() returns predict the columns in the order of `targets`"
FIX_SCALE = "Convert the predictions back to the assays' units, in the model or predict_fn, if fit() scales the targets"
FITS = 0.3  # minimum R2 for a column to fit a target
SHOWN = 3


@rule("The predictions' columns are in the order and in the units of the targets", needs=("RC602",))
def inspect(experiments: Experiments) -> Findings:
    predicted, measured, names = experiments.predicted(), experiments.data.measured, experiments.data.targets
    pair_r2 = r2_of_all_pairs(predicted, measured)
    if scaled := find_scaled(predicted, measured, pair_r2):
        listed = _list_columns([f"{names[column]} {transformation}" for column, transformation in scaled.items()])
        score = f"the score on the rows that the model was trained on is {experiments.score(predicted):.4g}"
        message = f"The predictions fit their own targets only in another unit: {listed}; {score}"
        yield Finding(message, FIX_SCALE, experiments.scripts.locate("fit", "predict_fn"))
    elif swapped := find_swapped(predicted, pair_r2):
        message = _list_columns([f"column {each + 1}, {names[each]}, fits {names[other]}" for each, other in swapped])
        hooks = experiments.scripts.locate("output_fn", "transform_fn", "predict_fn")
        location, fix = (hooks, FIX) if hooks.line else (experiments.scripts.locate("fit"), FIX_FIT)
        yield Finding(f"The predictions' columns seem to be in the wrong order: {message}", fix, location)


def _list_columns(parts: list[str]) -> str:
    return "; ".join(parts[:SHOWN]) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")


def find_scaled(predicted: Floats, measured: Floats, pair_r2: Floats) -> dict[int, str]:
    """Return the positions of columns that fit their own target only if it is transformed, with the transformation.

    Return {} if fewer than half of the columns that do not fit their own target fit it transformed.
    """
    scaled = {}
    missed = np.flatnonzero(pair_r2.diagonal() < 0)
    for column in missed:
        assay = measured[:, column]
        with np.errstate(divide="ignore", invalid="ignore"):
            r2_by_name = {name: r2(predicted[:, column], values) for name, values in _transformations(assay)}
        best = max(r2_by_name, key=lambda name: r2_by_name[name])
        if r2_by_name[best] > max(FITS, pair_r2[column].max()):
            scaled[int(column)] = best
    return scaled if len(scaled) >= len(missed) / 2 else {}


def _transformations(assay: Floats) -> Iterator[tuple[str, Floats]]:
    """Yield the usual transformations of a target."""
    known = assay[np.isfinite(assay)]
    for power in (1, 2, 3, 4, 5, 6, 9):
        yield f"divided by {10**power:,}", assay / 10.0**power
        yield f"multiplied by {10**power:,}", assay * 10.0**power
    yield "minus its mean", assay - known.mean()
    yield "standardised to mean 0 and standard deviation 1", (assay - known.mean()) / known.std()
    yield "scaled to 0 to 1", (assay - known.min()) / np.ptp(known)
    yield "as a logarithm, log1p()", np.log1p(assay)
    yield "as a natural logarithm", np.log(assay)
    yield "as a logarithm to base 10", np.log10(assay)
    yield "as a square root", np.sqrt(assay)


def find_swapped(predicted: Floats, pair_r2: Floats) -> list[tuple[int, int]]:
    """Return pairs of positions: of a column that does not fit its own target, and of the target that it fits best.

    Return [] if fewer than half of the columns that do not fit their own target fit another: that may be chance.
    Constant columns are not counted.
    """
    missed = [int(each) for each in np.flatnonzero(pair_r2.diagonal() < 0) if np.ptp(predicted[:, each]) != 0]
    matches = [(column, *_best_match(pair_r2, column)) for column in missed]
    swapped = [(column, target) for column, target, value in matches if value > FITS]
    return swapped if len(swapped) >= len(missed) / 2 else []


def r2_of_all_pairs(predicted: Floats, measured: Floats) -> Floats:
    """Return R2 of each column of predictions (rows) for each target (columns)."""
    return np.nan_to_num([r2_by_target(measured, np.broadcast_to(each, measured.T.shape).T) for each in predicted.T])


def _best_match(pair_r2: Floats, column: int) -> tuple[int, float]:
    """Among the targets that their own columns do not fit, return the one that this column fits best, and its R2."""
    candidates = np.where(pair_r2.diagonal() <= FITS, pair_r2[column], -np.inf)
    return int(candidates.argmax()), float(candidates.max())
