"""The model's server passes the hooks a fixed number of arguments by position: `model_fn(model_dir)`,
`input_fn(input_data, content_type)`, `predict_fn(inputs, model)`, `output_fn(prediction, accept)`,
`transform_fn(model, input_data, content_type, accept)`. With other parameters, every request is answered with status
500 and a TypeError.

    def input_fn(input_data):            # the server passes the content type, too
        ...

Fix: accept as many arguments as the hook gets; the parameters can have any names.
"""

from collections.abc import Iterator

from recore.check.rule import Finding, Place, rule
from recore.check.script import Function
from recore.check.source import SubmissionSource

ARGUMENTS = {
    "model_fn": ("model_dir",),
    "input_fn": ("input_data", "content_type"),
    "predict_fn": ("inputs", "model"),
    "output_fn": ("prediction", "accept"),
    "transform_fn": ("model", "input_data", "content_type", "accept"),
}


@rule("RC104", "The hooks accept the arguments that the server passes", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    train = source.script("train.py")
    for name, arguments in ARGUMENTS.items():
        found = source.find_function(train, name) if train else None
        if found and not accepts(found[1], len(arguments)):
            script, function = found
            expected = f"{name}({', '.join(arguments)})"
            yield Finding(
                f"the server calls {expected}, but the function is {name}{parameters(function)}",
                f"write it as {expected}",
                Place(script.file, function.lineno),
            )


def accepts(function: Function, count: int) -> bool:
    """Whether a function can be called with so many positional arguments. A decorator can change what it accepts."""
    signature = function.args
    positional = [*signature.posonlyargs, *signature.args]
    required = len(positional) - len(signature.defaults)
    keywords = any(default is None for default in signature.kw_defaults)
    fits = required <= count and (count <= len(positional) or signature.vararg is not None)
    return bool(function.decorator_list) or (fits and not keywords)


def parameters(function: Function) -> str:
    """The names of a function's parameters in parentheses."""
    signature = function.args
    names = [argument.arg for argument in [*signature.posonlyargs, *signature.args]]
    names += [f"*{signature.vararg.arg}"] if signature.vararg else []
    names += [argument.arg for argument in signature.kwonlyargs]
    return f"({', '.join(names)})"
