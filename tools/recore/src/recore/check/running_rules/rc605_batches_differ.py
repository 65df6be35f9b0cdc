"""Batch Transform splits a file above the payload limit into batches of lines, so only the first has the header; an
endpoint gets one row at a time. An input_fn that always drops the first line loses a row of later batches; a model
that uses a request's other rows predicts differently. The rule also sends unsorted rows, one of them twice: the
response needs one line for each row, in the order of the request. An endpoint must respond within 60 s.

    pd.read_csv(StringIO(input_data))   # takes the first row of a later batch for the header
    inputs.sort_index()                 # predictions are compared with the assays line by line

Fix: distinguish a header from a row, as the template's input_fn does; predict each row independently; and return the
same response to the same request.
"""

from recore.check.experiments import Experiments
from recore.check.job_results import ServedResponse
from recore.check.predictions import (
    InvalidPredictions,
    compare,
    compare_responses,
    find_max_difference,
    read_response,
)
from recore.check.rule import Finding, Findings, Level, rule
from recore.check.served_requests import make_mixed_order
from recore.listing import count

HEADER = "Make input_fn accept lines both with and without a header"
STATE = "Return the same response to the same request: fix random_state, and keep no state between requests"
STALE = "The server sends the response to an earlier request again if another request has as many rows"
DIFFERENCE = "The predictions differ if {} are sent instead of the entire file: {}"
LARGE_FILES_NOTE = "The platform probably sends a file of up to 100 MB at once, but not a larger file or a single row"
TIME_LIMIT_NOTE = (
    'the 60 s that SageMaker gives an endpoint ("Your invocation timed out while waiting for a response from container '
    'primary"); a Batch Transform job waits for as long as its request specifies'
)
SPEED = "Make predictions faster: move work that does not depend on the request to fit(), or use a smaller model"
ORDER = "Return a prediction for each row of the request, in the same order: input_fn must not sort, drop or group rows"
SCALE = "Make each prediction depend on its own row alone: scale with values learnt in fit(), not with a request's rows"


@rule("Entire files, batches of lines and single rows give the same predictions", needs=("RC602",))
def inspect(experiments: Experiments) -> Findings:
    responses, data = experiments.serving(), experiments.data
    if responses["few"].late:
        message = f"The prediction of {count(len(data.subset), 'row')} takes longer than {TIME_LIMIT_NOTE}"
        yield Finding(message, SPEED, experiments.scripts.locate("predict_fn", "fit"), Level.WARNING)
        return
    all_rows = experiments.predicted()[data.subset]
    middle = all_rows[len(all_rows) // 2 :][:1]
    if difference := compare_responses(responses["few"], responses["again"], data.targets):
        message = f"The server responds differently if the same request is repeated: {difference}"
        yield Finding(message, STATE, experiments.scripts.locate("predict_fn", "fit"))
        return
    if moved := find_moved_rows(responses["few"], responses["mixed"], len(all_rows)):
        message, level = moved
        yield Finding(message, ORDER, experiments.scripts.locate("input_fn", "transform_fn", "predict_fn"), level)
        return
    halves = ("first_lines", "next_lines") if len(all_rows) > 1 else ("next_lines",)
    for what, expected, requests, with_header in (
        ("only some of the rows", all_rows, ("few",), True),
        ("single rows", middle, ("single_with_header",), True),
        ("two batches of lines (only the first has the header)", all_rows, halves, False),
        ("single lines without the header", middle, ("single",), False),
    ):
        problem = compare(expected, data.targets, *(responses[name] for name in requests))
        if problem and with_header:
            yield Finding(DIFFERENCE.format(what, problem), SCALE, experiments.scripts.locate("predict_fn", "fit"))
            return
        if problem and not compare(all_rows[: len(all_rows) // 2], data.targets, responses["next_lines"]):
            yield Finding(STALE, STATE, experiments.scripts.locate("predict_fn", "fit"))
            return
        if problem:
            message = f"{DIFFERENCE.format(what, problem.rstrip('.'))}. {LARGE_FILES_NOTE}"
            yield Finding(message, HEADER, experiments.scripts.locate("input_fn", "transform_fn"), Level.WARNING)
            return


def find_moved_rows(subset: ServedResponse, mixed: ServedResponse, rows: int) -> tuple[str, Level] | None:
    """Compare responses to the same rows in two orders. Return a message and level if hooks sort or drop rows."""
    try:
        first = read_response(subset)
    except InvalidPredictions:
        return None  # a different part of the rule reports this
    order = make_mixed_order(rows)
    case = f"For a request of {count(len(order), 'row')}, unsorted and with one row repeated,"
    try:
        second = read_response(mixed)
    except InvalidPredictions as error:
        return f"{case} there are no valid predictions: {error}", Level.WARNING
    if len(first) != rows or (len(second) == len(order) and not find_max_difference(first[order], second)):
        return None
    if len(second) < len(order):
        return f"{case} there are only {len(second)} predictions: the hooks drop rows", Level.WARNING
    for twice in range(rows):
        rising = first[[*range(twice + 1), *range(twice, rows)]]
        if any(each.shape == second.shape and not find_max_difference(each, second) for each in (rising, rising[::-1])):
            return f"{case} the predictions are in a different order: the hooks sort the rows of a request", Level.ERROR
    return None
