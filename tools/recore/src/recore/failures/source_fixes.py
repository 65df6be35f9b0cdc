"""Fixes for failures of training or serving whose cause is visible in the source of train.py."""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from recore.failures.fixes import NO_FILE, missing_file_fix
from recore.failures.submission_files import read_file

NO_MODEL = "wrote no file to SM_MODEL_DIR"  # in the reason of a training job that wrote no model
# in the reason of a server that does not start
LOAD_FAILURE = re.compile(r"did not load|no such file|No such file|SystemExit|\bping\b")
EXITS = ("sys.exit", "exit", "quit", "os._exit", "SystemExit")
TRAINING_VARIABLES = ("SM_CHANNEL_TRAINING", "SM_MODEL_DIR")  # environment variables that only a training job has
TRAINING_METHODS = {"fit": "trains", "parse_args": "reads arguments", "parse_known_args": "reads arguments"}


def source_fix(reason: str, step: str, submission: Path) -> str | None:
    """Return the fix for a failed step, or None if the submission's train.py does not show the cause."""
    content = read_file(submission, "train.py")
    if not content:
        return None
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.parse(content)
        if step.endswith("train") and NO_MODEL in reason:
            return _early_exit(tree) or _missing_start(tree)
        if step.endswith("predict") and LOAD_FAILURE.search(reason):
            missing = NO_FILE.search(reason)
            fix = missing_file_fix(missing["path"], step, submission) if missing else None
            return fix or _missing_guard(tree) or _training_in_model_fn(tree)
    return None


def _early_exit(tree: ast.Module) -> str | None:
    """Return the fix if train.py exits early without an error, other than in an unused function."""
    nodes = list(ast.walk(tree))
    used_names = {node.id for node in nodes if isinstance(node, ast.Name)}
    used_names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}  # as in train.main()
    last = tree.body[-1] if tree.body else None
    last = last.body[-1] if isinstance(last, ast.If) else last
    exits = [
        (ast.unparse(call.func), call.lineno)
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef) or statement.name in used_names
        for call in _calls(statement)
        if ast.unparse(call.func) in EXITS
        and call not in (getattr(last, "value", None), getattr(last, "exc", None))  # in an expression or a `raise`
        and all(isinstance(each, ast.Constant) and not each.value for each in call.args)
    ]
    if not exits:
        return None
    lines = " or ".join(f"{name} in line {line}" for name, line in exits[:3])
    return f"train.py exited early without an error ({lines}); save the model before it exits."


def _missing_start(tree: ast.Module) -> str | None:
    start = 'end it with `if __name__ == "__main__":` and a call to the function that trains.'
    statements = [each for each in tree.body if not isinstance(each, ast.FunctionDef | ast.ClassDef)]
    for guard in statements:
        if isinstance(guard, ast.If) and (test := ast.unparse(guard.test)).startswith("__name__ =="):
            if "__main__" in test:
                return None
            return f"train.py calls nothing, because the comparison in line {guard.lineno} is never true; {start}"
    starts = any(isinstance(each, ast.Expr | ast.If | ast.With | ast.Try) and any(_calls(each)) for each in statements)
    return None if starts else f"train.py only defines functions and calls none of them; {start}"


def _missing_guard(tree: ast.Module) -> str | None:
    """Return the fix if a top-level statement would start training when the server imports train.py."""
    training = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _is_training(node)}
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If):
            continue
        for call in _calls(statement):
            if _callee(call) in TRAINING_METHODS or ast.unparse(call.func) in training:
                return (
                    f"train.py has no main guard: the server imports it, and line {call.lineno} then calls "
                    f'{_callee(call)}(). Put the training below `if __name__ == "__main__":`.'
                )
    return None


def _is_training(function: ast.FunctionDef) -> bool:
    variables = (node.slice for node in ast.walk(function) if isinstance(node, ast.Subscript))
    return any(_callee(call) in TRAINING_METHODS for call in _calls(function)) or any(
        isinstance(each, ast.Constant) and each.value in TRAINING_VARIABLES for each in variables
    )


def _training_in_model_fn(tree: ast.Module) -> str | None:
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name == "model_fn":
            for call in _calls(function):
                if _callee(call) == "fit" or ast.unparse(call.func) in ("train", "main"):
                    return (
                        f"model_fn calls {_callee(call)}() in line {call.lineno}, but the server has no training data; "
                        "train in the training job, save the model in SM_MODEL_DIR, and load it in model_fn."
                    )
    return None


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that are made when a statement or function runs, except calls in a lambda."""
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.Lambda | ast.AsyncFunctionDef):
            yield from _calls(child)


def _callee(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]
