"""On the rows that it was fitted on, the model is worse than predicting each assay's mean, which scores 0. Usually,
rows have been paired with the wrong assays, or serving uses different units from training.

    fit(inputs.sort_index(), targets)   # the rows of targets are in the order of the file

Fix: check that inputs and targets are in the same order when fit is called, and compare predictions with targets.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.running_rules.rc604_predictions_implausible import judge

FIX = "Keep inputs and targets in the same order, call predict() with the inputs of fit(), and predict in assay units"
MIN_SCORE = -0.05  # a mean scores 0, and a cautious estimate of skewed assays, such as a median, slightly less


@rule(
    "On its training rows, the model is better than the mean",
    needs=("RC303", "RC504", "RC505", "RC603", "RC605", "RC609"),
)
def inspect(experiments: Experiments) -> Findings:
    data, predicted = experiments.data, experiments.predicted()
    if any(judge(predicted, data.measured, data.targets)):
        return  # RC604 reports the targets
    public = experiments.score(predicted)
    if public < MIN_SCORE:
        message = (
            f"The public score is {public:.3f}: on the rows that the model was fitted on, its predictions are worse "
            "than the mean of each assay"
        )
        yield Finding(message, FIX, experiments.scripts.locate("fit", "main"), Level.WARNING)
