"""The four steps start `train.py` and `preprocess.py` without arguments, so a script exits with status 2 if an argument
is required. A tuning job passes each hyperparameter as a string, which becomes a number only if the script converts it.

    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--alpha", default=0.1)          # --alpha 0.2 gives the string "0.2"
    def fit(inputs, targets, holes, components="10"):     # a string, not a number

Fix: give each argument a default and a type, and write numbers without quotation marks.
"""

import ast

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.script import ENTRY_POINTS, Script, keywords_of, last_name, method_of, parameters_of, strings_of
from recore.check.source import SubmissionSource
from stagemaker import parse_number

OPTIONAL_NARGS = ("?", "*", "...")  # values of nargs that let an argument be missing
UNTYPED_ACTIONS = ("store_true", "store_false", "store_const", "count", "append_const", "version", "help")


@rule("The scripts require no arguments, and convert each to its type")
def inspect(source: SubmissionSource) -> Findings:
    for script in filter(None, map(source.script, ENTRY_POINTS)):
        subparsers = {
            last_name(target)
            for node, _ in script.nodes
            if isinstance(node, ast.Assign) and _adds_parser(node.value)
            for target in node.targets
        }
        for node, context in script.calls:
            if context.conditional or context.typing or not script.executes(context):
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
                if not _adds_parser(node.func.value) and last_name(node.func.value) not in subparsers:
                    yield from _check_argument(node, script)
            elif script.name_of(node.func) in ("click.option", "click.argument") and _click_requires_value(node):
                yield _required_finding(node, script)
        if script.file == "train.py":
            yield from _check_fit(script)


def _adds_parser(node: ast.expr) -> bool:
    """Return whether an expression creates a subparser, whose arguments are required only with its command."""
    return isinstance(node, ast.Call) and method_of(node) == "add_parser"


def _click_requires_value(node: ast.Call) -> bool:
    keywords = keywords_of(node)
    if "required" in keywords or None in keywords or last_name(node.func) == "option":
        return _is_true(keywords.get("required"))
    return "default" not in keywords and ("nargs" not in keywords or ast.unparse(keywords["nargs"]) != "-1")


def _check_argument(node: ast.Call, script: Script) -> Findings:
    keywords = keywords_of(node)
    names = strings_of(node.args)
    if None in keywords or not names:
        return
    may_be_missing = names[0].startswith("-") or _is_one_of(keywords.get("nargs"), OPTIONAL_NARGS)
    if _is_true(keywords.get("required")) or not may_be_missing:
        yield _required_finding(node, script)
        return
    converts = "type" in keywords or _is_one_of(keywords.get("action"), UNTYPED_ACTIONS)
    match keywords.get("default"):
        case ast.Constant(value=int() | float() as value) if not converts and script.file == "train.py":
            message = f"{names[0]} has no type: a tuning job passes a string, although the default is a number"
            fix = f"add type={type(value).__name__}" if not isinstance(value, bool) else "convert the string to a bool"
            yield Finding(message, fix, Location(script.file, node.lineno), Level.WARNING)
        case ast.Constant(value=str() as value) if not converts and script.file == "train.py":
            yield from _check_quoted(
                names[0], value, "add a type, such as type=float", Location(script.file, node.lineno)
            )


def _required_finding(node: ast.Call, script: Script) -> Finding:
    name = next(iter(strings_of(node.args)), "an argument")
    message = f"{name} is required, but the four steps pass no arguments: {script.file} exits with status 2"
    return Finding(message, "make it optional, with a default", Location(script.file, node.lineno))


def _check_fit(script: Script) -> Findings:
    if "fit" not in script.functions:
        return
    for parameter, default in parameters_of(script.functions["fit"]):
        for value in strings_of([default]):
            fix = f"write {parameter.arg}={value} without quotation marks"
            yield from _check_quoted(parameter.arg, value, fix, Location(script.file, parameter.lineno))


def _check_quoted(name: str, value: str, fix: str, location: Location) -> Findings:
    if parse_number(value) is not None:
        message = f"{name} has the default {value!r}, which is a string, not a number"
        yield Finding(message, fix, location, Level.WARNING)


def _is_one_of(value: ast.expr | None, constants: tuple[str, ...]) -> bool:
    """Return whether an argument's value is one of these constants, or an expression that may evaluate to one."""
    return value is not None and (not isinstance(value, ast.Constant) or value.value in constants)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True
