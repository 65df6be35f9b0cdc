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

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import Function, Script, keywords_of, method_of, parameters_of, strings_of
from recore.check.source import SubmissionSource
from recore.listing import count

DATA = 3  # number of parameters that receive data
SCALARS = {"bool", "int", "float", "str"}  # annotations of hyperparameters
FIX = "write `def fit(inputs, targets, groups, ...)`, with each hyperparameter and its default after groups"


@rule("fit() accepts the arguments of its calls, and its hyperparameters can be options")
def inspect(source: SubmissionSource) -> Findings:
    script = source.script("train.py")
    function = script.functions.get("fit") if script else None
    if script is None or function is None or function.decorator_list or script.bindings["fit"] > 1:
        return
    calls = [(script.name_of(call.func), call) for call, _ in script.calls]
    has_options = any(name == "inspect.signature" and "fit" in map(ast.unparse, call.args) for name, call in calls)
    for name, call in calls:
        if name == "fit" and (problem := _find_mismatch(function, call, has_options)):
            message = f"line {call.lineno} calls fit() with {count(len(call.args), 'positional argument')}"
            yield Finding(f"{message}, which raises TypeError: {problem}", FIX, Location(script.file, function.lineno))
            return
    parameters, options = parameters_of(function), function.args.kwonlyargs
    if has_options and function.args.vararg and options and len(parameters) - len(options) < DATA - 1:
        message = f"main() ignores --{options[0].arg}, because it skips the first {DATA} parameters of fit()"
        yield Finding(message, FIX, Location(script.file, function.lineno), Level.WARNING)
    for parameter, default in parameters[DATA:] if has_options else []:
        for message, fix, level in _judge(parameter, default, script):
            yield Finding(message, fix, Location(script.file, parameter.lineno), level)


def _find_mismatch(function: Function, call: ast.Call, has_options: bool) -> str:
    """Return why a call does not match the parameters, or "" if it does, as far as its arguments are known.

    has_options: whether `**values` in the call contains only hyperparameters with a default, as in the template.
    """
    names, keywords, arguments = [each.arg for each, _ in parameters_of(function)], keywords_of(call), function.args
    if any(isinstance(each, ast.Starred) for each in call.args) or (None in keywords and not has_options):
        return ""
    if len(call.args) > len(names) - len(arguments.kwonlyargs) and not arguments.vararg:
        return f"it has only the parameters {', '.join(names)}" if names else "it has no parameters"
    given = {*names[: len(call.args)], *keywords}
    missing = [each.arg for each, default in parameters_of(function) if default is None and each.arg not in given]
    unknown = [] if arguments.kwarg else [name for name in keywords if name and name not in names]
    problems = {"no value for": missing, "no parameter": unknown}
    return "; ".join(f"there is {problem} {', '.join(each)}" for problem, each in problems.items() if each)


def _judge(parameter: ast.arg, default: ast.expr | None, script: Script) -> Iterator[tuple[str, str, Level]]:
    """Yield messages, fixes and levels if main() cannot make a hyperparameter an option."""
    name = parameter.arg
    declared = [strings_of(call.args) for call, _ in script.calls if method_of(call) == "add_argument"]
    annotation = parameter.annotation
    types = {getattr(each, "id", "") for each in ast.walk(annotation)} if annotation else SCALARS
    if isinstance(default, ast.Constant) and default.value is None:
        if types & SCALARS:
            message = f"{name} is not a hyperparameter, because the default None has no type: main() ignores --{name}"
            yield message, "make the default a number, a string or a Boolean, such as 0 for no limit", Level.WARNING
    elif not isinstance(default, ast.Constant | ast.UnaryOp | ast.BinOp | ast.Name):
        return  # a collection, for example, which main() does not make an option
    elif any(f"--{name}" in names for names in [["--help"], *declared]):
        message = f"main() has another option --{name}, so argparse raises ArgumentError"
        yield message, "rename the hyperparameter", Level.ERROR
