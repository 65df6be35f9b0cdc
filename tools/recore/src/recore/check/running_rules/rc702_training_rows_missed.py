"""On the rows that it was fitted with, the model is worse than the mean of each assay, which scores 0. Usually, rows
have been paired with the wrong assays, or the server's units differ from those of training.

    fit(inputs.sort_index(), targets)   # the rows of targets are in the order of the file

Fix: compare the order of inputs and targets where fit is called, and the model's predictions with its targets.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.running_rules.rc604_predictions_implausible import judge

FIX = "Keep the rows of inputs and targets in one order, and give predict() what fit() got, in the assays' own units"
LEAST = -0.05  # a mean has 0, and a cautious estimate of skewed assays, such as a median, little less


@rule(
    "On the rows that it was fitted with, the model is better than the mean",
    needs=("RC303", "RC504", "RC505", "RC603", "RC605", "RC609"),
)
def inspect(experiments: Experiments) -> Findings:
    data, predicted = experiments.data, experiments.predicted()
    if any(judge(predicted, data.measured, data.targets)):
        return  # RC604 names the targets
    public = experiments.score(predicted)
    if public < LEAST:
        message = (
            f"The public score is {public:.3f}: on the rows that the model was fitted with, its predictions are worse "
            "than the mean of each assay"
        )
        yield Finding(message, FIX, experiments.scripts.place_of("fit", "main"), Level.WARNING)
