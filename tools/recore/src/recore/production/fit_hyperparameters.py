"""Read the hyperparameters of a submission's fit() from train.py, and parse values for them.

train.py is untrusted: it is only parsed here, and runs only in jobs.
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
Hyperparameters = dict[str, Value | None]  # the defaults by name

DATA = 3  # number of fit()'s first parameters, which are not hyperparameters: inputs, targets, holes
MAX_BYTES = 1 << 20  # of train.py
MAX_INTEGER = 2**53  # the largest integer up to which all floats are exact
MAX_LENGTH = 200  # characters
EXPECTED = {bool: "true or false", int: "an integer", float: "a number"}


def read_hyperparameters(files: SubmissionFiles) -> Hyperparameters:
    """Return the defaults of fit()'s hyperparameters: the parameters that follow inputs, targets and holes.

    A default that is not a literal is returned as None; its hyperparameter cannot be set. Raises ProductionError.
    """
    location, content = f"{files.path}: train.py", files.files["train.py"]
    if len(content) > MAX_BYTES:
        raise ProductionError(f"{location} is larger than {MAX_BYTES >> 20} MB")
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ProductionError(f"{location} is not valid Python: {error}") from None
    return _read_parameters(_find_fit(tree, location), location)


def parse_options(files: SubmissionFiles, options: Sequence[str]) -> dict[str, Value]:
    """Parse options such as alphas=11 for a submission's fit(), which is read only if there are any."""
    return choose_values(read_hyperparameters(files), options) if options else {}


def choose_values(known: Mapping[str, Value | None], options: Sequence[str]) -> dict[str, Value]:
    """Parse options such as alphas=11 into values with the types of the defaults. Raises ProductionError."""
    values: dict[str, Value] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            example = name if name in known else next(iter(known), "alphas")
            raise ProductionError(f"--set {option}: expected NAME=VALUE, such as {example}={known.get(example, 11)}")
        if name in values:
            raise ProductionError(f"--set {name} appears twice: remove one")
        values[name] = convert(find_default(known, name, f"--set {name}"), value, f"--set {name}")
    return values


def find_default(known: Mapping[str, Value | None], name: str, location: str) -> Value:
    """Return a default. location: for messages. Raises ProductionError if the hyperparameter cannot be set."""
    if name not in known:
        similar = difflib.get_close_matches(name, known, 1)
        fix = f"did you mean {similar[0]}?" if similar else f"it has {list_names([*known], 20) or 'none'}"
        raise ProductionError(f"{location}: fit() has no such hyperparameter; {fix}")
    default = known[name]
    if default is None:
        raise ProductionError(
            f"{location}: the default of {name} in fit() determines its type: make it a literal number, string or bool"
        )
    if len(name) == 1:
        raise ProductionError(
            f"{location}: SageMaker passes a one-letter name as -{name}, which train.py ignores; rename it in fit()"
        )
    return default


def convert(default: Value, value: Any, location: str) -> Value:
    """Convert a value or its string representation to the type of a default. Raises ProductionError."""
    kind = type(default)
    if kind is str:
        if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_LENGTH:
            raise ProductionError(f"{location}: {value!r:.60} is not a string of at most {MAX_LENGTH} characters")
        return value
    booleans: dict[str, Value] = {"true": True, "false": False}
    converted = booleans.get(str(value).lower()) if kind is bool else _convert_number(kind, value)
    if converted is None:
        raise ProductionError(f"{location}: {value!r:.60} is not {EXPECTED[kind]}")
    return converted


def restore_values(known: Mapping[str, Value | None], strings: Mapping[str, str]) -> dict[str, Value]:
    """Convert a job's hyperparameters from JSON strings to values for fit(); ignore unknown or invalid ones."""
    values: dict[str, Value] = {}
    for name, string in strings.items():
        with contextlib.suppress(ProductionError):
            values[name] = _restore(find_default(known, name, name), string, name)
    return values


def format_values(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _find_fit(tree: ast.Module, location: str) -> ast.FunctionDef:
    fit = None
    for statement in _statements(tree):
        if "fit" in _bound_names(statement):
            fit = statement
    if isinstance(fit, ast.ImportFrom):
        raise ProductionError(
            f"{location} imports fit() from {'.' * fit.level}{fit.module or ''}: define it in train.py, so that its "
            "hyperparameters can be read"
        )
    if fit is None:
        raise ProductionError(f"{location} has no function fit(), whose parameters are the hyperparameters")
    if not isinstance(fit, ast.FunctionDef):
        raise ProductionError(
            f"{location}, line {fit.lineno}: define fit() as a function, so that its parameters can be read"
        )
    if fit.decorator_list:
        raise ProductionError(
            f"{location}, line {fit.lineno}: fit() has a decorator, which can change its parameters: call the "
            "decorated function in fit() instead"
        )
    return fit


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module that run when it is imported, in order."""
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


def _read_parameters(fit: ast.FunctionDef, location: str) -> Hyperparameters:
    arguments, position = fit.args, f"{location}, line {fit.lineno}: fit()"
    positional = [*arguments.posonlyargs, *arguments.args]
    padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    named = [*zip(positional, [*padding, *arguments.defaults], strict=True)]
    if len(named) < DATA or any(default and not _is_none(default) for _, default in named[:DATA]):
        raise ProductionError(
            f"{position} is called with inputs, targets and holes: these must be its first three parameters"
        )
    if len(arguments.posonlyargs) > DATA:
        name = arguments.posonlyargs[DATA].arg
        raise ProductionError(f"{position}: the hyperparameter {name} cannot be passed by name: move it after the /")
    known: Hyperparameters = {}
    for parameter, default in [*named[DATA:], *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]:
        if default is None:
            raise ProductionError(f"{position}: the hyperparameter {parameter.arg} must have a default")
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
        return int(number) if number.is_integer() and abs(number) <= MAX_INTEGER else None
    return number


def _restore(default: Value, string: str, name: str) -> Value:
    try:
        value = json.loads(string)
    except (ValueError, RecursionError):
        value = string
    return convert(default, string if isinstance(default, str) and not isinstance(value, str) else value, name)
