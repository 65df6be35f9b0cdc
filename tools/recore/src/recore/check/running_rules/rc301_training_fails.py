"""Step 1 fails, so there is no model. The job has the archive's files, the packages of the container and of
requirements.txt, one hour, and no network access. Only wheels are installed, because the container has no compiler.

    from helpers import smooth   # setup.py does not list helpers

Fix: follow the message. `python -m recore run` shows the end of the job's log.
"""

from recore.check.experiments import Experiments
from recore.check.failures import failure_of
from recore.check.rule import Finding, Findings, Location, rule

FIX_PACKAGES = "Pin versions that have a wheel for Python 3.12 on Linux and work with the container's packages"


@rule("train.py trains a model in its job")
def inspect(experiments: Experiments) -> Findings:
    failed = failure_of(experiments.training)
    if failed and failed.is_installation:
        yield Finding(str(failed), FIX_PACKAGES, Location("requirements.txt"))
    elif failed:
        yield failed.finding("Step 1, training, fails")
