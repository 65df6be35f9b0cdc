"""The Unearthed CLI predicts with predict.py, but only locally; the platform predicts with the server's hooks. If their
predictions differ, the score that you compute locally is not the score that you get.

    np.clip(model.predict(inputs), 0, None)   # in predict.py only

A predict.py that fails is run again; intermittent failures are reported as such.

Fix: call the server's hooks in predict.py. If preprocess.py rounds its output, do the rounding in preprocess().
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.job_results import ScriptResult
from recore.check.predictions import InvalidPredictions, format_difference, read_predictions
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.running_rules.rc505_preprocessing_other_rows import find_difference
from recore.failures import find_exception, fix_for, format_exit, last_error

FIX = "Call model_fn, predict_fn and output_fn of train.py in predict.py, on the result of preprocess()"


@rule("predict.py and the server make the same predictions", needs=("RC505", "RC602", "RC605"))
def inspect(experiments: Experiments) -> Findings:
    if not experiments.has_predict_script:
        return
    location = Location("predict.py")
    try:
        result = experiments.by_hand()
        if result.status or result.predictions is None:
            yield _failure(result, experiments)
            return
        predicted = read_predictions(result.predictions)
    except ExperimentError as failed:
        yield failed.finding("predict.py could not be run", Level.WARNING)
        return
    except InvalidPredictions as error:
        yield Finding(f"predict.py does not write valid predictions: {error}", FIX, location)
        return
    expected = experiments.predicted()[experiments.data.subset]
    difference = format_difference(expected, predicted, experiments.data.targets)
    if difference and not find_difference(experiments):  # predict.py got only these rows
        yield Finding(f"predict.py and the server make different predictions: {difference}", FIX, location)


def _failure(result: ScriptResult, experiments: Experiments) -> Finding:
    reason = last_error(result.log) or (format_exit(result.status) if result.status else "it writes no public.csv.out")
    failed = sum(status != 0 for status in result.statuses)
    if failed < len(result.statuses) and failed:
        message = f"predict.py fails intermittently (in {failed} of {len(result.statuses)} runs): {reason}"
        return Finding(message, "", Location("predict.py"), Level.WARNING)
    exception = find_exception(result.log)
    fix = fix_for(exception, "predict", experiments.submission.path) if exception else None
    frame = exception.location if exception else None
    location = Location(frame.name, frame.line) if frame else Location("predict.py")
    return Finding(f"predict.py fails: {reason}", fix or FIX, location, Level.WARNING)
