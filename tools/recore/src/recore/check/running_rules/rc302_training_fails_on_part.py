"""train.py fails with a part of the data. The platform's data have other rows, holes and gaps than the data at hand, so
a script that trains only with exactly these rows may fail there.

    assert len(data) == 1277

Fix: take all sizes from the data.
"""

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Findings, rule


@rule("train.py trains with fewer rows, too", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    plan = experiments.plan
    what = f"Training works with all {plan.data.rows} rows of the public data, but fails with {len(plan.part)} of them"
    yield from find_failure(experiments.part_trainings, what)
