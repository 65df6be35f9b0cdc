"""The arguments of a step: an API request that can contain expressions, checked against the request's shape."""

from typing import Any

from botocore.model import Shape

from stagemaker.orchestration.pipelines.context import StepContext
from stagemaker.orchestration.pipelines.document import DefinitionError, StepFailure, locate_errors
from stagemaker.orchestration.pipelines.expressions import SCALARS, Scope, has_expression, is_expression, parse
from stagemaker.orchestration.pipelines.parameters import format_value
from stagemaker.orchestration.pipelines.property_path import PROPERTY_TYPES
from stagemaker.protocol.service_model import value_problems

INTEGERS, FLOATS = ("integer", "long"), ("float", "double")
# the expression types that a shape accepts, by shape type, if it accepts others than its own
ACCEPTED_TYPES = {"string": (*SCALARS, "any"), "boolean": ("boolean", "any")}
ACCEPTED_TYPES |= dict.fromkeys(INTEGERS, ("integer", "any")) | dict.fromkeys(FLOATS, ("integer", "float", "any"))


def check_sizes(shape: Shape, document: Any, path: str) -> None:
    """Raise DefinitionError if a list or a map has more or fewer items than its shape allows.

    This check comes first, so that later checks, which examine every item, do not take too long.
    """
    if is_expression(document):
        return
    if isinstance(document, dict) and shape.type_name == "structure":
        for name, item in document.items():
            if name in shape.members:
                check_sizes(shape.members[name], item, f"{path}.{name}")
    elif isinstance(document, dict | list) and shape.type_name == ("map" if isinstance(document, dict) else "list"):
        minimum, maximum = shape.metadata.get("min", 0), shape.metadata.get("max")
        if len(document) < minimum or (maximum is not None and len(document) > maximum):
            allowed = f"{minimum} or more" if maximum is None else f"{minimum} to {maximum}"
            raise DefinitionError(f"{path} must have {allowed} items, not {len(document)}")
        for child, key, item in _items(shape, document):
            check_sizes(child, item, f"{path}[{key}]")


def check_arguments(shape: Shape, document: Any, scope: Scope, path: str, deadline: float, optional: str = "") -> None:
    """Raise DefinitionError if arguments violate their request's shape, whatever values the expressions have.

    deadline: the time.thread_time() value by which matching the service model's patterns must end.
    optional: a member that the shape requires but the arguments may omit.
    """
    if is_expression(document):
        with locate_errors(path):
            expression = parse(document, scope)
        if not _accepts(shape.type_name, expression.type):
            raise DefinitionError(f"{path} must be of type {shape.type_name}, not {expression.type}")
        if expression.shape and not _fits(shape, expression.shape):
            raise DefinitionError(f"{path} must be of type {shape.name}, not {expression.shape.name}")
    elif shape.type_name == "structure" and isinstance(document, dict):
        if unknown := sorted(document.keys() - shape.members.keys()):
            raise DefinitionError(f"{path}: unknown parameter '{unknown[0][:80]}'")
        if missing := sorted({*shape.required_members} - document.keys() - {optional}):
            raise DefinitionError(f"{path}: {missing[0]} is missing")
        for name, item in document.items():
            if item is None and name not in shape.required_members:
                continue
            check_arguments(shape.members[name], item, scope, f"{path}.{name}", deadline)
    elif has_expression(document):
        if not isinstance(document, {"map": dict, "list": list}.get(shape.type_name, ())):
            raise DefinitionError(f"{path} must be of type {shape.type_name}")
        for key in document if isinstance(document, dict) else ():
            if problems := value_problems(shape.key, key, f"{path}[{key[:80]}]", deadline):
                raise DefinitionError(problems[0])
        for child, key, item in _items(shape, document):
            check_arguments(child, item, scope, f"{path}[{key}]", deadline)
    elif problems := value_problems(shape, document, path, deadline):
        raise DefinitionError(problems[0])


def resolve(shape: Shape, document: Any, scope: Scope, context: StepContext, path: str = "Arguments") -> Any:
    """Return arguments with expressions evaluated and converted to required types. Raises StepFailure on failure."""
    if is_expression(document):
        return _convert(shape.type_name, parse(document, scope).evaluate(context), path)
    if shape.type_name == "structure":
        members = {name: (shape.members[name], item) for name, item in document.items() if item is not None}
        return {name: resolve(child, item, scope, context, f"{path}.{name}") for name, (child, item) in members.items()}
    if shape.type_name == "map":
        return {name: resolve(shape.value, item, scope, context, f"{path}.{name}") for name, item in document.items()}
    if shape.type_name == "list":
        return [resolve(shape.member, item, scope, context, path) for item in document]
    return document


def _items(shape: Any, document: Any) -> list[tuple[Shape, str, Any]]:
    if isinstance(document, dict):
        return [(shape.value, key[:80], item) for key, item in document.items()]
    return [(shape.member, str(index), item) for index, item in enumerate(document)]


def _accepts(required: str, actual: str) -> bool:
    return actual in ACCEPTED_TYPES.get(required, (required,))


def _fits(required: Shape, actual: Shape) -> bool:
    if required.name == actual.name:
        return True
    if required.type_name == actual.type_name == "structure":
        shared = actual.members.keys() & required.members.keys()
        return shared >= {*required.required_members} and all(
            _fits(required.members[name], actual.members[name]) for name in shared
        )
    if required.type_name == actual.type_name == "list":
        return _fits(required.member, actual.member)
    if required.type_name == actual.type_name == "map":
        return _fits(required.value, actual.value)
    return _accepts(required.type_name, PROPERTY_TYPES.get(actual.type_name, actual.type_name))


def _convert(required: str, value: Any, path: str) -> Any:
    if required == "string" and not isinstance(value, dict | list):
        return format_value(value) if isinstance(value, str | bool | int | float) else value.isoformat()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if required in INTEGERS and is_number and value == value // 1:
        return int(value)
    if required in FLOATS and is_number:
        return float(value)
    types: dict[str, type] = {"boolean": bool, "list": list, "map": dict, "structure": dict}
    if isinstance(value, types.get(required, ())):
        return value
    raise StepFailure(f"ClientError: {path} must be of type {required}, not {str(value)[:80]!r}")
