"""The model's server imports `train.py`; it does not run it. Code outside functions runs at that moment, when there is
no training data, the command line is the server's, and `sys.exit` ends the server itself. The health check then fails.

    arguments = parser.parse_args()      # at the top level of train.py
    main()

A fit at the top level is a warning, because it may need no data.

Fix: put the work into a function, and call it under `if __name__ == "__main__":`.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Context, Script, line_of
from recore.check.source import SubmissionSource

EXITS = ("sys.exit", "exit", "quit", "os._exit", "os.abort")
FITTED = "a model is fitted, probably without data,"
FIX = 'put it into a function that is called under `if __name__ == "__main__":`'


@rule("RC111", "Importing train.py does no work, parses no arguments and does not exit", needs=("RC101", "RC102"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    for script in source.reached_from("train.py"):
        for node, context in script.nodes:
            if context.at_import and not context.conditional and (message := _problem(node, context, script, source)):
                level = Level.WARNING if message == FITTED else Level.ERROR
                place = Place(script.file, line_of(node))
                yield Finding(f"{message} when the model's server imports this file", FIX, place, level)


def _problem(node: ast.AST, context: Context, script: Script, source: SubmissionSource) -> str:
    """What a node does at import that only a program may do; empty for all others."""
    match node:
        case ast.Raise(exc=ast.Name(id="SystemExit") | ast.Call(func=ast.Name(id="SystemExit"))):
            return "" if context.handles("SystemExit") else "the program ends"
        case ast.Call(func=function):
            name = script.name_of(function)
            if name in EXITS and not context.handles("SystemExit"):
                return "the program ends"
            if name.endswith(".parse_args") and "argparse" in script.aliases.values() and not node.args:
                return "the arguments of another program are parsed"
            if name.endswith(".fit") and not context.handles():
                return FITTED
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in ("main", "run", "train", "fit"):
            return f"{name}() is called" if source.find_function(script, name) and not context.handles() else ""
        case ast.Subscript(value=value, slice=ast.Constant(value="SM_CHANNEL_TRAINING"), ctx=ast.Load()):
            if script.name_of(value) == "os.environ" and not context.handles("KeyError"):
                return "SM_CHANNEL_TRAINING is read, which only a training job has,"
    return ""
