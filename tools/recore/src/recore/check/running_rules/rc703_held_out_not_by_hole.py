"""The held-out predictions that train.py leaves beside the model (held_out.csv) are the submission's own. Here they are
recomputed: train.py is run without each fold of the drill holes, on some rows of six holes; with --thorough, on all
rows. A finding says that the submission's own predictions score clearly higher than these on the same rows: its models
had probably seen other rows of the hole.

    KFold(5, shuffle=True).split(inputs)   # neighbours of each row are in the training part

Fix: leave out whole drill holes, as the template's hold_out does: GroupKFold, with the holes as groups.
"""

import numpy as np

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.held_out_file import FailedFold, HeldOut, score
from recore.check.rule import Finding, Findings, Level, rule
from recore.evaluation import HONEST_GAP
from recore.listing import list_names
from recore.text import plain

FIX = "Leave out whole drill holes: GroupKFold(5).split(inputs, groups=holes)"
THOROUGH = "Use --thorough, which recomputes them with all rows"
FIX_PREDICTION = "Make the inputs independent of the drill holes in a file: the private file has others"
FIX_TRAINING = "Let fit() work with fewer rows and fewer drill holes"
SHOWN = 3  # drill holes
ENOUGH = 0.5  # of the rows


@rule("The submission's own held-out predictions were held out by drill hole", needs=("RC303", "RC603"))
def inspect(experiments: Experiments) -> Findings:
    try:
        held_out = experiments.held_out()
    except ExperimentFailed as failed:
        level = Level.NOTE if failed.outside else Level.WARNING
        yield failed.finding("The held-out predictions could not be recomputed", level)
        return
    if held_out is None:
        return
    if held_out.failed:
        yield _failure(min(held_out.failed, key=lambda fold: fold.step != "predict"), experiments)
    compared = _compare(held_out, experiments)
    if compared and not (held_out.failed and compared.level is Level.NOTE):
        yield compared


def _compare(held_out: HeldOut, experiments: Experiments) -> Finding | None:
    """The finding if the submission's own predictions score too high, or cannot be compared."""
    data, rows, own, again = experiments.data, experiments.plan.held_out, held_out.own, held_out.again
    place = experiments.scripts.place_of("hold_out", "main", "fit")
    if own is None or len(own) != len(rows):
        message = f"With {len(rows)} rows of some drill holes, train.py writes no held-out predictions to compare with"
        return Finding(message, THOROUGH, place, Level.NOTE)
    both = np.isfinite(own).any(axis=1) & np.isfinite(again).any(axis=1)
    if both.mean() < ENOUGH:
        message = f"Held-out predictions were recomputed for only {both.sum()} of {len(rows)} rows"
        return Finding(message, THOROUGH, place, Level.NOTE)
    measured = data.measured[rows][both]
    claimed, recomputed = (score(each[both], measured, experiments.weights, data.targets) for each in (own, again))
    if claimed - recomputed <= HONEST_GAP * sum(experiments.weights.values()):
        return None
    holes = len(set(data.hole[rows][both].tolist()))
    chance = "" if experiments.plan.thorough else "; it may be chance with so few rows, and --thorough uses all"
    message = (
        f"On {both.sum()} rows of {holes} drill holes the submission's own held-out predictions score {claimed:.3f}; "
        f"recomputed without each row's drill hole, {recomputed:.3f}: their models had probably seen the hole, and the "
        "score on other holes will be close to the second number"
    )
    return Finding(message + chance, FIX, place, Level.WARNING)


def _failure(fold: FailedFold, experiments: Experiments) -> Finding:
    """The finding for a fold that failed. A failed prediction is an error, as hosts also predict unseen drill holes."""
    holes = list_names(sorted(set(experiments.data.hole[fold.rows].tolist())), SHOWN)
    if fold.step == "predict":
        message = f"A model that was trained without the drill holes {holes} fails to predict them: {fold.reason}"
        return Finding(plain(message, 900), FIX_PREDICTION, experiments.scripts.place_of("predict_fn"))
    message = f"Training without the drill holes {holes} fails: {fold.reason}"
    if not fold.rows:
        message = f"Training with {len(experiments.plan.held_out)} rows of some drill holes fails: {fold.reason}"
    return Finding(plain(message, 900), FIX_TRAINING, experiments.scripts.place_of("fit", "main"), Level.WARNING)
