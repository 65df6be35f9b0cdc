"""A training job is stopped after an hour, and leaves no model. With fewer rows than the challenge's 1,344, the
processor time for these is extrapolated from trainings with all rows and with a part of them. It is an error only if
the limit is exceeded even on four processors that are twice as fast as those here.

    GridSearchCV(model, {"alpha": alphas, "degree": range(8)}, cv=10)   # in fit()

Fix: search on your own machine and write the result into train.py, or use fewer and faster models.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.training_plan import REAL_ROWS, extrapolate
from recore.evaluation import JOB_SECONDS

PROCESSORS = 4  # of ml.m5.xlarge
FASTER = 2  # how many times as fast the platform's processors may be
FIX = "Search for hyperparameters on your own machine, or fit fewer or faster models"


@rule("train.py ends within an hour with the real data", needs=("RC302",))
def inspect(experiments: Experiments) -> Findings:
    whole, parts = experiments.training(), experiments.part_trainings()
    measured = [(part.rows, part.processor_seconds) for part in parts if part.processor_seconds is not None]
    if whole.processor_seconds is None:
        return
    expected = extrapolate((whole.rows, whole.processor_seconds), measured)
    # on a busy machine a training used fewer processors at a time than it could
    if expected is None or expected / max(1.0, whole.processor_seconds / whole.seconds) < JOB_SECONDS / 2:
        return
    level = Level.ERROR if expected > JOB_SECONDS * PROCESSORS * FASTER else Level.WARNING
    message = (
        f"Training on {whole.rows} rows took {whole.processor_seconds:.0f} s of processor time, "
        f"which is {expected / 60:.0f} minutes for {max(whole.rows, REAL_ROWS)} rows; "
        f"a training job is stopped after {JOB_SECONDS // 60} minutes"
    )
    yield Finding(message, FIX, experiments.scripts.place_of("fit", "main"), level)
