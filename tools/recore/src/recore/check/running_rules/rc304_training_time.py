"""A training job is stopped after an hour and then produces no model. If the data have fewer rows than the challenge's
1,344, the CPU time is extrapolated from training on all rows and on part of them. The finding is an error only if the
limit would be exceeded even on four CPUs that are twice as fast as the local ones.

    GridSearchCV(model, {"alpha": alphas, "degree": range(8)}, cv=10)   # in fit()

Fix: search for hyperparameters locally and write the result into train.py, or use fewer and faster models.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.training_plan import REAL_ROWS, extrapolate
from recore.evaluation import JOB_SECONDS

CPUS = 4  # CPUs of ml.m5.xlarge
SPEED_UP = 2  # how many times as fast the platform's CPUs may be
FIX = "Search for hyperparameters locally, or fit fewer or faster models"


@rule("train.py takes less than an hour with the real data", needs=("RC302",))
def inspect(experiments: Experiments) -> Findings:
    full, parts = experiments.training(), experiments.part_trainings()
    measured = [(part.rows, part.cpu_seconds) for part in parts if part.cpu_seconds is not None]
    if full.cpu_seconds is None:
        return
    expected = extrapolate((full.rows, full.cpu_seconds), measured)
    # on a busy computer, training may have used fewer CPUs than it could
    if expected is None or expected / max(1.0, full.cpu_seconds / full.seconds) < JOB_SECONDS / 2:
        return
    level = Level.ERROR if expected > JOB_SECONDS * CPUS * SPEED_UP else Level.WARNING
    message = (
        f"Training on {full.rows} rows took {full.cpu_seconds:.0f} s of CPU time, "
        f"and would take an estimated {expected / 60:.0f} minutes for {max(full.rows, REAL_ROWS)} rows; "
        f"a training job is stopped after {JOB_SECONDS // 60} minutes"
    )
    yield Finding(message, FIX, experiments.scripts.locate("fit", "main"), level)
