"""The template's main() and hold_out() call `fit(inputs, targets, groups, **hyperparameters)`, and a fit() with other
parameters raises TypeError. main() makes each parameter after the first three a command-line option, so its name must
differ from other options, such as --folds. If the default is not a number, a string or a Boolean, there is no option.

    def fit(X, y):                                             # there is a third argument
    def fit(inputs, targets, groups, folds: int = 3):          # main() has an option --folds
    def fit(inputs, targets, groups, max_depth: int = None):   # not a hyperparameter: the default has no type

Fix: keep the first three parameters, and give each hyperparameter its own name and a number, string or Boolean.
"""

import ast
from collections.abc import Iterator
from inspect import Parameter, Signature

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import Script, method_of, signature_of, strings_of
from recore.check.source import SubmissionSource
from recore.listing import count

DATA = 3  # number of parameters that receive data
SCALARS = {"bool", "int", "float", "str"}  # annotations of hyperparameters
FIX = "write `def fit(inputs, targets, groups, ...)`, with each hyperparameter and its default after groups"


@rule("fit() accepts the arguments of its calls, and its hyperparameters can be options")
def inspect(source: SubmissionSource) -> Findings:
    train = source.script("train.py")
    qualified_name = train.aliases.get("fit", "fit") if train else ""
    module = source.find_module(qualified_name.rpartition(".")[0]) if "." in qualified_name else "train.py"
    script = source.script(module) if module else None
    function = script.functions.get("fit") if script else None
    if not (train and script and function) or function.decorator_list or train.bindings["fit"] > 1:
        return
    signature, calls = signature_of(function), [(train.name_of(call.func), call) for call, _ in train.calls]
    has_options = any(name == "inspect.signature" and "fit" in map(ast.unparse, call.args) for name, call in calls)
    hyperparameters = [*signature.parameters.values()][DATA:] if has_options else []
    for name, call in calls:
        if name == qualified_name and (problem := _bind(signature, call, hyperparameters, has_options)):
            message = f"line {call.lineno} of train.py calls fit() with {count(len(call.args), 'positional argument')}"
            yield Finding(f"{message}, which raises TypeError: {problem}", FIX, Location(script.file, function.lineno))
            return
    for parameter in hyperparameters:
        for message, fix, level in _judge(parameter, train):
            yield Finding(message, fix, Location(script.file, parameter.annotation.lineno), level)


def _bind(signature: Signature, call: ast.Call, hyperparameters: list[Parameter], has_options: bool) -> str:
    """Return why a call raises TypeError, or "" if it does not, as far as its arguments are known."""
    names = {keyword.arg for keyword in call.keywords}
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return ""
    bind = signature.bind
    if None in names:  # `**values`, which the template's main() fills with the values of its options
        bind = signature.bind if has_options else signature.bind_partial
        names |= {each.name for each in hyperparameters if _is_option(each)}
    try:
        bind(*call.args, **dict.fromkeys(filter(None, names)))
    except TypeError as error:
        return str(error)
    return ""


def _is_option(parameter: Parameter) -> bool:
    """Return whether a default is a number, a string or a Boolean, or an expression that may evaluate to one."""
    match parameter.default:
        case ast.Constant(value=value):
            return isinstance(value, int | float | str)
        case ast.UnaryOp() | ast.BinOp() | ast.Name():
            return True
    return False


def _judge(parameter: Parameter, train: Script) -> Iterator[tuple[str, str, Level]]:
    """Yield messages, fixes and levels if main() cannot make a hyperparameter an option."""
    name, declaration = parameter.name, parameter.annotation.annotation
    declared = [strings_of(call.args) for call, _ in train.calls if method_of(call) == "add_argument"]
    types = {getattr(each, "id", "") for each in ast.walk(declaration)} if declaration else SCALARS
    if not _is_option(parameter):
        if isinstance(parameter.default, ast.Constant) and parameter.default.value is None and types & SCALARS:
            message = f"{name} is not a hyperparameter, because the default None has no type: main() ignores --{name}"
            yield message, "make the default a number, a string or a Boolean, such as 0 for no limit", Level.WARNING
    elif any(f"--{name}" in names for names in [["--help"], *declared]):
        message = f"main() has another option --{name}, so argparse raises ArgumentError"
        yield message, "rename the hyperparameter", Level.ERROR
    elif len(name) == 1:
        message = f"SageMaker passes a one-letter hyperparameter as -{name}, which main() ignores"
        yield message, "give it a longer name", Level.WARNING
