"""The model's server calls functions of `train.py` by their names: `model_fn` to load the model, then for each request
`input_fn`, `predict_fn` and `output_fn`, or `transform_fn` instead of these three. Without `model_fn` the health check
fails, and the transform job ends after many minutes with "did not pass the ping health check". Without `input_fn` the
container converts the whole request, header and index included, to numbers, which fails. `transform_fn` together with
one of the three is refused. A function whose name is almost that of a hook is a warning: the container uses its default
instead.

    def load_model(model_dir):           # the server looks for model_fn
        ...

Fix: define `model_fn(model_dir)` and `input_fn(input_data, content_type)` in `train.py`, or import them there. The
container has usable defaults for `predict_fn` and `output_fn`.
"""

import re
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource

PARTS = ("input_fn", "predict_fn", "output_fn")
SIMILAR = re.compile(r"(model|input|predict|output|transform)(?:ion)?s?_?(?:fn|func|function|hook)s?_?\d*", re.I)


@rule("RC103", "train.py has the functions that the model's server calls", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    script = source.script("train.py")
    names = source.names_of(script) if script else None
    if script is None or names is None:  # only running the file would tell
        return
    for name, function in script.functions.items():
        similar = SIMILAR.fullmatch(name)
        hook = f"{similar[1].lower()}_fn" if similar else name
        if hook not in names:
            yield Finding(
                f"the server does not call {name}(): the hook is {hook}",
                f"rename it to {hook}",
                Place("train.py", function.lineno),
                Level.WARNING,
            )
    if "model_fn" not in names:
        yield Finding(
            "there is no model_fn(): the model's server cannot load the model, and its health check fails",
            "define model_fn(model_dir) in train.py, or import it there",
            Place("train.py"),
        )
    if "transform_fn" in names and (others := [name for name in PARTS if name in names]):
        yield Finding(
            f"transform_fn() replaces {', '.join(others)}: the server refuses to start with both",
            "define either transform_fn, or the other hooks",
            Place("train.py", source.line_of_name(script, "transform_fn")),
        )
    elif "transform_fn" not in names and "input_fn" not in names:
        yield Finding(
            "there is no input_fn(): the container's default converts the whole CSV to numbers and fails on its header",
            "define input_fn(input_data, content_type) in train.py, or import it there",
            Place("train.py"),
        )
