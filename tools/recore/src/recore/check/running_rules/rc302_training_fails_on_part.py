"""train.py fails when it gets only part of the data. The platform's data differ from the local data in their rows,
drill holes and missing values, so a script that can train only on exactly the local rows may fail there.

    assert len(data) == 1277

Fix: derive all sizes from the data.
"""

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Findings, rule


@rule("train.py also trains with fewer rows", needs=("RC301",))
def inspect(experiments: Experiments) -> Findings:
    plan = experiments.plan
    problem = f"Training works with all {plan.data.rows} public rows, but fails with {len(plan.part)} of them"
    yield from find_failure(experiments.part_trainings, problem)
