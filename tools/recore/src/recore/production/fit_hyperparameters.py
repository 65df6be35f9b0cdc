"""The hyperparameters of a submission's fit(), read from train.py as text, and values for them.

What a stranger submitted is not imported here: only a job runs it.
"""

import ast
import contextlib
import difflib
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recore.evaluation import SubmissionFiles
from recore.listing import list_names
from recore.production.project import ProductionError
from stagemaker import parse_number

Value = bool | int | float | str
Hyperparameters = dict[str, Value | None]  # by name, with their defaults

DATA = 3  # the first parameters of fit(), which are no hyperparameters: inputs, targets, holes
LARGEST = 1 << 20  # bytes of train.py
LARGEST_INTEGER = 2**53  # up to here a float is exact
LONGEST_TEXT = 200  # characters
NEEDED = {bool: "true or false is needed", int: "a whole number is needed", float: "a number is needed"}


def read_hyperparameters(files: SubmissionFiles) -> Hyperparameters:
    """Return the hyperparameters of fit() in train.py, its parameters after inputs, targets and holes.

    The default is None if it is not written out: such a one cannot be set from outside. Raises ProductionError.
    """
    place, content = f"{files.path}: train.py", files.files["train.py"]
    if len(content) > LARGEST:
        raise ProductionError(f"{place}: more than {LARGEST >> 20} MB are not read")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProductionError(f"{place} is not valid Python: {error}") from None
    return _read_parameters(_find_fit(tree, place), place)


def choose_values(known: Mapping[str, Value | None], texts: Sequence[str]) -> dict[str, Value]:
    """Return the values in texts such as alphas=11, of the types of the known defaults. Raises ProductionError."""
    values: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ProductionError(f"--set {text}: NAME=VALUE is needed, such as alphas=11")
        if name in values:
            raise ProductionError(f"--set {name} is given twice")
        values[name] = convert(find_default(known, name, f"--set {name}"), value, f"--set {name}")
    return values


def find_default(known: Mapping[str, Value | None], name: str, place: str) -> Value:
    """Return a default. place: where its name was written. Raises ProductionError if it cannot be set from outside."""
    if name not in known:
        similar = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"it has {list_names([*known], 20) or 'none'}"
        raise ProductionError(f"{place}: fit() has no hyperparameter of this name: {hint}")
    default = known[name]
    if default is None:
        raise ProductionError(
            f"{place}: the default of {name} in fit() determines its type: write it out as a number, a text, True or "
            "False"
        )
    if len(name) == 1:
        raise ProductionError(
            f"{place}: SageMaker passes a name of one letter as -{name}, which train.py ignores: rename it in fit()"
        )
    return default


def convert(default: Value, value: Any, place: str) -> Value:
    """Return a value, or a text that stands for it, as the type of a default. Raises ProductionError."""
    kind = type(default)
    if kind is str:
        if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_TEXT:
            raise ProductionError(f"{place}: {value!r:.60}: a text of at most {LONGEST_TEXT} characters is needed")
        return value
    booleans: dict[str, Value] = {"true": True, "false": False}
    converted = booleans.get(str(value).lower()) if kind is bool else _convert_number(kind, value)
    if converted is None:
        raise ProductionError(f"{place}: {value!r:.60}: {NEEDED[kind]}")
    return converted


def restore_values(known: Mapping[str, Value | None], texts: Mapping[str, str]) -> dict[str, Value]:
    """Return a job's hyperparameters, which are JSON in texts, as values of fit(), without unknown ones."""
    values: dict[str, Value] = {}
    for name, text in texts.items():
        with contextlib.suppress(ProductionError):
            values[name] = _restore(find_default(known, name, name), text, name)
    return values


def describe_values(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _find_fit(tree: ast.Module, place: str) -> ast.FunctionDef:
    fit = None
    for statement in _statements(tree):
        if "fit" in _bound_names(statement):
            fit = statement
    if isinstance(fit, ast.ImportFrom):
        raise ProductionError(
            f"{place} imports fit() from {'.' * fit.level}{fit.module or ''}: define it in train.py, so that its "
            "hyperparameters can be read"
        )
    if fit is None:
        raise ProductionError(f"{place} has no function fit(), which has the hyperparameters as parameters")
    if not isinstance(fit, ast.FunctionDef):
        raise ProductionError(
            f"{place}, line {fit.lineno}: define fit() as a function, so that its parameters are certain"
        )
    if fit.decorator_list:
        raise ProductionError(
            f"{place}, line {fit.lineno}: fit() has a decorator, which can change its parameters: call the decorated "
            "function in fit() instead"
        )
    return fit


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module that run when it is imported, in order."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            waiting.extend(reversed([*ast.iter_child_nodes(node)]))


def _bound_names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return {
            node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    return set()


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _read_parameters(fit: ast.FunctionDef, place: str) -> Hyperparameters:
    arguments, where = fit.args, f"{place}, line {fit.lineno}: fit()"
    positional = [*arguments.posonlyargs, *arguments.args]
    without: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    named = [*zip(positional, [*without, *arguments.defaults], strict=True)]
    if len(named) < DATA or any(default and not _is_none(default) for _, default in named[:DATA]):
        raise ProductionError(
            f"{where} is called with inputs, targets and holes: its first three parameters are for these"
        )
    if len(arguments.posonlyargs) > DATA:
        name = arguments.posonlyargs[DATA].arg
        raise ProductionError(f"{where}: the hyperparameter {name} is before the /, so it cannot be passed by its name")
    known: Hyperparameters = {}
    for parameter, default in [*named[DATA:], *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
        if default is None:
            raise ProductionError(f"{where}: the hyperparameter {parameter.arg} must have a default")
        known[parameter.arg] = _read_literal(default)
    return known


def _read_literal(node: ast.expr) -> Value | None:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, bool | int | float | str) else None


def _convert_number(kind: type, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = parse_number(value) if isinstance(value, str) else float(value)
    except OverflowError:
        return None
    if number is None or not math.isfinite(number):
        return None
    if kind is int:
        return int(number) if number.is_integer() and abs(number) <= LARGEST_INTEGER else None
    return number


def _restore(default: Value, text: str, name: str) -> Value:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return convert(default, text if isinstance(default, str) and not isinstance(value, str) else value, name)
