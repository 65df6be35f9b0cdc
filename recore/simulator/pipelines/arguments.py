"""The arguments of a step: a request of the API with expressions in it, checked against the request's shape."""

from typing import Any

from botocore.model import Shape

from recore.simulator.api.service_model import value_problems
from recore.simulator.pipelines.expressions import SCALARS, ExecutionView, Scope, has_expression, is_expression, parse
from recore.simulator.pipelines.parameters import as_text
from recore.simulator.pipelines.problems import DefinitionError, StepFailure

INTEGERS, FLOATS = ("integer", "long"), ("float", "double")


def check_arguments(shape: Shape, document: Any, scope: Scope, path: str, deadline: float, named: str = "") -> None:
    """Raise DefinitionError where arguments violate the shape of their request, as far as that is known.

    deadline: by time.monotonic(), for the model's patterns. named: a required member that need not be there.
    """
    if is_expression(document):
        try:
            found = parse(document, scope).type
        except DefinitionError as problem:
            raise DefinitionError(f"{path}: {problem}") from None
        if not _accepts(shape.type_name, found):
            raise DefinitionError(f"{path}: a value of type {shape.type_name} is needed, and this one is a {found}")
    elif shape.type_name == "structure" and isinstance(document, dict):
        if unknown := sorted(document.keys() - shape.members.keys()):
            raise DefinitionError(f"{path}: unknown parameter '{unknown[0][:80]}'")
        if missing := sorted({*shape.required_members} - document.keys() - {named}):
            raise DefinitionError(f"{path}: {missing[0]} is missing")
        for name, item in document.items():
            if item is None and name not in shape.required_members:
                continue
            check_arguments(shape.members[name], item, scope, f"{path}.{name}", deadline)
    elif has_expression(document):
        if not isinstance(document, {"map": dict, "list": list}.get(shape.type_name, ())):
            raise DefinitionError(f"{path}: a value of type {shape.type_name} is needed here")
        inner, items = (shape.value, document) if isinstance(document, dict) else (shape.member, _numbered(document))
        for key, item in items.items():
            check_arguments(inner, item, scope, f"{path}[{str(key)[:80]}]", deadline)
    elif problems := value_problems(shape, document, path, deadline):
        raise DefinitionError(problems[0])


def resolve(shape: Shape, document: Any, scope: Scope, context: ExecutionView, path: str = "Arguments") -> Any:
    """Arguments with the values of their expressions, of the types that the request needs. Raises StepFailure."""
    if is_expression(document):
        return _converted(shape.type_name, parse(document, scope).evaluate(context), path)
    if shape.type_name == "structure":
        members = {name: (shape.members[name], item) for name, item in document.items() if item is not None}
        return {name: resolve(inner, item, scope, context, f"{path}.{name}") for name, (inner, item) in members.items()}
    if shape.type_name == "map":
        return {name: resolve(shape.value, item, scope, context, f"{path}.{name}") for name, item in document.items()}
    if shape.type_name == "list":
        return [resolve(shape.member, item, scope, context, path) for item in document]
    return document


def _numbered(items: Any) -> dict[Any, Any]:
    return dict(enumerate(items))


def _accepts(place: str, found: str) -> bool:
    if place == "string":
        return found in (*SCALARS, "any")
    if place in INTEGERS:
        return found in ("integer", "any")
    if place in FLOATS:
        return found in ("integer", "float", "any")
    return found == place or (place == "boolean" and found == "any")


def _converted(place: str, value: Any, path: str) -> Any:
    """A value as the place needs it: in HyperParameters, for example, an integer becomes a text."""
    if place == "string" and not isinstance(value, dict | list):
        return as_text(value) if isinstance(value, str | bool | int | float) else value.isoformat()
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if place in INTEGERS and number and value == value // 1:
        return int(value)
    if place in FLOATS and number:
        return float(value)
    types: dict[str, type] = {"boolean": bool, "list": list, "map": dict, "structure": dict}
    if isinstance(value, types.get(place, ())):
        return value
    raise StepFailure(f"ClientError: {path}: a value of type {place} is needed, and this one is {str(value)[:80]!r}")
