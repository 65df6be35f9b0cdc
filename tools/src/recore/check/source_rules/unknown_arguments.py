"""The platform passes every hyperparameter of the training job to `train.py` as `--name value`, including those that
the script does not know, and passes nothing else. `parse_args()` ends the job with status 2 at the first unknown
argument, or if a required argument is missing. `preprocess.py` gets no arguments at all, so there `parse_args()` is
only a warning.

    arguments = parser.parse_args()

Fix: use `arguments, unknown = parser.parse_known_args()`, and give every argument a default.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Script, method_of
from recore.check.source import SubmissionSource

FIX_UNKNOWN = "write `arguments, unknown = parser.parse_known_args()`"


@rule("RC112", "The scripts' command lines accept what the platform passes", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.scripts:
        imported = {statement.top for statement in script.imports}
        if not imported & {"argparse", "optparse"}:
            continue
        for node, context in script.calls:
            if not script.executes(context):
                continue
            place = Place(script.file, node.lineno)
            if method_of(node) == "parse_args" and _reads_command_line(node, script):
                if context.at_import and script in source.reached_from("train.py"):
                    continue  # the rule work-at-import reports it
                level = Level.WARNING if script.file == "preprocess.py" else Level.ERROR
                message = "it ends the program at the first argument that it does not know"
                yield Finding(message, FIX_UNKNOWN, place, level)
            elif method_of(node) == "add_argument" and (name := _required(node)):
                yield Finding(
                    f"the argument {name} is required, but the platform does not pass it", "give it a default", place
                )


def _reads_command_line(node: ast.Call, script: Script) -> bool:
    """Whether parse_args() parses this program's arguments: without any, or with a part of sys.argv."""
    arguments = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "args")]
    if not arguments:
        return True
    return any(isinstance(each, ast.expr) and script.name_of(each) == "sys.argv" for each in ast.walk(arguments[0]))


def _required(node: ast.Call) -> str:
    """The name of an argument that must be given, empty for one that may be left out."""
    match node.args[:1]:
        case [ast.Constant(value=str(name))]:
            pass
        case _:
            return ""
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    match keywords.get("required"):
        case ast.Constant(value=True):
            return name
    if name.startswith("-") or "default" in keywords or None in keywords:
        return ""
    match keywords.get("nargs"):
        case None | ast.Constant(value=int() | "+"):
            return name
    return ""
