"""A file over the payload limit is sent by lines, where only the first request has the header, and an endpoint gets a
row at a time. An input_fn that drops the first line loses a row of each batch; a model that looks at the other rows of
a request predicts something else.

    pd.read_csv(StringIO(input_data))   # takes the first row of a further batch for the header

Fix: distinguish a header from a row, as the template's input_fn does; predict each row on its own; and give the same
answer to the same request.
"""

from collections.abc import Iterator

import numpy as np

from recore.check.experiments import Experiments
from recore.check.left_by_jobs import Answer
from recore.check.places import place_of
from recore.check.predictions import (
    Floats,
    NotPredictions,
    compare,
    compare_answers,
    describe_difference,
    read_answer,
    read_predictions,
)
from recore.check.rule import Finding, Level, rule

HEADER = "Make input_fn accept lines both with and without a header"
AGAIN = "Return the same response to the same request: fix random_state, and keep no state between requests"
DIFFERS = "Rows that are sent as {} are predicted differently than in the whole file: {}"
WORKS = "The platform sends a file of up to 100 MB whole, so this works there, but not for larger files or single rows"
ALONE = "Make each prediction depend on its own row alone: scale with what fit() has learnt, not with a request's rows"


@rule("Whole files, batches of lines and single rows give the same predictions", needs=("RC602",))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    answers, data = experiments.serving(), experiments.data
    whole = read_predictions(experiments.predictions())[data.few_rows]
    middle = whole[len(whole) // 2 :][:1]
    again = compare_answers(answers["few"], answers["again"], data.targets)
    if again:
        message = f"The server responds differently if the same request is repeated: {again}"
        yield Finding(message, AGAIN, place_of(experiments.submission, "predict_fn", "fit"))
        return
    with_header = {
        "some of the rows": compare(whole, answers["few"], data.targets),
        "a single row": compare(middle, answers["single_with_header"], data.targets),
    }
    without_header = {
        "two batches of lines (only the first has the header)": _compare_batches(whole, answers, data.targets),
        "a single line without the header": compare(middle, answers["single"], data.targets),
    }
    for what, problem in with_header.items():
        if problem:
            place = place_of(experiments.submission, "predict_fn", "fit")
            yield Finding(DIFFERS.format(what, problem), ALONE, place)
            return
    for what, problem in without_header.items():
        if problem:
            message = f"{DIFFERS.format(what, problem.rstrip('.'))}. {WORKS}"
            place = place_of(experiments.submission, "input_fn", "transform_fn")
            yield Finding(message, HEADER, place, Level.WARNING)
            return


def _compare_batches(expected: Floats, answers: dict[str, Answer], targets: tuple[str, ...]) -> str:
    """What is wrong with the answers to both halves of the lines; empty if nothing is."""
    tables = []
    for name, rows in (("first_lines", len(expected) // 2), ("next_lines", len(expected) - len(expected) // 2)):
        if rows == 0:  # the data have a single row
            continue
        try:
            tables.append(read_answer(answers[name]))
        except NotPredictions as error:
            return f"the response does not contain valid predictions: {error}"
    if any(table.shape[1] != expected.shape[1] for table in tables):
        return f"there are {tables[0].shape[1]} and {tables[-1].shape[1]} columns"
    return describe_difference(expected, np.concatenate(tables), targets)
