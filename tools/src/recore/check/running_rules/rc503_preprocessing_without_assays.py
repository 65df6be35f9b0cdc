"""Private data have no columns of assays. A preprocess.py that needs them works on public data, and fails on the
platform, where nobody shows you the log of the private side.

    targets = data[TARGETS]   # a KeyError without these columns

Fix: use the assays only if they exist, or not at all in preprocess.py.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.rule import Finding, Place, rule
from recore.check.variations import read_variation

FIX = "Use the assays in preprocess.py only if the data contain them"


@rule("preprocess.py runs on data without assays", needs=("RC501", "RC502"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    try:
        variations = experiments.variations()
    except ExperimentFailed as failed:
        yield failed.finding("preprocess.py could not be tested with variations of the data")
        return
    reason = read_variation(variations["untargeted"]).problem
    if reason and not read_variation(variations["some"]).problem:
        yield Finding(f"preprocess.py fails on data without assays: {reason}", FIX, Place("preprocess.py"))
