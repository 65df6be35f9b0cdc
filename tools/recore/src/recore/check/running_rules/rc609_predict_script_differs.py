"""The Unearthed CLI predicts with predict.py, on your machine only; the platform predicts with the server's hooks.
Where they differ, the score that you compute by hand is not the score that you get.

    np.clip(model.predict(inputs), 0, None)   # in predict.py only

A predict.py that fails is run again; a failure that does not happen every time is reported as such.

Fix: call the server's hooks in predict.py, and round in preprocess() what is rounded in its file.
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.left_by_jobs import ByHand
from recore.check.predictions import NotPredictions, describe_difference, read_predictions
from recore.check.rule import Finding, Findings, Level, Place, rule
from recore.check.running_rules.rc505_preprocessing_other_rows import find_difference
from recore.failures import find_exception, format_exit, hint_for, last_error

FIX = "Call model_fn, predict_fn and output_fn of train.py in predict.py, on what preprocess() returns"


@rule("predict.py and the server make the same predictions", needs=("RC505", "RC602", "RC605"))
def inspect(experiments: Experiments) -> Findings:
    if not experiments.has_predict_script:
        return
    place = Place("predict.py")
    try:
        done = experiments.by_hand()
        if done.status or done.predictions is None:
            yield _failure(done, experiments)
            return
        predicted = read_predictions(done.predictions)
    except ExperimentFailed as failed:
        yield failed.finding("predict.py could not be run", Level.WARNING)
        return
    except NotPredictions as error:
        yield Finding(f"predict.py does not write predictions: {error}", FIX, place)
        return
    expected = experiments.predicted()[experiments.data.few_rows]
    difference = describe_difference(expected, predicted, experiments.data.targets)
    if difference and not find_difference(experiments):  # predict.py got only these rows
        yield Finding(f"predict.py and the server make different predictions: {difference}", FIX, place)


def _failure(done: ByHand, experiments: Experiments) -> Finding:
    """The finding for a predict.py that fails. A fix is given only if the cause is known."""
    reason = last_error(done.log) or (format_exit(done.status) if done.status else "it writes no public.csv.out")
    failed = sum(status != 0 for status in done.statuses)
    if failed < len(done.statuses) and failed:
        message = f"predict.py fails now and then (in {failed} of {len(done.statuses)} runs): {reason}"
        return Finding(message, "", Place("predict.py"), Level.WARNING)
    exception = find_exception(done.log)
    fix = hint_for(exception, "predict", experiments.submission.path) if exception else None
    place = exception.place if exception else None
    where = Place(place.name, place.line) if place else Place("predict.py")
    return Finding(f"predict.py fails: {reason}", fix or "", where, Level.WARNING)
