"""Nobody sits at a job's terminal, and its standard input is empty: a question raises EOFError, and a read returns
nothing. A debugger ends the job in the same way.

    if input("train all targets? [y/n] ") != "y":

Fix: make the choice a constant, or a hyperparameter of fit(). A question behind `if sys.stdin.isatty()`, or in a
function that nothing calls, is accepted.
"""

import ast

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import Script
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
    used_names = {*HOOKS}
    for script in source.scripts:
        used_names |= {node.id for node, _ in script.nodes if isinstance(node, ast.Name)}
        used_names |= {node.attr for node, _ in script.nodes if isinstance(node, ast.Attribute)}
    for script in source.scripts:
        unused = [node for name, node in script.functions.items() if name not in used_names]
        for node, context in script.nodes:
            name = _reads_keyboard(node, script)
            if not name or not script.executes(context) or context.conditional or context.typing:
                continue
            if context.handles("EOFError") or any(node in ast.walk(function) for function in unused):
                continue
            message = f"{name} reads the keyboard, but nobody sits at a job's terminal, and its standard input is empty"
            yield Finding(message, FIX, Location(script.file, node.lineno))


def _reads_keyboard(node: ast.AST, script: Script) -> str:
    match node:
        case ast.Call(func=function) if (name := script.name_of(function)) in PROMPTS:
            return "" if script.bindings[name] else f"{name}()"  # a function of the submission
        case ast.Attribute() if (name := script.name_of(node)) in READS:
            return name
        case ast.For(iter=iterated) if script.name_of(iterated) == "sys.stdin":
            return "sys.stdin"
        case ast.Call(args=arguments) if "sys.stdin" in map(script.name_of, arguments):
            return "sys.stdin"
    return ""
