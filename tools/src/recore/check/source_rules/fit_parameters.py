"""The template's `challenge/fitting.py` calls `fit(inputs, targets, holes, ...)` in `train.py` and passes
hyperparameters by name. The training job fails if `fit` has fewer than three parameters for the data, or a further
parameter without a default.

    def fit(inputs, targets, n_components=9):        # there is no parameter for the drill holes

Fix: keep the first three parameters, and give each further parameter a default. A submission without the template's
`challenge/fitting.py` can have other parameters.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.source import SubmissionSource


@rule("RC105", "fit() has the parameters that the template passes", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    train, fitting = source.script("train.py"), source.script("challenge/fitting.py")
    if not (
        train and fitting and "hyperparameters" in fitting.functions and fitting in source.reached_from("train.py")
    ):
        return
    found = source.find_function(train, "fit")
    if not found or found[1].decorator_list:
        return
    script, function = found
    place = Place(script.file, function.lineno)
    positional = [*function.args.posonlyargs, *function.args.args]
    first_default = len(positional) - len(function.args.defaults)
    defaults = [None] * first_default + [*function.args.defaults]
    if len(positional) < 3 or any(default is not None and not _is_none(default) for default in defaults[:3]):
        yield Finding(
            "fit() is called with inputs, targets and holes, but its first three parameters do not correspond to these",
            "start its parameters with inputs, targets, holes",
            place,
        )
        return
    named = [*zip(positional, defaults, strict=True)][3:]
    named += [*zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)]
    for parameter, default in named:
        if default is None:
            yield Finding(
                f"the hyperparameter {parameter.arg!r} of fit() has no default, so a training job that does not pass "
                "it fails",
                f"give {parameter.arg} a default",
                place,
            )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
