"""Two trainings with the same data give different predictions. The platform then scores another model than the one that
was validated, and nobody can reproduce the winning model.

    RandomForestRegressor()   # without random_state

Fix: give every estimator and every generator of random numbers a fixed seed.
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentFailed
from recore.check.pickles import same_models
from recore.check.predictions import NotPredictions, compare, read_answer
from recore.check.rule import Finding, Findings, Level, rule

FIX = "Give each estimator and each generator of random numbers a fixed seed, such as random_state=0"


@rule("Training twice results in the same predictions", needs=("RC302", "RC405", "RC501"))
def inspect(experiments: Experiments) -> Findings:
    first, second = experiments.part_trainings()
    if same_models(first.archive, second.archive):  # then the predictions are the same as well
        return
    try:
        once, again = (answers["few"] for answers in experiments.repeated())
        difference = compare(read_answer(once), experiments.data.targets, again)
    except (ExperimentFailed, NotPredictions) as failed:
        fix = "Look at model_fn in train.py"
        yield Finding(f"A model trained on part of the data could not be served: {failed}", fix, level=Level.WARNING)
        return
    if difference:
        message = f"Two models trained on the same data predict differently: {difference}"
        yield Finding(message, FIX, experiments.scripts.place_of("fit", "main"))
