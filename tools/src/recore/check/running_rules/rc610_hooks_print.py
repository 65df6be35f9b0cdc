"""The hooks print at each request. Nothing fails, but every line goes to the log of the endpoint, which is paid for and
hides errors.

    def predict_fn(inputs, model):
        print(inputs.shape)

Fix: remove the print, or print once, in model_fn.
"""

import re
from collections import Counter
from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.places import place_of
from recore.check.rule import Finding, Level, rule
from recore.listing import count

NUMBER = re.compile(r"\d+")  # by which lines of different requests differ
FIX = "Remove the print, or print once, in model_fn"


@rule("The hooks do not print at each request", needs=("RC601", "RC605"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    answers, printed = experiments.serving(), experiments.printed_lines()
    if any(answer.body is None for answer in answers.values()):  # errors are logged
        return
    counts = Counter(NUMBER.sub("0", line) for line in printed)
    lines = sum(number for number in counts.values() if number >= len(answers))
    if lines:
        example = next(line for line in printed if counts[NUMBER.sub("0", line)] >= len(answers))
        message = f"The hooks print {count(lines, 'line')} for {count(len(answers), 'request')}: {example!r}"
        place = place_of(experiments.submission, "predict_fn", "input_fn", "transform_fn")
        yield Finding(message, FIX, place, Level.WARNING)
