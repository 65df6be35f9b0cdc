"""Training twice with the same data gives different predictions. The platform then scores a different model from the
one that was validated, and nobody can reproduce the winning model.

    RandomForestRegressor()   # without random_state

Fix: give every estimator and every random number generator a fixed seed.
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.model_archives import have_same_models
from recore.check.predictions import InvalidPredictions, compare, read_response
from recore.check.rule import Finding, Findings, Level, rule

FIX = "Give each estimator and each random number generator a fixed seed, such as random_state=0"


@rule("Training twice gives the same predictions", needs=("RC302", "RC405", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    first, second = experiments.part_trainings()
    if have_same_models(first.archive, second.archive):  # and so are the predictions
        return
    try:
        first_response, second_response = (responses["few"] for responses in experiments.repeated())
        difference = compare(read_response(first_response), experiments.data.targets, second_response)
    except (ExperimentError, InvalidPredictions) as failed:
        fix = "Look at model_fn in train.py"
        yield Finding(f"A model trained on part of the data could not be served: {failed}", fix, level=Level.WARNING)
        return
    if difference:
        message = f"Two models trained on the same data predict differently: {difference}"
        yield Finding(message, FIX, experiments.scripts.locate("fit", "main"))
