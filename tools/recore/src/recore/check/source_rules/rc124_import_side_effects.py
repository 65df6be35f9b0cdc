"""The model server imports `train.py`, and `train.py` usually imports `preprocess.py`. Code outside functions runs
whenever a file is imported: the server would train a model again, or fail because it has neither data nor arguments.

    model = fit(*read(os.environ["SM_CHANNEL_TRAINING"]))     # at the top level

Fix: move the code into a function `main`, and call it below `if __name__ == "__main__":`.
"""

import ast

from recore.check.rule import Finding, Findings, Location, rule
from recore.check.script import ENTRY_POINTS, Script, line_of, method_of
from recore.check.source import SubmissionSource
from recore.failures import TRAINING_METHODS, TRAINING_VARIABLES

FIX = 'move this code into a function main(), and call it below `if __name__ == "__main__":`'


@rule("train.py and preprocess.py can be imported without running their step")
def inspect(source: SubmissionSource) -> Findings:
    for script in source.follow_imports("train.py"):
        if script.file not in ENTRY_POINTS:
            continue
        for node, context in script.nodes:
            if not context.runs_on_import or context.conditional or context.handled:
                continue
            if effect := _find_effect(node, script):
                message = f"this line {effect} whenever {script.file} is imported, even by the model server"
                yield Finding(message, FIX, Location(script.file, line_of(node)))
                break


def _find_effect(node: ast.AST, script: Script) -> str | None:
    """Describe a node's action if it must not happen during an import; otherwise, return None."""
    if direct := _direct_effect(node, script):
        return direct
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in script.functions:
        inside = ast.walk(script.functions[node.func.id])
        return next((effect for each in inside if (effect := _direct_effect(each, script))), None)
    return None


def _direct_effect(node: ast.AST, script: Script) -> str | None:
    match node:
        case ast.Subscript(value=value, slice=ast.Constant(value=name)) if name in TRAINING_VARIABLES:
            return f"needs {name}" if script.name_of(value) == "os.environ" else None
        case ast.Call() if method_of(node) in TRAINING_METHODS:
            return TRAINING_METHODS[method_of(node)]
    return None
