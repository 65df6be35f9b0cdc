"""Which functions a version needs of a submission. The scripts are only read."""

import ast

PREPROCESS = "preprocess"
HOOKS = ("input_fn", "transform_fn")  # one of which train.py has; the image's default cannot read a header


def find_missing_hook(preprocess: bytes, train: bytes) -> str:
    """A line that says which function a submission lacks; "" if it lacks none, or may import it."""
    if not _binds(preprocess, PREPROCESS):
        return "its preprocess.py has no function preprocess(data_file)"
    if not any(_binds(train, name) for name in HOOKS):
        return "its train.py has no function input_fn(body, content_type)"
    return ""


def _binds(script: bytes, name: str) -> bool:
    """Whether a script defines, assigns or imports a name. One that cannot be parsed may do so."""
    try:
        nodes = list(ast.walk(ast.parse(script)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    names = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names |= {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bool({name, "*"} & names)
