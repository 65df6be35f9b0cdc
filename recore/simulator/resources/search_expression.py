"""Search expressions: which resources a search finds."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

from botocore.model import Shape

from recore.simulator.protocol.errors import ValidationException
from recore.simulator.resources.search_property import Property, find_property
from recore.simulator.state.records import Record

Test = Callable[[Any], bool]
MOST_CONDITIONS = 50  # of an expression, with those inside it
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.eq,  # no value is equal
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "Contains": lambda text, part: part in text,
    "In": lambda text, texts: text in texts.split(","),
}
EQUALITY = {"Equals", "NotEquals"}
OF_TEXT = EQUALITY | {"Contains", "In"}
OF_NUMBERS = COMPARISONS.keys() - {"Contains", "In"}
ALLOWED = {
    "text": OF_TEXT,
    "number": OF_NUMBERS,
    "time": OF_NUMBERS,
    "boolean": EQUALITY,
    "parameter": COMPARISONS.keys(),
    "structure": set(),
}


def make_test(shape: Shape, expression: Record) -> Test:
    """A function that says whether a resource satisfies an expression. shape: of the resource.

    Raises ServiceError where the expression is invalid.
    """
    if len(list(_conditions(expression))) > MOST_CONDITIONS:
        raise ValidationException(f"A SearchExpression has at most {MOST_CONDITIONS} conditions")
    contains = [condition for condition in _conditions(expression) if condition.get("Operator") == "Contains"]
    if len(contains) > 1:
        raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")
    return _expression(shape, expression)


def _conditions(expression: Record) -> Iterator[Record]:
    """All expressions, nested filters and filters of an expression."""
    yield from expression.get("Filters", [])
    for nested in expression.get("NestedFilters", []):
        yield nested
        yield from nested["Filters"]
    for inner in expression.get("SubExpressions", []):
        yield inner
        yield from _conditions(inner)


def _expression(shape: Shape, expression: Record) -> Test:
    tests = [_filter(shape, item) for item in expression.get("Filters", [])]
    tests += [_nested(shape, item) for item in expression.get("NestedFilters", [])]
    tests += [_expression(shape, item) for item in expression.get("SubExpressions", [])]
    if not tests:
        raise ValidationException("A SearchExpression must have at least one filter, nested filter or subexpression")
    combine = any if expression.get("Operator") == "Or" else all
    return lambda record: combine(test(record) for test in tests)


def _nested(shape: Shape, nested: Record) -> Test:
    """Whether one item of a list satisfies all filters."""
    name = nested["NestedPropertyName"]
    items = find_property(shape, name)
    if items.shape.type_name != "structure":
        raise ValidationException(f"NestedPropertyName {name[:80]} is not a list of structures")
    tests = []
    for item in nested["Filters"]:
        if not item["Name"].startswith(f"{name}."):
            message = f"The filter on {item['Name'][:80]} is not one of the NestedPropertyName {name[:80]}"
            raise ValidationException(message)
        tests.append(_filter(items.shape, item | {"Name": item["Name"].removeprefix(f"{name}.")}))
    return lambda record: any(all(test(item) for test in tests) for item in items.read(record))


def _filter(shape: Shape, item: Record) -> Test:
    property_, comparison = find_property(shape, item["Name"]), item.get("Operator", "Equals")
    if comparison in ("Exists", "NotExists"):
        if "Value" in item:
            raise ValidationException(f"The filter on {property_.name} has a Value, which {comparison} does not use")
        return lambda record: bool(property_.read(record)) == (comparison == "Exists")
    if "Value" not in item:
        raise ValidationException(f"The filter on {property_.name} has no Value")
    if comparison not in ALLOWED[property_.type]:
        message = f"{comparison} is not supported for {property_.name}, which is a {property_.type} property"
        raise ValidationException(message)
    equal = _comparison(property_, comparison, item["Value"])
    if comparison == "NotEquals":
        return lambda record: not any(map(equal, property_.read(record)))
    return lambda record: any(map(equal, property_.read(record)))


def _comparison(property_: Property, comparison: str, text: str) -> Test:
    """Whether one value stands to a filter's Value as its Operator says."""
    compare = COMPARISONS[comparison]
    if property_.type == "parameter":
        return lambda value: _compare_parameter(compare, comparison, value, text)
    wanted = property_.value(text)
    if property_.type == "time":  # an answer has milliseconds
        return lambda value: compare(round(value.timestamp(), 3), round(wanted.timestamp(), 3))
    return lambda value: compare(value, wanted)


def _compare_parameter(compare: Callable[[Any, Any], bool], comparison: str, value: str, text: str) -> bool:
    """Compare a hyperparameter: as numbers where both are, as integers where the wanted one is, otherwise as text."""
    if comparison in ("Contains", "In"):
        return compare(value, text)
    try:
        number, wanted = float(value), float(text)
        return compare(int(number) if _is_integer(text) else number, wanted)
    except (ValueError, OverflowError):
        return comparison in EQUALITY and compare(value, text)


def _is_integer(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True
