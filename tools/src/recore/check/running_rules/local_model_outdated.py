"""The model in `model/` does not belong to this submission. By hand, you predict with the model that `python train.py`
left some time ago; the platform trains a new one. If preprocess.py was changed in between, the old model gets inputs
that it was not trained with, and the score by hand is not that of the submission. The same is true of a model that
another version of scikit-learn made.

    BIN = 9   # changed in preprocess.py, and only `python predict.py` is run again

Fix: run `python train.py` again.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.rule import Finding, Level, Place, rule
from recore.text import plain

FIX = "Run `python train.py` again, or remove the model/ folder"
VERSION = "InconsistentVersionWarning"  # of scikit-learn, which prints it with both versions


@rule("RC610", "The model in model/ belongs to this submission", needs=("RC602", "RC609"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    if not experiments.has_local_model:
        return
    place = Place("model/model.pkl")
    try:
        done = experiments.local_model()
    except ExperimentFailed as failed:
        yield failed.finding("The model in model/ could not be tested", Level.WARNING)
        return
    lines = done.log.strip().splitlines()
    if done.status or done.predictions is None:
        reason = lines[-1] if lines else f"status {done.status}"
        message = f"predict.py fails with the model in model/, but works with a new one: {reason}"
        yield Finding(plain(message), FIX, place, Level.WARNING)
    elif warned := [line for line in lines if VERSION in line]:
        detail = warned[0].partition(VERSION)[2].strip(": ")
        message = f"The model in model/ was trained with another version of scikit-learn: {detail}"
        yield Finding(plain(message), FIX, place, Level.WARNING)
