"""The server does not survive an invalid request. On an endpoint, everybody else's requests fail as well until the
server is started again, and in a prediction job the remaining files are not predicted.

    os._exit(1)   # in input_fn

Fix: raise an exception; the server turns it into an error for this request alone.
"""

from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.places import place_of
from recore.check.predictions import compare, first_line, read_predictions
from recore.check.rule import Finding, rule
from recore.check.served_requests import MALFORMED

FIX = "Raise an exception for an invalid request, and change nothing that other requests depend on"


@rule("RC608", "The server keeps running after invalid requests", needs=("RC602", "RC605"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    served, data = experiments.serving(), experiments.data
    place = place_of(experiments.submission, "input_fn", "transform_fn")
    for name in ("wrong_type", *MALFORMED):
        answer = served.answers[name]
        if answer.status == 0:
            message = f"The server does not respond to an invalid request ({name}): {first_line(answer.text)}"
            yield Finding(message, FIX, place)
            return
    expected = read_predictions(experiments.predictions())[data.few_rows]
    problem = compare(expected, served.answers["few"], data.targets)
    later = compare(expected, served.answers["afterwards"], data.targets)
    if later and not problem:
        yield Finding(f"After invalid requests, the server responds differently: {later}", FIX, place)
