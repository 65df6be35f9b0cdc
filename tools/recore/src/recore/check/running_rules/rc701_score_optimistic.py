"""The public score is for the rows that the model was fitted with; held_out.csv, the submission's own held-out
predictions, should be by models that have not seen a row's drill hole (RC703). Private data come from other holes, so
their score will be near the second one. The finding is for a model that keeps less than a third of its score there.
With fewer than twenty holes or 1,000 rows it is a note; with fewer than ten holes nothing is compared.

    KNeighborsRegressor(1)   # its public score is 1.01, its cross-validated one is below 0

Fix: choose models by the cross-validated score (`python -m recore validate`), and split by drill hole.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.distribution import PROGRAM

FIX = f"Choose the model by the cross-validated score of `{PROGRAM} validate`, and split by drill hole"
KEPT = 1 / 3  # of the public score; boosted trees keep a half on a dozen drill holes
HOLES = 10  # drill holes from which on a cross-validated score says something
ENOUGH_HOLES, ENOUGH_ROWS = 20, 1000  # from which on it says that a model memorises


@rule("The model keeps its score on drill holes that it has not seen", needs=("RC603",))
def inspect(experiments: Experiments) -> Findings:
    data = experiments.data
    if data.holes < HOLES:
        return
    held_out = experiments.own_held_out()
    if held_out is None or held_out.shape != data.measured.shape:
        return
    public = experiments.score(experiments.predicted())
    validated = experiments.score(held_out)
    if public > 0 and validated < KEPT * public:
        message = (
            f"The public score is {public:.3f}, and that of held-out drill holes is {validated:.3f}: the model "
            "memorises the rows that it was fitted with, and the private score will be close to the second number"
        )
        level = Level.WARNING
        if data.holes < ENOUGH_HOLES or data.rows < ENOUGH_ROWS:
            level = Level.NOTE
            message += f"; with so few rows, {data.rows:,} from {data.holes} drill holes, it may be chance"
        yield Finding(message, FIX, experiments.scripts.place_of("fit"), level)
