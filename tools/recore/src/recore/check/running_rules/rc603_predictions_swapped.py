"""The host's score.py takes the first column for silver, the second for arsenic, and so on. If two columns are
swapped, nothing fails, but both score far below zero. The rule lists columns that fit another target but not their
own; for a poor model, the list is unreliable.

    targets = [name for name in data if name in TARGETS]   # in the order of the file

Fix: select the columns by name before writing them: `predictions[list(TARGETS)]`.
"""

import numpy as np

from recore.check.experiments import Experiments
from recore.check.predictions import Floats, r2
from recore.check.rule import Finding, Findings, rule

FIX = "Make output_fn select the columns by name, in the order of TARGETS"
FIX_FIT = "Make the model that fit() returns predict the columns in the order of `targets`"
FITS = 0.3  # minimum R2 for a column to fit a target
SHOWN = 3


@rule("The predictions' columns are in the order of the targets", needs=("RC602",))
def inspect(experiments: Experiments) -> Findings:
    predicted, measured = experiments.predicted(), experiments.data.measured
    if swapped := find_swapped(predicted, measured):
        names = experiments.data.targets
        pairs = [f"column {column + 1}, {names[column]}, fits {names[other]}" for column, other in swapped]
        message = "; ".join(pairs[:SHOWN]) + (f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else "")
        hooks = experiments.scripts.locate("output_fn", "transform_fn", "predict_fn")
        location, fix = (hooks, FIX) if hooks.line else (experiments.scripts.locate("fit"), FIX_FIT)
        yield Finding(f"The predictions' columns seem to be in the wrong order: {message}", fix, location)


def find_swapped(predicted: Floats, measured: Floats) -> list[tuple[int, int]]:
    """Return pairs of positions: of a column that does not fit its own target, and of the target that it fits best.

    Return [] if fewer than half of the columns that do not fit their own target fit another: that may be chance.
    """
    swapped, missed = [], 0
    for column in range(predicted.shape[1]):
        scores = [r2(predicted[:, column], measured[:, other]) for other in range(measured.shape[1])]
        best_target = int(np.argmax(scores))
        missed += scores[column] < 0
        best = measured[:, best_target]
        # any constant predictions can equal a constant target
        if scores[column] < 0 and scores[best_target] > FITS and np.nanmin(best) < np.nanmax(best):
            swapped.append((column, best_target))
    return swapped if len(swapped) >= missed / 2 else []
