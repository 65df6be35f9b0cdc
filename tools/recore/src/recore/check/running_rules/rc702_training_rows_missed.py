"""On the rows that it was fitted on, the model is worse than predicting each assay's mean, which scores 0. Usually,
rows have been paired with the wrong assays, or serving uses different units from training. Predictions with the mean
and spread of the assays score at least -3 per unit of weight, in any order, so a score below -10 is an error.

    fit(inputs.sort_index(), targets)   # the rows of targets are in the order of the file

Fix: check that inputs and targets are in the same order when fit is called, and compare predictions with targets.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule

FIX = "Keep inputs and targets in the same order, call predict() with the inputs of fit(), and predict in assay units"
FIX_UNITS = "Undo every change that fit() makes to the targets, and write each target's predictions to its own column"
MIN_SCORE = -0.05  # a mean scores 0, and a cautious estimate of skewed assays, such as a median, slightly less
MIN_PLAUSIBLE = -10.0  # per unit of weight


@rule(
    "On its training rows, the model is better than the mean",
    needs=("RC303", "RC504", "RC505", "RC603", "RC605", "RC609"),
)
def inspect(experiments: Experiments) -> Findings:
    public, location = experiments.score(experiments.predicted()), experiments.scripts.locate("fit", "main")
    if public < MIN_PLAUSIBLE * sum(experiments.weights.values()):
        score = f"On the rows that the model was trained on, it scores {public:.4g}"
        message = f"{score}: are the predictions in the targets' units and columns, and did the fit converge?"
        yield Finding(message, FIX_UNITS, location)
    elif public < MIN_SCORE:
        message = (
            f"The public score is {public:.3f}: on the rows that the model was fitted on, its predictions are worse "
            "than the mean of each assay"
        )
        yield Finding(message, FIX, location, Level.WARNING)
