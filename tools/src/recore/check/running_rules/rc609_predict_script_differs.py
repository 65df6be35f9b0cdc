"""The Unearthed CLI predicts with predict.py, on your machine only; the platform predicts with the server's hooks.
Where they differ, the score that you compute by hand is not the score that you get.

    np.clip(model.predict(inputs), 0, None)   # in predict.py only

Fix: call the server's hooks in predict.py, and round in preprocess() what is rounded in its file.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.predictions import NotPredictions, describe_difference, read_predictions
from recore.check.rule import Finding, Level, Place, rule
from recore.check.running_rules.rc505_preprocessing_other_rows import find_difference
from recore.failures import last_error

FIX = "Call model_fn, predict_fn and output_fn of train.py in predict.py, on what preprocess() returns"


@rule("predict.py and the server make the same predictions", needs=("RC505", "RC602", "RC605"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    if not experiments.has_predict_script:
        return
    place = Place("predict.py")
    try:
        done = experiments.by_hand()
        if done.status or done.predictions is None:
            reason = last_error(done.log) or f"status {done.status}, and no public.csv.out"
            yield Finding(f"predict.py fails: {reason}", FIX, place, Level.WARNING)
            return
        predicted = read_predictions(done.predictions)
    except ExperimentFailed as failed:
        yield failed.finding("predict.py could not be run", Level.WARNING)
        return
    except NotPredictions as error:
        yield Finding(f"predict.py does not write predictions: {error}", FIX, place)
        return
    expected = read_predictions(experiments.predictions())[experiments.data.few_rows]
    difference = describe_difference(expected, predicted, experiments.data.targets)
    if difference and not find_difference(experiments):  # predict.py got only these rows
        yield Finding(f"predict.py and the server make different predictions: {difference}", FIX, place)
