"""The server predicts differently for batches of lines and for single rows than for the whole file. A file over the
payload limit is sent by lines, where only the first request has the header, and an endpoint gets a row at a time. An
input_fn that drops the first line loses a row of each batch; a model that looks at the other rows of a request predicts
something else.

    pd.read_csv(StringIO(input_data))   # takes the first row of a further batch for the header

Fix: distinguish a header from a row, as input_fn of the template does, and predict each row on its own.
"""

from collections.abc import Iterator

import numpy as np

from recore.check.experiments import Experiments
from recore.check.places import place_of
from recore.check.predictions import (
    Floats,
    NotPredictions,
    compare,
    describe_difference,
    read_answer,
    read_predictions,
)
from recore.check.rule import Finding, Rule
from recore.check.served import Served

FIX = "Let input_fn take lines with and without a header, and let each prediction depend on its row alone"


def inspect(experiments: Experiments) -> Iterator[Finding]:
    served, data = experiments.serving(), experiments.data
    whole = read_predictions(experiments.predictions())[data.few_rows]
    half = len(whole) // 2
    problems = {
        "some rows with the header": compare(whole, served.answer("few"), data.targets),
        "two batches of lines, of which only the first has the header": _compare_batches(whole, served, data.targets),
        "a single row with the header": compare(
            whole[half : half + 1], served.answer("single_with_header"), data.targets
        ),
        "a single row without the header": compare(whole[half : half + 1], served.answer("single"), data.targets),
    }
    for what, problem in problems.items():
        if problem:
            message = f"The server predicts differently for {what} than for the whole file: {problem}"
            yield Finding(message, FIX, place_of(experiments.submission, "input_fn", "transform_fn"))
            return


def _compare_batches(expected: Floats, served: Served, targets: tuple[str, ...]) -> str:
    """What is wrong with the answers to both halves of the lines; empty where nothing is."""
    tables = []
    for name, rows in (("first_lines", len(expected) // 2), ("next_lines", len(expected) - len(expected) // 2)):
        if rows == 0:  # the data have a single row
            continue
        try:
            tables.append(read_answer(served.answer(name)))
        except NotPredictions as error:
            return f"the answer is not predictions: {error}"
    if any(table.shape[1] != expected.shape[1] for table in tables):
        return f"there are {tables[0].shape[1]} and {tables[-1].shape[1]} columns"
    return describe_difference(expected, np.concatenate(tables), targets)


RULE = Rule(
    "RC605",
    "batches-differ",
    "Whole files, batches of lines and single rows give the same predictions",
    ("RC602",),
    inspect,
)
