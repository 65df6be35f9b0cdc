"""The hooks print at each request. Nothing fails, but every line goes to the endpoint's log, which costs money and
obscures errors.

    def predict_fn(inputs, model):
        print(inputs.shape)

Fix: remove the print, or print once, in model_fn.
"""

import re
from collections import Counter
from itertools import islice

from recore.check.experiments import Experiments
from recore.check.rule import Finding, Findings, Level, rule
from recore.listing import count

DIGITS = re.compile(r"\d+")  # may differ between the same lines of two requests
SERVER_LINE = re.compile(r"\[\d{4}-\d\d-\d\d [^]]*\] \[")  # a line of gunicorn's log
MAX_LINES = 10_000  # lines that are read from a log
FIX = "Remove the call to print(), or print once, in model_fn"


@rule("The hooks do not print on each request", needs=("RC601", "RC605"))
def inspect(experiments: Experiments) -> Findings:
    responses, printed_lines = experiments.serving(), _printed_lines(experiments)
    if any(response.body is None for response in responses.values()):  # errors are logged
        return
    counts = Counter(DIGITS.sub("0", line) for line in printed_lines)
    if repeated := [line for line in printed_lines if counts[DIGITS.sub("0", line)] >= len(responses)]:
        lines, requests = count(len(repeated), "line"), count(len(responses), "request")
        message = f"The hooks print {lines} for {requests}: {repeated[0]!r}"
        location = experiments.scripts.locate("predict_fn", "input_fn", "transform_fn")
        yield Finding(message, FIX, location, Level.WARNING)


def _printed_lines(experiments: Experiments) -> list[str]:
    with open(experiments.folder / "logs/serve-predict.log", encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in islice(file, MAX_LINES)]
    return [line for line in lines if line and not SERVER_LINE.match(line)]
