"""requirements.txt cannot be installed. The platform installs requirements.txt before it starts train.py, and again
before it serves the model. Where pip fails, the step fails and nothing of the submission runs. Only wheels are
installed here: a package without one would have to be compiled in the container, which has no compiler.

    scikit-learn==1.99

Fix: use versions that exist as wheels for Python 3.12 on Linux, and that fit the packages of the container.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.rule import Finding, Place, rule

FIX = "Name a version that has a wheel for Python 3.12 on Linux and fits the container's packages"


@rule("RC252", "requirements.txt can be installed, from wheels")
def inspect(experiments: Experiments) -> Iterator[Finding]:
    try:
        experiments.training()
    except ExperimentFailed as failed:
        if failed.installing:
            yield Finding(str(failed), FIX, Place("requirements.txt"))
