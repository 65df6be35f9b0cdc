"""train.py would take too long with the real data. A training job is stopped after an hour, and a job that was stopped
leaves no model. The real public data have some 18,000 rows; the time is extrapolated to these from trainings with all
rows, a part of them, and, where all took more than twice as long, a part of that part, which shows the power of the
rows by which the time grows.

    GridSearchCV(model, {"alpha": alphas, "degree": range(8)}, cv=10)   # in fit()

Fix: search on your own machine and write the result into train.py, or use fewer and faster models.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.extrapolation import REAL_ROWS, extrapolate, growth
from recore.check.places import place_of
from recore.check.rule import Finding, Level, Rule
from recore.pipeline.requests import JOB_SECONDS

NOISE = 2.0  # seconds by which two trainings differ for no reason
FIX = "Search for hyperparameters on your own machine, or fit fewer or faster models"


def inspect(experiments: Experiments) -> Iterator[Finding]:
    whole, parts = experiments.training(), experiments.part_trainings()
    full, measured = (whole.rows, whole.seconds), [(part.rows, part.seconds) for part in parts]
    third = experiments.small_training() if growth(full, measured) > max(NOISE, parts[0].seconds) else None
    small = (third.rows, third.seconds) if third else None
    expected = extrapolate(full, measured, small, NOISE)
    if expected is None or expected < JOB_SECONDS / 2:
        return
    level = Level.ERROR if expected > JOB_SECONDS else Level.WARNING
    message = (
        f"Training took {whole.seconds:.0f} s for {whole.rows} rows, which makes some {expected / 60:.0f} minutes for "
        f"{REAL_ROWS} rows; a training job is stopped after {JOB_SECONDS // 60} minutes"
    )
    yield Finding(message, FIX, place_of(experiments.submission, "fit", "main"), level)


RULE = Rule("RC304", "training-time", "train.py ends within an hour with the real data", ("RC302",), inspect)
