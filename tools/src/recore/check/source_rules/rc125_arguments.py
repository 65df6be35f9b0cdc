"""The four steps start `train.py` and `preprocess.py` without arguments: one that is required ends the script with
status 2. A tuning job passes each hyperparameter as a string, which becomes a number only if the script converts it.

    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--alpha", default=0.1)          # --alpha 0.2 gives the string "0.2"
    def fit(inputs, targets, holes, components="10"):     # a string, not a number

Fix: give each argument a default and a type; write numbers without quotation marks.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import ENTRY_POINTS, Script, last_name, method_of
from recore.check.source import SubmissionSource
from stagemaker import parse_number

OPTIONAL = ("?", "*")  # values of nargs that let an argument be missing
WITHOUT_TYPE = ("store_true", "store_false", "store_const", "count", "append_const", "version", "help")


@rule("The scripts need no arguments, and convert those that they get")
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in filter(None, map(source.script, ENTRY_POINTS)):
        for node, context in script.calls:
            if context.conditional or context.typing or not script.executes(context):
                continue
            if method_of(node) == "add_argument":
                yield from _check_argument(node, script)
            elif last_name(node.func) in ("option", "argument") and script.name_of(node.func).startswith("click."):
                keywords = {keyword.arg: keyword.value for keyword in node.keywords}
                if _is_true(keywords.get("required")) or (
                    last_name(node.func) == "argument" and "default" not in keywords
                ):
                    yield _required(node, script)
        if script.file == "train.py":
            yield from _check_fit(script)


def _check_argument(node: ast.Call, script: Script) -> Iterator[Finding]:
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    names = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if None in keywords or not names:
        return
    nargs = keywords.get("nargs")
    is_positional = not names[0].startswith("-")
    may_be_missing = "default" in keywords or (isinstance(nargs, ast.Constant) and nargs.value in OPTIONAL)
    if _is_true(keywords.get("required")) or (is_positional and not (nargs and may_be_missing)):
        yield _required(node, script)
        return
    action = keywords.get("action")
    converts = "type" in keywords or (isinstance(action, ast.Constant) and action.value in WITHOUT_TYPE)
    match keywords.get("default"):
        case ast.Constant(value=int() | float() as value) if not converts and script.file == "train.py":
            message = f"{names[0]} has no type: a tuning job passes a string, while the default is a number"
            fix = f"add type={type(value).__name__}" if not isinstance(value, bool) else "convert the string to a bool"
            yield Finding(message, fix, Place(script.file, node.lineno), Level.WARNING)


def _required(node: ast.Call, script: Script) -> Finding:
    name = next((str(each.value) for each in node.args if isinstance(each, ast.Constant)), "an argument")
    message = f"{name} is required, but the four steps pass no arguments: {script.file} ends with status 2"
    return Finding(message, "give it a default, and do not require it", Place(script.file, node.lineno))


def _check_fit(script: Script) -> Iterator[Finding]:
    """Hyperparameters of `fit` whose default is a number in quotation marks."""
    if "fit" not in script.functions:
        return
    arguments = script.functions["fit"].args
    positional = [*arguments.posonlyargs, *arguments.args]
    last = zip(positional[::-1], arguments.defaults[::-1], strict=False)
    defaults = [*last, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for argument, default in defaults:
        if (
            isinstance(default, ast.Constant)
            and isinstance(default.value, str)
            and parse_number(default.value) is not None
        ):
            message = f"{argument.arg} has the default {default.value!r}, which is a string, not a number"
            fix = f"write {argument.arg}={default.value} without quotation marks"
            yield Finding(message, fix, Place(script.file, default.lineno), Level.WARNING)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True
