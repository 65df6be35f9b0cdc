"""The public score is computed on the rows that the model was fitted on. In held_out.csv, the unverified
held-out predictions, each row should be predicted by a model that has not seen its drill hole (RC703). Private data
come from other holes, so the private score will be close to the held-out score. The rule reports a held-out score
below a third of the public score. With fewer than twenty holes or 1,000 rows, the finding is only a note; with fewer
than ten holes, the rule is skipped.

    KNeighborsRegressor(1)   # its public score is 1.01, its cross-validated one is below 0

Fix: choose models by the cross-validated score (`python -m recore validate`), and split by drill hole.
"""

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.distribution import PROGRAM

FIX = f"Choose the model by the cross-validated score of `{PROGRAM} validate`, and split by drill hole"
MIN_SHARE = 1 / 3  # share of the public score; boosted trees reach a half on a dozen drill holes
MIN_HOLES = 10  # with fewer drill holes, a cross-validated score is not meaningful
ENOUGH_HOLES, ENOUGH_ROWS = 20, 1000  # enough to show that a model memorises


@rule("The model keeps its score on drill holes that it has not seen", needs=("RC603",))
def inspect(experiments: Experiments) -> Findings:
    data = experiments.data
    if data.holes < MIN_HOLES:
        return
    held_out = experiments.unverified_held_out()
    if held_out is None or held_out.shape != data.measured.shape:
        return
    public = experiments.score(experiments.predicted())
    validated = experiments.score(held_out)
    if public > 0 and validated < MIN_SHARE * public:
        message = (
            f"The public score is {public:.3f}, and the score on held-out drill holes is {validated:.3f}: the model "
            "memorises the rows that it was fitted on, and the private score will be close to the second number"
        )
        level = Level.WARNING
        if data.holes < ENOUGH_HOLES or data.rows < ENOUGH_ROWS:
            level = Level.NOTE
            message += f"; with only {data.rows:,} rows from {data.holes} drill holes, this may be chance"
        yield Finding(message, FIX, experiments.scripts.locate("fit"), level)
