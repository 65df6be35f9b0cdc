"""train.py writes unverified held-out predictions next to the model (held_out.csv). The rule recomputes them
by running train.py without each fold of drill holes in turn, on some rows of six holes or, with --thorough, on all
rows. It reports the unverified predictions if they score clearly higher than the recomputed ones on the same
rows: the models behind them had probably seen other rows of the same hole.

    KFold(5, shuffle=True).split(inputs)   # neighbours of each row are in the training set

Fix: hold out entire drill holes with GroupKFold and the holes as groups, as the template's hold_out does.
"""

import numpy as np

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.held_out_file import FailedFold, HeldOut, score
from recore.check.rule import Finding, Findings, Level, rule
from recore.evaluation import MIN_GROUPS, is_overstated
from recore.listing import list_names
from recore.text import plain

FIX = "Hold out entire drill holes: GroupKFold(5).split(inputs, groups=groups)"
THOROUGH_FIX = "Use --thorough, which recomputes them with all rows"
FIX_PREDICTION = "Make the inputs independent of the drill holes in a file; the private file has others"
FIX_TRAINING = "Make fit() work with fewer rows and fewer drill holes"
SHOWN = 3  # drill holes
MIN_FRACTION = 0.5  # share of the rows


@rule("The unverified held-out predictions hold out entire drill holes", needs=("RC303", "RC603"))
def inspect(experiments: Experiments) -> Findings:
    try:
        held_out = experiments.held_out()
    except ExperimentError as failed:
        level = Level.NOTE if failed.outside else Level.WARNING
        yield failed.finding("The held-out predictions could not be recomputed", level)
        return
    if held_out is None:
        return
    if held_out.failed:
        yield _failure(min(held_out.failed, key=lambda fold: fold.step != "predict"), experiments)
    comparison = _compare(held_out, experiments)
    if comparison and not (held_out.failed and comparison.level is Level.NOTE):
        yield comparison


def _compare(held_out: HeldOut, experiments: Experiments) -> Finding | None:
    data, rows = experiments.data, experiments.plan.held_out
    unverified, recomputed = held_out.unverified, held_out.recomputed
    location = experiments.scripts.locate("hold_out", "main", "fit")
    if unverified is None or len(unverified) != len(rows):
        message = f"With {len(rows)} rows of some drill holes, train.py writes no held-out predictions to compare with"
        return Finding(message, THOROUGH_FIX, location, Level.NOTE)
    mask = np.isfinite(unverified).any(axis=1) & np.isfinite(recomputed).any(axis=1)
    if mask.mean() < MIN_FRACTION:
        message = f"Held-out predictions were recomputed for only {mask.sum()} of {len(rows)} rows"
        return Finding(message, THOROUGH_FIX, location, Level.NOTE)
    measured = data.measured[rows][mask]
    scores = [score(each[mask], measured, experiments.weights, data.targets) for each in (unverified, recomputed)]
    if not is_overstated(scores[0], scores[1], sum(experiments.weights.values()), MIN_GROUPS):  # fewer: see below
        return None
    holes = len(set(data.hole[rows][mask].tolist()))
    message = (
        f"On {mask.sum()} rows of {holes} holes, the unverified held-out predictions score {scores[0]:.3f}, "
        f"but {scores[1]:.3f} if recomputed without each row's drill hole"
    )
    fix = "" if experiments.plan.thorough else THOROUGH_FIX
    if holes < MIN_GROUPS or min(scores) < 0:
        reason = f"fewer than {MIN_GROUPS} holes" if holes < MIN_GROUPS else "a score below 0"
        return Finding(f"{message}; with {reason}, this shows nothing", fix, location, Level.NOTE)
    message += (
        ": the submission's models had probably seen that hole, and the score on other holes will be close to the "
        "second number"
    )
    chance = "" if experiments.plan.thorough else "; with so few rows this may be chance, and --thorough uses all rows"
    return Finding(message + chance, FIX, location, Level.WARNING)


def _failure(fold: FailedFold, experiments: Experiments) -> Finding:
    """Return the finding for a failed fold: an error if prediction failed, because hosts also predict unseen holes."""
    holes = list_names(sorted(set(experiments.data.hole[fold.rows].tolist())), SHOWN)
    if fold.step == "predict":
        message = f"A model trained without the drill holes {holes} fails to predict them: {fold.reason}"
        return Finding(plain(message, 900), FIX_PREDICTION, experiments.scripts.locate("predict_fn"))
    message = f"Training without the drill holes {holes} fails: {fold.reason}"
    if not fold.rows:
        message = f"Training with {len(experiments.plan.held_out)} rows of some drill holes fails: {fold.reason}"
    return Finding(plain(message, 900), FIX_TRAINING, experiments.scripts.locate("fit", "main"), Level.WARNING)
