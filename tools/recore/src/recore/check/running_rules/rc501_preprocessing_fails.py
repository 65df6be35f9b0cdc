"""Step 2 fails, so there is nothing to predict from. The job has preprocess.py alone, the container's packages without
those of requirements.txt, no model, no arguments and no network.

    from helpers import smooth   # in preprocess.py

Fix: follow the message, and move what preprocess.py needs into it.
"""

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Findings, rule


@rule("preprocess.py runs alone in its job")
def inspect(experiments: Experiments) -> Findings:
    yield from find_failure(experiments.preprocessing, "Step 2, preprocessing of the public data, fails")
