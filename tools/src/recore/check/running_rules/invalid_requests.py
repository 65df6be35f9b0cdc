"""The server answers an invalid request with predictions, or with an error that does not say why. In production some
requests are invalid. Predictions for them are wrong without anybody noticing, and an error without a reason does not
tell its reader what to correct.

    inputs = frame.apply(pd.to_numeric, errors="coerce")   # a text becomes NaN
    raise ValueError("bad input")                            # for a content type: which one?

Fix: check the content type and the cells in input_fn, and raise an error whose message says what was expected.
"""

import re
from collections.abc import Iterator

from recore.check.experiments import Experiments
from recore.check.places import place_of
from recore.check.predictions import first_line
from recore.check.rule import Finding, Level, rule
from recore.check.served_requests import MALFORMED, OTHER_TYPE

FIX = "Check the content type and the cells in input_fn, and raise an error whose message says what is expected"
WHAT = {
    "wrong_type": f"JSON, sent as {OTHER_TYPE},",
    "text_in_a_cell": "a row with the text abc in a cell",
    "cell_missing": "a row without its last cell",
    "not_text": "a row with bytes that are not text",
}


@rule("RC607", "Invalid requests result in an error that says why", needs=("RC602", "RC608"))
def inspect(experiments: Experiments) -> Iterator[Finding]:
    served, place = experiments.serving(), place_of(experiments.submission, "input_fn", "transform_fn")
    answers = {name: served.answers[name] for name in ("wrong_type", *MALFORMED)}
    predicted = [WHAT[name] for name, answer in answers.items() if answer.status == 200]
    silent = [WHAT[name] for name, answer in answers.items() if answer.status >= 400 and not _reason(answer.text)]
    if predicted:
        message = f"The server responds with predictions to {' and to '.join(predicted)}"
        yield Finding(message, FIX, place, Level.WARNING)
    if silent:
        message = f"The server's error does not say what is wrong with {' and with '.join(silent)}"
        yield Finding(message, FIX, place, Level.WARNING)
    elif answers["wrong_type"].status >= 400 and not _names_type(_reason(answers["wrong_type"].text)):
        message = f"The server's error for {WHAT['wrong_type']} does not name the content type"
        yield Finding(message, FIX, place, Level.WARNING)


def _reason(text: str) -> str:
    """The message of an error, without the type of the exception."""
    return first_line(text).partition(":")[2].strip() if text.strip() else ""


def _names_type(text: str) -> bool:
    """Whether an error names the content type that was sent, or says that it is about the content type."""
    return OTHER_TYPE in text.lower() or bool(re.search(r"content[-_ ]?type|media type|mime", text, re.IGNORECASE))
