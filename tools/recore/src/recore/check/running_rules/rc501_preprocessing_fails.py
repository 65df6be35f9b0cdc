"""Step 2 fails, so there are no inputs to predict from. The job has only preprocess.py, the data and the container's
packages: no requirements.txt, model, arguments or network access.

    from helpers import smooth   # in preprocess.py

Fix: follow the message, and move the code that preprocess.py needs into it.
"""

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Findings, rule


@rule("preprocess.py runs alone in its job")
def inspect(experiments: Experiments) -> Findings:
    yield from find_failure(experiments.preprocessing, "Step 2, preprocessing of the public data, fails")
