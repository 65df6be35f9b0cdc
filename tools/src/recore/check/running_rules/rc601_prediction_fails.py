"""Step 3 fails. The server gets the file that preprocess.py wrote as the body of one request, and calls input_fn,
predict_fn and output_fn, or transform_fn. An exception in one of them ends the job.

    inputs = pd.read_csv(StringIO(input_data))   # the index becomes an input

Fix: follow the message. The hooks need the names and the parameters that the template's train.py has.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.failures import find_failure
from recore.check.rule import Finding, rule


@rule("The model predicts from what preprocess.py writes", needs=("RC405", "RC501", "RC502"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    yield from find_failure(experiments.predictions, "Step 3, prediction, fails")
