"""Hints for failures of training or serving whose cause is visible in the source of train.py."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

NO_MODEL = "wrote no file to SM_MODEL_DIR"  # in the reason of a training without a model
NOT_LOADED = re.compile(r"did not load|no such file|No such file|SystemExit|ping")  # of a server that does not start
MISSING_FILE = re.compile(r"No such file or directory: '(?:/opt/ml/(?:model/)?code/)?(?P<path>[^']+)'")
EXITS = ("sys.exit", "exit", "quit", "os._exit", "SystemExit")


def source_hint(reason: str, step: str, submission: Path) -> str | None:
    """What to do about a failed step; None if train.py does not show the cause. submission: its folder or archive."""
    try:
        tree = ast.parse((submission / "train.py").read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if step.endswith("train") and NO_MODEL in reason:
        return _early_exit(tree) or _missing_start(tree)
    if step.endswith("predict") and NOT_LOADED.search(reason):
        return _missing_guard(tree) or _missing_file(reason, submission) or _training_in_model_fn(tree)
    return None


def _early_exit(tree: ast.Module) -> str | None:
    """The exits of train.py without an error."""
    exits = [
        (ast.unparse(call.func), call.lineno)
        for call in _calls(tree)
        if ast.unparse(call.func) in EXITS
        and all(isinstance(each, ast.Constant) and not each.value for each in call.args)
    ]
    if not exits:
        return None
    lines = " or ".join(f"by {name} in line {line}" for name, line in exits[:3])
    return f"train.py ended early, without an error, {lines}: let it continue until the model is saved."


def _missing_start(tree: ast.Module) -> str | None:
    """Why train.py, started as a program, calls nothing."""
    start = 'end it with `if __name__ == "__main__":` and a call of the function that trains.'
    statements = [each for each in tree.body if not isinstance(each, ast.FunctionDef | ast.ClassDef)]
    for guard in statements:
        if isinstance(guard, ast.If) and (test := ast.unparse(guard.test)).startswith("__name__ =="):
            if "__main__" in test:
                return None
            return f"train.py starts nothing: __name__ is never what line {guard.lineno} compares it with: {start}"
    called = any(isinstance(each, ast.Expr | ast.If | ast.With | ast.Try) and any(_calls(each)) for each in statements)
    return None if called else f"train.py only defines functions, and calls none of them: {start}"


def _missing_guard(tree: ast.Module) -> str | None:
    """The statement at the top level of train.py that trains when the server imports it."""
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.If):
            continue
        for call in _calls(statement):
            local = isinstance(statement, ast.Expr) and statement.value is call and _name(call) in functions
            if local or _name(call) == "fit":
                return (
                    f"train.py has no main guard: the server imports it, and line {call.lineno} then calls "
                    f'{_name(call)}(). Put the training below `if __name__ == "__main__":`.'
                )
    return None


def _training_in_model_fn(tree: ast.Module) -> str | None:
    """The call in model_fn that trains."""
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name == "model_fn":
            for call in _calls(function):
                if _name(call) in ("fit", "train", "main"):
                    return (
                        f"model_fn calls {_name(call)}() in line {call.lineno}, but the server has no data to train "
                        "on: train in the training job, save the model in SM_MODEL_DIR, and let model_fn read it."
                    )
    return None


def _missing_file(reason: str, submission: Path) -> str | None:
    """A file of the submission's folder that is not uploaded."""
    missing = MISSING_FILE.search(reason)
    if not missing or Path(missing["path"]).is_absolute() or not (submission / missing["path"]).is_file():
        return None
    path = missing["path"]
    return (
        f"{path} is not uploaded: add a line `include {path}` to MANIFEST.in; or let train.py write the file into "
        "SM_MODEL_DIR, and let model_fn read it from model_dir."
    )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(node) if isinstance(each, ast.Call))


def _name(call: ast.Call) -> str:
    """The last part of the called function's name."""
    return ast.unparse(call.func).rpartition(".")[2]
