"""The container passes `input_fn` text if the content type is exactly `text/csv`, and bytes for any other, such as
`text/csv; charset=utf-8`, which other clients and chained containers send. Code that takes only bytes fails on the
platform's own requests; a comparison with exactly `text/csv` refuses the others.

    def input_fn(input_data, content_type):
        return pd.read_csv(io.BytesIO(input_data), index_col=0)      # input_data is text

Fix: accept both, for example with `if isinstance(input_data, bytes): input_data = input_data.decode()`, and compare
`content_type.split(";")[0].strip()`.
"""

import ast
from collections.abc import Iterator

from recore.check.rule import Finding, Level, Place, rule
from recore.check.script import Function, Script, line_of
from recore.check.source import SubmissionSource


@rule("RC118", "input_fn accepts text and bytes, with or without a charset", needs=("RC101", "RC102", "RC104"))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    train = source.script("train.py")
    found = source.find_function(train, "input_fn") if train else None
    if not found:
        return
    script, function = found
    parameters = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    if len(parameters) < 2:
        return
    body, kind = parameters[:2]
    changed = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(function):
        if body not in changed and not _asks(function, body) and _takes_bytes(node, body, script):
            yield Finding(
                "it fails on text, which is what the container passes for text/csv",
                f"accept both: `if isinstance({body}, bytes): {body} = {body}.decode()`",
                Place(script.file, line_of(node)),
            )
        elif kind not in changed and _compares_exactly(node, kind):
            yield Finding(
                "it refuses `text/csv; charset=utf-8`, which other clients send",
                f'compare `{kind}.split(";")[0].strip()`',
                Place(script.file, line_of(node)),
                Level.WARNING,
            )


def _asks(function: Function, body: str) -> bool:
    """Whether the function asks what kind of body it got, or catches the exception."""
    for node in ast.walk(function):
        if isinstance(node, ast.Try | ast.TryStar):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [each.id for each in node.args if isinstance(each, ast.Name)]
            if node.func.id in ("isinstance", "hasattr", "type", "getattr") and body in names:
                return True
    return False


def _takes_bytes(node: ast.AST, body: str, script: Script) -> bool:
    """Whether an expression fails if the body is text."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="decode")):
            return name == body
        case ast.Call(func=function, args=[ast.Name(id=name), *_]):
            return name == body and script.name_of(function) == "io.BytesIO"
    return False


def _compares_exactly(node: ast.AST, kind: str) -> bool:
    """Whether the content type is compared with exactly text/csv."""
    match node:
        case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=text)]):
            return name == kind and text == "text/csv"
        case ast.Compare(left=ast.Name(id=name), ops=[ast.In() | ast.NotIn()], comparators=[choices]):
            if not isinstance(choices, ast.Tuple | ast.List | ast.Set):
                return False
            texts = [each.value for each in choices.elts if isinstance(each, ast.Constant)]
            return name == kind and "text/csv" in texts
    return False
