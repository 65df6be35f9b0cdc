"""train.py fails in its job. Step 1 fails, so there is no model and no score. The job has only the files of the
archive, the packages of the container and of requirements.txt, no network, and an hour.

    from helpers import smooth   # setup.py does not name helpers

Fix: follow the message. `python -m recore run` shows the end of the job's log.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Finding, rule


@rule("RC301", "train.py trains a model in its job", needs=("RC252",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_failure(experiments.training, "Step 1, training, fails")
