"""Nobody sits at a job's terminal, and its standard input is empty: a question raises EOFError, and a read returns
nothing. A debugger ends the job in the same way.

    if input("train all targets? [y/n] ") != "y":

Fix: make the choice a constant, or a hyperparameter of fit(). A question behind `if sys.stdin.isatty()`, or in a
function that nothing calls, is accepted.
"""

import ast

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import Script, last_name, line_of
from recore.check.source import SubmissionSource

PROMPTS = frozenset(
    "input breakpoint pdb.set_trace ipdb.set_trace IPython.embed getpass.getpass fileinput.input click.prompt "
    "click.confirm click.pause click.getchar".split()
)
READS = ("sys.stdin.read", "sys.stdin.readline", "sys.stdin.readlines", "sys.stdin.buffer")
HOOKS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
FIX = "remove it, or make the choice a hyperparameter: a parameter of fit() with a default"


@rule("The scripts do not wait for input from the keyboard")
def inspect(source: SubmissionSource) -> Findings:
    used_names = {last_name(node) for each in source.scripts for node, _ in each.nodes if isinstance(node, ast.expr)}
    for script in source.scripts:
        unused = [each for name, each in script.functions.items() if name not in {*HOOKS, *used_names}]
        for node, context in script.nodes:
            name, is_optional = _reads_keyboard(node, script), context.conditional or context.handles("EOFError")
            if not name or is_optional or not script.executes(context):
                continue
            if any(node in ast.walk(each) for each in unused):
                continue
            message = f"{name} reads the keyboard, but nobody sits at a job's terminal, and its standard input is empty"
            yield Finding(message, FIX, Location(script.file, line_of(node)))


def _reads_keyboard(node: ast.AST, script: Script) -> str:
    match node:
        case ast.Call(func=function) if (name := script.name_of(function)) in PROMPTS:
            return "" if script.bindings[name] else f"{name}()"  # a function of the submission
        case ast.Attribute() if (name := script.name_of(node)) in READS:
            return name
        case ast.For(iter=stream) | ast.Call(args=[stream]) if script.name_of(stream) == "sys.stdin":
            return "sys.stdin"
    return ""
