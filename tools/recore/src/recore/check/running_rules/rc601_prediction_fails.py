"""Step 3 fails. The server gets the output of preprocess.py as the body of one request, and calls either input_fn,
predict_fn and output_fn or transform_fn. An exception in one of them ends the job. If the inputs depend on the drill
holes in the data, the model is also tested with inputs for other drill holes.

    inputs = pd.read_csv(StringIO(input_data))   # the index becomes an input

Fix: follow the message. The hooks need the same names and parameters as in the template's train.py.
"""

from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.predictions import first_line
from recore.check.rule import Finding, Findings, Location, rule
from recore.text import plain

FIX = "Write the same columns for all drill holes in preprocess.py; the names of holes are not inputs"


@rule("The model can predict from the output of preprocess.py", needs=("RC405", "RC501", "RC502"))
def inspect(experiments: Experiments) -> Findings:
    try:
        experiments.predictions()
        private = experiments.serving().get("private")
    except ExperimentError as failed:
        yield failed.finding("Step 3, prediction, fails")
        return
    if private and private.body is None and not private.late:  # RC605 reports late responses
        reason, difference = first_line(private.error).rstrip(".?"), experiments.differences()["private"]
        message = f"Step 3 fails with data from other drill holes, as in the private file: {reason}"
        message += f". Their inputs differ: {difference}"
        yield Finding(plain(message, 900), FIX, Location("preprocess.py"))
