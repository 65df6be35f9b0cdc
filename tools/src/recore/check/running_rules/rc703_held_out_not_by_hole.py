"""The held-out predictions that train.py leaves beside the model (held_out.csv) are the submission's own. Here they are
made again: train.py is run without each fold of the drill holes, on some whole holes; with --thorough, on all rows. The
finding is that the submission's own score clearly more on the same rows: its models had seen other rows of the hole.

    KFold(5, shuffle=True).split(inputs)   # neighbours of each row are in the training part

Fix: leave out whole drill holes, as the template's hold_out does: GroupKFold, with the holes as groups.
"""

from collections.abc import Iterator

import numpy as np

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.places import place_of
from recore.check.predictions import Floats, NotPredictions, read_predictions
from recore.check.rule import Finding, Level, rule
from recore.check.running_rules.rc701_score_optimistic import read_held_out, score
from recore.evaluation import HONEST_GAP

FIX = "Leave out whole drill holes: GroupKFold(5).split(inputs, groups=holes)"
THOROUGH = "Use --thorough, which makes them again however long it takes"
ENOUGH = 0.5  # of the rows


@rule("The submission's own held-out predictions were held out by drill hole", needs=("RC303", "RC603"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    data, rows = experiments.data, list(experiments.plan.held_out)
    own = read_held_out(experiments.own_held_out().archive, data.targets)
    if own is None or len(own) != len(rows) or not experiments.plan.folds:
        return
    place = place_of(experiments.submission, "hold_out", "main", "fit")
    try:
        again = read_again(experiments)[rows]
    except ExperimentFailed as failed:
        yield failed.finding("The held-out predictions could not be made again", Level.NOTE)
        return
    both = np.isfinite(own).any(axis=1) & np.isfinite(again).any(axis=1)
    if both.mean() < ENOUGH:
        message = f"The submission's own held-out predictions were compared on only {both.sum()} of {len(rows)} rows"
        yield Finding(message, THOROUGH, place, Level.NOTE)
        return
    measured = data.measured[rows][both]
    claimed, made = (score(each[both], measured, experiments.weights, data.targets) for each in (own, again))
    if claimed - made > HONEST_GAP:
        holes = len(set(data.hole[rows][both].tolist()))
        yield Finding(
            f"On {both.sum()} rows of {holes} drill holes the submission's own held-out predictions score "
            f"{claimed:.3f}; made again without each row's drill hole, {made:.3f}: their models had seen the hole, "
            "and the score on other holes will be close to the second number",
            FIX,
            place,
            Level.WARNING,
        )


def read_again(experiments: Experiments) -> Floats:
    """The predictions of held-out rows (rows of the data, targets), NaN where there are none."""
    held_out, data = experiments.held_out(), experiments.data
    again = np.full((data.rows, len(data.targets)), np.nan)
    for rows, answer in zip(held_out.rows, held_out.answers, strict=True):
        try:
            predicted = read_predictions(answer) if answer else None
        except NotPredictions:
            continue
        if predicted is not None and predicted.shape == (len(rows), len(data.targets)):
            again[rows] = predicted
    return again
