"""The conditions of a Condition step.

A string, such as a hyperparameter, is converted to a number or a boolean if it is compared with one.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from stagemaker.orchestration.pipelines.context import StepContext
from stagemaker.orchestration.pipelines.document import DefinitionError, StepFailure, read_members
from stagemaker.orchestration.pipelines.expressions import SCALARS, Expression, Scope, Values, parse, steps_of
from stagemaker.orchestration.pipelines.parameters import format_value, parse_value

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
KINDS = {str: "string", bool: "boolean"}  # types of values that are not numbers
OPERAND = (dict, str, int, float, bool)
MEMBERS: dict[str, dict[str, Any]] = {name: {"LeftValue": OPERAND, "RightValue": OPERAND} for name in COMPARISONS}
MEMBERS |= {"In": {"QueryValue": OPERAND, "Values": list}, "Not": {"Condition": dict}, "Or": {"Conditions": list}}


def parse_condition(document: Any, scope: Scope) -> Expression:
    """Return an expression whose value is the outcome of a condition.

    Raises DefinitionError if the condition is malformed, or compares values that cannot be compared.
    """
    kind, parts = _read(document)
    if kind == "Not":
        operand = parse_condition(parts["Condition"], scope)
        return Expression("boolean", lambda context: not operand.evaluate(context), operand.steps)
    if kind == "Or":
        if not parts["Conditions"]:
            raise DefinitionError("Or: Conditions must not be empty")
        terms = [parse_condition(condition, scope) for condition in parts["Conditions"]]
        return Expression("boolean", lambda context: any(item.evaluate(context) for item in terms), steps_of(terms))
    left_operand = parse(parts["QueryValue" if kind == "In" else "LeftValue"], scope)
    right_operands = Values(parts["Values"] if kind == "In" else [parts["RightValue"]], scope)
    _check_types(kind, [left_operand.type, *right_operands.types])

    def evaluate(context: StepContext) -> bool:
        left, compare = left_operand.evaluate(context), COMPARISONS.get(kind, operator.eq)
        return any(_is_true(kind, compare, left, right) for right in right_operands.evaluate(context))

    return Expression("boolean", evaluate, (*left_operand.steps, *right_operands.steps))


def _check_types(kind: str, types: list[str]) -> None:
    for name in types:
        if name not in (*SCALARS, "any"):
            raise DefinitionError(f"{kind}: a {name} cannot be compared")
    first_type, *other_types = ["number" if name in ("integer", "float") else name for name in types]
    for other_type in other_types:
        if {first_type, other_type} == {"number", "boolean"}:
            raise DefinitionError(f"{kind}: a {first_type} cannot be compared with a {other_type}")
    if kind not in ("Equals", "In") and "boolean" in types:
        raise DefinitionError(f"{kind}: booleans can only be compared for equality")


def _is_true(kind: str, compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    first, second = _read_like(left, right), _read_like(right, left)
    types = {KINDS.get(type(value), "number") for value in (first, second)}
    if kind == "In" and len(types) > 1:
        return False  # another value may be equal
    if len(types) > 1 or (kind not in ("Equals", "In") and types == {"boolean"}):
        operands = f"{format_value(left)[:80]!r} and {format_value(right)[:80]!r}"
        raise StepFailure(f"ClientError: {kind}: {operands} cannot be compared because of their types")
    return compare(first, second)


def _read_like(value: Any, other: Any) -> Any:
    """Convert a string to the other operand's type if possible; otherwise return the value unchanged."""
    if not isinstance(value, str) or isinstance(other, str):
        return value
    for kind in ("Boolean",) if isinstance(other, bool) else ("Integer", "Float"):  # floats round large integers
        parsed = parse_value(value, kind)
        is_finite = not isinstance(parsed, float) or math.isfinite(parsed)
        if parsed is not None and is_finite:
            return parsed
    return value


def _read(document: Any) -> tuple[str, dict[str, Any]]:
    kind = document.get("Type") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise DefinitionError(f"the condition type {str(kind)[:80]} is not one of {', '.join(MEMBERS)}")
    return kind, read_members(document, kind, MEMBERS[kind] | {"Type": str}, {})
