"""The conditions of a Condition step."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.context import StepContext
from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.expressions import SCALARS, Scope, parse
from recore.simulator.orchestration.pipelines.definitions.parameters import as_text
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError, StepFailure

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
VALUE = (dict, str, int, float, bool)
MEMBERS: dict[str, dict[str, Any]] = {name: {"LeftValue": VALUE, "RightValue": VALUE} for name in COMPARISONS}
MEMBERS |= {
    "In": {"QueryValue": VALUE, "Values": list},
    "Not": {"Condition": dict},
    "Or": {"Conditions": list},
}


def check_condition(document: Any, scope: Scope) -> None:
    """Raise DefinitionError if a condition is malformed, or compares what cannot be compared."""
    kind, parts = _read(document)
    if kind == "Not":
        check_condition(parts["Condition"], scope)
    elif kind == "Or":
        if not parts["Conditions"]:
            raise DefinitionError("Or: Conditions is empty")
        for inner in parts["Conditions"]:
            check_condition(inner, scope)
    else:
        first, *others = [_comparable(value, kind, scope) for value in _operands(parts)]
        for other in others:
            if "any" not in (first, other) and first != other:
                raise DefinitionError(f"{kind}: a {first} cannot be compared with a {other}")
        if kind not in ("Equals", "In") and first == "boolean":
            raise DefinitionError(f"{kind}: a boolean is neither greater nor less than another one")


def condition_steps(document: Any, scope: Scope) -> Iterator[str]:
    """The steps whose results a condition needs."""
    kind, parts = _read(document)
    if kind in ("Not", "Or"):
        for inner in [parts["Condition"]] if kind == "Not" else parts["Conditions"]:
            yield from condition_steps(inner, scope)
    else:
        for value in _operands(parts):
            yield from parse(value, scope).steps


def holds(document: Any, scope: Scope, context: StepContext) -> bool:
    """Whether a condition that was checked holds in an execution. Raises StepFailure."""
    kind, parts = _read(document)
    if kind == "Not":
        return not holds(parts["Condition"], scope, context)
    if kind == "Or":
        return any(holds(inner, scope, context) for inner in parts["Conditions"])
    first, *others = [parse(value, scope).evaluate(context) for value in _operands(parts)]
    compare = COMPARISONS.get(kind, operator.eq)
    return any(_compared(kind, compare, first, other) for other in others)


def _compared(kind: str, compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    types = {_class(left), _class(right)}
    if len(types) > 1 or (kind not in ("Equals", "In") and types == {"boolean"}):
        shown = f"{as_text(left)[:80]!r} and {as_text(right)[:80]!r}"
        raise StepFailure(f"ClientError: {kind}: {shown} cannot be compared: they are not of one type")
    return compare(left, right)


def _read(document: Any) -> tuple[str, dict[str, Any]]:
    kind = document.get("Type") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise DefinitionError(f"the condition type {str(kind)[:80]} is not one of {', '.join(MEMBERS)}")
    return kind, members(document, kind, MEMBERS[kind] | {"Type": str}, {})


def _operands(parts: dict[str, Any]) -> list[Any]:
    if "QueryValue" not in parts:
        return [parts["LeftValue"], parts["RightValue"]]
    return [parts["QueryValue"], *parts["Values"]]


def _comparable(value: Any, kind: str, scope: Scope) -> str:
    """What class of types an operand is of: number, string, boolean or any."""
    found = parse(value, scope).type
    if found not in (*SCALARS, "any"):
        raise DefinitionError(f"{kind}: a {found} cannot be compared")
    return "number" if found in ("integer", "float") else found


def _class(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
