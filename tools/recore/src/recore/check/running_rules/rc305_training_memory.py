"""A process that needs more memory than its instance has is killed without a message. If the data have fewer rows than
the challenge's 1,344, memory use is extrapolated from training on all rows and on part of them.

    kernel = inputs @ inputs.T   # rows x rows

Fix: convert the inputs to float32, fit one target at a time, or use fewer parallel processes.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.training_plan import REAL_ROWS, extrapolate

FIX = "Convert the inputs to float32, fit one target at a time, or use fewer parallel processes"
WARN_PERCENT = 70  # per cent of the instance's memory
NOISE = 0.4  # per cent: short jobs with the same data differ by this much, because memory is sampled


@rule("train.py has enough memory for the real data", needs=("RC302",))
def inspect(experiments: Experiments) -> Findings:
    full, parts = experiments.training(), experiments.part_trainings()
    measured = [(part.rows, part.memory) for part in parts if part.memory is not None]
    if full.memory is None:
        return
    expected = extrapolate((full.rows, full.memory), measured, NOISE)
    if expected is None or expected < WARN_PERCENT:
        return
    message = (
        f"Training on {full.rows} rows used {full.memory:.0f}% of the memory of {experiments.settings.training.type}, "
        f"and would use an estimated {expected:.0f}% for {max(full.rows, REAL_ROWS)} rows"
    )
    level = Level.ERROR if expected > 100 else Level.WARNING
    yield Finding(message, FIX, experiments.scripts.locate("fit", "main"), level)
