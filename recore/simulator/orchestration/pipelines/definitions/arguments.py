"""The arguments of a step: a request of the API with expressions in it, checked against the request's shape."""

from typing import Any

from botocore.model import Shape

from recore.simulator.orchestration.pipelines.definitions.context import StepContext
from recore.simulator.orchestration.pipelines.definitions.expressions import (
    SCALARS,
    Scope,
    has_expression,
    is_expression,
    parse,
)
from recore.simulator.orchestration.pipelines.definitions.parameters import as_text
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError, StepFailure, located
from recore.simulator.orchestration.pipelines.definitions.property_path import PROPERTY_TYPES
from recore.simulator.protocol.service_model import value_problems

INTEGERS, FLOATS = ("integer", "long"), ("float", "double")


def check_sizes(shape: Shape, document: Any, path: str) -> None:
    """Raise DefinitionError if a list or a map has more or fewer items than its shape allows.

    Nothing else is looked at: what refers to these items may look for them one by one afterwards.
    """
    if is_expression(document):
        return
    if isinstance(document, dict) and shape.type_name == "structure":
        for name, item in document.items():
            if name in shape.members:
                check_sizes(shape.members[name], item, f"{path}.{name}")
    elif isinstance(document, dict | list) and shape.type_name == ("map" if isinstance(document, dict) else "list"):
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", len(document))
        if not least <= len(document) <= most:
            raise DefinitionError(f"{path} must have {least} to {most} items, not {len(document)}")
        for inner, key, item in _items(shape, document):
            check_sizes(inner, item, f"{path}[{key}]")


def check_arguments(shape: Shape, document: Any, scope: Scope, path: str, deadline: float, named: str = "") -> None:
    """Raise DefinitionError if arguments violate the shape of their request, as far as that is known.

    deadline: by time.monotonic(), for the model's patterns. named: a required member that need not be there.
    """
    if is_expression(document):
        with located(path):
            found = parse(document, scope)
        if not _accepts(shape.type_name, found.type):
            message = f"a value of type {shape.type_name} is needed, not {found.type}"
            raise DefinitionError(f"{path}: {message}")
        if found.shape and not _fits(shape, found.shape):
            raise DefinitionError(f"{path}: a value of type {shape.name} is needed, not {found.shape.name}")
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
        for key in document if isinstance(document, dict) else ():
            if problems := value_problems(shape.key, key, f"{path}[{key[:80]}]", deadline):
                raise DefinitionError(problems[0])
        for inner, key, item in _items(shape, document):
            check_arguments(inner, item, scope, f"{path}[{key}]", deadline)
    elif problems := value_problems(shape, document, path, deadline):
        raise DefinitionError(problems[0])


def resolve(shape: Shape, document: Any, scope: Scope, context: StepContext, path: str = "Arguments") -> Any:
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


def _items(shape: Any, document: Any) -> list[tuple[Shape, str, Any]]:
    """The items of a map or a list, each with its shape and the beginning of its key or its number."""
    if isinstance(document, dict):
        return [(shape.value, key[:80], item) for key, item in document.items()]
    return [(shape.member, str(number), item) for number, item in enumerate(document)]


def _accepts(place: str, found: str) -> bool:
    if place == "string":
        return found in (*SCALARS, "any")
    if place in INTEGERS:
        return found in ("integer", "any")
    if place in FLOATS:
        return found in ("integer", "float", "any")
    return found == place or (place == "boolean" and found == "any")


def _fits(place: Shape, found: Shape) -> bool:
    """Whether a value of one shape can replace a value of another shape."""
    if place.name == found.name:
        return True
    if place.type_name == found.type_name == "structure":
        known = found.members.keys() & place.members.keys()
        return known >= {*place.required_members} and all(
            _fits(place.members[name], found.members[name]) for name in known
        )
    if place.type_name == found.type_name == "list":
        return _fits(place.member, found.member)
    if place.type_name == found.type_name == "map":
        return _fits(place.value, found.value)
    return _accepts(place.type_name, PROPERTY_TYPES.get(found.type_name, found.type_name))


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
    raise StepFailure(f"ClientError: {path}: a value of type {place} is needed, not {str(value)[:80]!r}")
