"""A process that needs more memory than its instance has is killed without a message. With fewer rows than
the challenge's 1,344, the memory for these is extrapolated from trainings with all rows and with a part of them.

    kernel = inputs @ inputs.T   # rows x rows

Fix: convert the inputs to float32, fit targets one after the other, or use fewer processes at a time.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.training_plan import REAL_ROWS, extrapolate

FIX = "Convert the inputs to float32, fit one target after the other, or use fewer processes at a time"
WARNED = 70  # per cent of the instance's memory
NOISE = 0.4  # per cent: what short jobs with the same data differ by, as their memory is looked at now and then


@rule("train.py fits into memory with the real data", needs=("RC302",))
def inspect(experiments: Experiments) -> Findings:
    whole, parts = experiments.training(), experiments.part_trainings()
    measured = [(part.rows, part.memory) for part in parts if part.memory is not None]
    if whole.memory is None:
        return
    expected = extrapolate((whole.rows, whole.memory), measured, NOISE)
    if expected is None or expected < WARNED:
        return
    message = (
        f"Training on {whole.rows} rows took {whole.memory:.0f} % of the memory of "
        f"{experiments.settings.training.type}, which is {expected:.0f} % for {max(whole.rows, REAL_ROWS)} rows"
    )
    level = Level.ERROR if expected > 100 else Level.WARNING
    yield Finding(message, FIX, experiments.scripts.place_of("fit", "main"), level)
