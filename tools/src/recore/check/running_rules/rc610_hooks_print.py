"""The hooks print at each request. Nothing fails, but every line goes to the log of the endpoint, which is paid for and
hides errors.

    def predict_fn(inputs, model):
        print(inputs.shape)

Fix: remove the print, or print once, in model_fn.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.places import place_of
from recore.check.rule import Finding, Level, rule
from recore.listing import count

FIX = "Remove the print, or print once, in model_fn"


@rule("The hooks do not print at each request", needs=("RC601", "RC605"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    requests, lines = len(experiments.serving()), experiments.printed_lines()
    if len(lines) >= requests:
        message = f"The hooks print {count(len(lines), 'line')} for {count(requests, 'request')}: {lines[-1]!r}"
        place = place_of(experiments.submission, "predict_fn", "input_fn", "transform_fn")
        yield Finding(message, FIX, place, Level.WARNING)
