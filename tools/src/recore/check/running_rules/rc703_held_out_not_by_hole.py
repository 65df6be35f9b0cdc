"""The held-out predictions that train.py leaves beside the model (held_out.csv) are the submission's own. Here they are
made again: train.py is run without each fold of the drill holes, on some rows of six holes; with --thorough, on all
rows. A finding says that the submission's own predictions score clearly higher than these on the same rows: its models
had probably seen other rows of the hole.

    KFold(5, shuffle=True).split(inputs)   # neighbours of each row are in the training part

Fix: leave out whole drill holes, as the template's hold_out does: GroupKFold, with the holes as groups.
"""

from collections.abc import Iterator

import numpy as np

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.held_out_file import score
from recore.check.places import place_of
from recore.check.rule import Finding, Level, rule
from recore.evaluation import HONEST_GAP

FIX = "Leave out whole drill holes: GroupKFold(5).split(inputs, groups=holes)"
THOROUGH = "Use --thorough, which makes them again with all rows, for at most an hour"
ENOUGH = 0.5  # of the rows


@rule("The submission's own held-out predictions were held out by drill hole", needs=("RC303", "RC603"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    data, rows = experiments.data, experiments.plan.held_out
    place = place_of(experiments.submission, "hold_out", "main", "fit")
    try:
        held_out = experiments.held_out()
    except ExperimentFailed as failed:
        yield failed.finding("The held-out predictions could not be made again", Level.NOTE)
        return
    if held_out is None:
        return
    own, again = held_out.own, held_out.again
    if own is None or len(own) != len(rows):
        own = np.full_like(again, np.nan)
    both = np.isfinite(own).any(axis=1) & np.isfinite(again).any(axis=1)
    if both.mean() < ENOUGH:
        message = f"Held-out predictions were made again for only {both.sum()} of {len(rows)} rows"
        yield Finding(message, THOROUGH, place, Level.NOTE)
        return
    measured = data.measured[rows][both]
    claimed, made = (score(each[both], measured, experiments.weights, data.targets) for each in (own, again))
    if claimed - made > HONEST_GAP:
        holes = len(set(data.hole[rows][both].tolist()))
        yield Finding(
            f"On {both.sum()} rows of {holes} drill holes the submission's own held-out predictions score "
            f"{claimed:.3f}; made again without each row's drill hole, {made:.3f}: their models had probably seen the "
            "hole, and the score on other holes will be close to the second number",
            FIX,
            place,
            Level.WARNING,
        )
