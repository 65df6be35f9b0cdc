"""Browsers, proxies and many HTTP libraries send `text/csv; charset=utf-8`. The server's toolkit decodes a body only
if its content type is exactly `text/csv`; otherwise, input_fn gets bytes and a content type that it may not support.

    if content_type == "text/csv":

Fix: compare `content_type.split(";")[0].strip()`, and decode the body if it is bytes.
"""

from recore.check.experiments import Experiments
from recore.check.predictions import compare
from recore.check.rule import Finding, Findings, Level, rule

FIX = 'Compare content_type.split(";")[0] instead of content_type, and decode the body if it is bytes'


@rule("The server accepts text/csv with a parameter", needs=("RC602", "RC605"))
def inspect(experiments: Experiments) -> Findings:
    data = experiments.data
    expected = experiments.predicted()[data.subset]
    response = experiments.serving()["charset"]
    problem = compare(expected, data.targets, response)
    if problem and not response.late:  # RC605 reports that
        location = experiments.scripts.locate("input_fn", "transform_fn")
        yield Finding(f"With the content type `text/csv; charset=utf-8`, {problem}", FIX, location, Level.WARNING)
