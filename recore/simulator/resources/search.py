"""Search: finds the resources of one kind that satisfy an expression, and sorts them by any property."""

import datetime
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape

from recore.simulator.compute.platform import Platform
from recore.simulator.protocol.errors import ValidationException
from recore.simulator.protocol.service_model import operation_model
from recore.simulator.resources.paging import page, sortable
from recore.simulator.resources.resource import Resource
from recore.simulator.state.records import Record

Test = Callable[[Any], bool]
Read = Callable[[Any], list[Any]]
EMPTY = ("ModelCard",)  # version 2 of the SDK searches for a model's card; there are none here
MOST_CONDITIONS = 50  # the limit for an expression with its subexpressions
# types of properties by types of shapes; all others are structures
NUMBERS = dict.fromkeys(("integer", "long", "float", "double"), "number")
TYPES = {"string": "text", "timestamp": "time", "boolean": "boolean"} | NUMBERS
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.eq,  # negated by _filter
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "Contains": lambda text, part: part in text,
    "In": lambda text, texts: text in texts.split(","),
}
EQUALITY = {"Equals", "NotEquals"}
OF_NUMBERS = COMPARISONS.keys() - {"Contains", "In"}
ALLOWED = {
    "text": EQUALITY | {"Contains", "In"},
    "number": OF_NUMBERS,
    "time": OF_NUMBERS,
    "boolean": EQUALITY,
    "parameter": COMPARISONS.keys(),
    "structure": set(),
}


@dataclass(frozen=True)
class Property:
    """A property that Search can name: `ModelPackageName`, `InputDataConfig.ChannelName`, `Tags.team`.

    type: text, number, time, boolean, parameter (text that may be a number), or structure. shape: the
    shape of one value. read: returns the values that a resource has; several if the property is in a list.
    """

    name: str
    type: str
    shape: Shape
    read: Read

    def value(self, text: str) -> Any:
        """Convert text from a request to this type. Raises ServiceError if that is not possible."""
        try:
            if self.type == "number":
                return _finite(text)
            if self.type == "time":
                time = datetime.datetime.fromisoformat(text)
                return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
            if self.type == "boolean":
                return {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError, OverflowError):
            message = f"Value '{text[:80]}' of the filter on {self.name} is not a {self.type}"
            raise ValidationException(message) from None
        return text


class Searches(Resource):
    """A result contains the resource as Describe returns it, with its tags."""

    kind = "Search"
    arn_type = "search-result"

    def __init__(self, platform: Platform, searched: Sequence[Resource]):
        super().__init__(platform)
        self._searched = {resource.kind: resource for resource in searched if _shape(resource.kind)}

    def Search(self, request: Record) -> Record:
        kind = request["Resource"]
        shape = _shape(kind)
        if shape is None or kind not in (*self._searched, *EMPTY):
            raise ValidationException(f"Search: Resource {kind} is not simulated")
        if "VisibilityConditions" in request:
            raise ValidationException("Search: VisibilityConditions are not simulated")
        found = self._records(kind) if request.get("CrossAccountFilterOption") != "CrossAccount" else []
        if "SearchExpression" in request:
            test = _make_test(shape, request["SearchExpression"])
            found = [record for record in found if test(record)]
        default = "LastModifiedTime" if "LastModifiedTime" in shape.members else "CreationTime"
        by = _find_property(shape, request.get("SortBy", default))
        if by.type == "structure":
            raise ValidationException(f"Search: {kind} cannot be sorted by {by.name[:80]}")
        placed = [((_sort_text(by, record), record[f"{kind}Arn"]), {kind: record}) for record in found]
        answer = page(request, "Results", placed, request.get("SortOrder", "Descending") == "Descending")
        return answer | {"TotalHits": {"Value": len(found), "Relation": "EqualTo"}}

    def _records(self, kind: str) -> list[Record]:
        records = [self._searched[kind].described(record) for record in self.store.all(kind)]
        return [record | (self.store.get("Tags", record[f"{kind}Arn"]) or {}) for record in records]


def _shape(kind: str) -> Shape | None:
    """Return the shape of a kind of resource in a search result, or None if results cannot contain this kind."""
    output: Any = operation_model("Search").output_shape
    shape = output.members["Results"].member.members.get(kind)
    return shape if shape and f"{kind}Arn" in shape.members else None


def _sort_text(by: Property, record: Record) -> str:
    """Return the text by which a resource is sorted. A resource without one is first in ascending order."""
    return next(map(sortable, by.read(record)), "")


def _make_test(shape: Shape, expression: Record) -> Test:
    """Return a function that tests whether a resource satisfies an expression. shape: the resource's shape.

    Raises ServiceError if the expression is invalid.
    """
    conditions = list(_conditions(expression))
    if len(conditions) > MOST_CONDITIONS:
        raise ValidationException(f"A SearchExpression can have at most {MOST_CONDITIONS} conditions")
    if sum(condition.get("Operator") == "Contains" for condition in conditions) > 1:
        raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")
    return _expression(shape, expression)


def _conditions(expression: Record) -> Iterator[Record]:
    """Yield all filters, nested filters and subexpressions of an expression, at every level."""
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
    """Return a function that tests whether at least one item of a list satisfies all nested filters."""
    name = nested["NestedPropertyName"]
    items = _find_property(shape, name)
    if items.shape.type_name != "structure":
        raise ValidationException(f"NestedPropertyName {name[:80]} is not a list of structures")
    prefix, filters = f"{name}.", nested["Filters"]
    if others := [item["Name"] for item in filters if not item["Name"].startswith(prefix)]:
        raise ValidationException(
            f"The filter on {others[0][:80]} is not on a property of {name[:80]}, the NestedPropertyName"
        )
    tests = [_filter(items.shape, item | {"Name": item["Name"].removeprefix(prefix)}) for item in filters]
    return lambda record: any(all(test(item) for test in tests) for item in items.read(record))


def _filter(shape: Shape, item: Record) -> Test:
    property_, comparison = _find_property(shape, item["Name"]), item.get("Operator", "Equals")
    if comparison in ("Exists", "NotExists"):
        if "Value" in item:
            raise ValidationException(f"The filter on {property_.name} has a Value, which {comparison} does not use")
        return lambda record: bool(property_.read(record)) == (comparison == "Exists")
    if "Value" not in item:
        raise ValidationException(f"The filter on {property_.name} has no Value")
    if comparison not in ALLOWED[property_.type]:
        message = f"{comparison} is not supported for {property_.name}, which is a {property_.type} property"
        raise ValidationException(message)
    test, is_negated = _comparison(property_, comparison, item["Value"]), comparison == "NotEquals"
    return lambda record: any(map(test, property_.read(record))) != is_negated


def _comparison(property_: Property, comparison: str, text: str) -> Test:
    """Return a function that compares one value with a filter's Value by the filter's Operator."""
    compare = COMPARISONS[comparison]
    if property_.type == "parameter":
        return lambda value: _compare_parameter(compare, comparison, value, text)
    wanted = property_.value(text)
    if property_.type == "time":  # responses give times in milliseconds
        return lambda value: compare(round(value.timestamp(), 3), round(wanted.timestamp(), 3))
    return lambda value: compare(value, wanted)


def _compare_parameter(compare: Callable[[Any, Any], bool], comparison: str, value: str, text: str) -> bool:
    """Compare a hyperparameter: as integers if `text` is an integer, as numbers if both are, otherwise as text."""
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


def _find_property(shape: Shape, name: str) -> Property:
    """Return the property with this name. shape: the resource's shape. Raises ServiceError if there is none."""
    if name.startswith("Metrics.") and "FinalMetricDataList" in shape.members:
        return _metric(shape, name)
    try:
        return Property(name, *_follow(shape, name.split(".")))
    except KeyError:
        raise ValidationException(f"{shape.name} does not have the property '{name[:80]}'") from None


def _metric(shape: Shape, name: str) -> Property:
    """Return the property for the last value of a training job's metric."""
    metric = name.removeprefix("Metrics.")

    def read(record: Any) -> list[Any]:
        values = record.get("FinalMetricDataList") or []
        return [item["Value"] for item in values if item["MetricName"] == metric and not math.isnan(item["Value"])]

    return Property(name, "number", shape.members["FinalMetricDataList"].member.members["Value"], read)


def _follow(shape: Shape, path: list[str]) -> tuple[str, Shape, Read]:
    """Return the type, the shape and the reader of the property at a path. Raises KeyError if there is none."""
    if shape.type_name == "list":
        return _follow_list(shape.member, path)
    if not path:
        return TYPES.get(shape.type_name, "structure"), shape, lambda value: [value]
    if shape.type_name == "map":
        key = ".".join(path)  # the key itself may contain dots
        kind = "parameter" if shape.name == "HyperParameters" else TYPES.get(shape.value.type_name, "structure")
        return kind, shape.value, lambda value: [value[key]] if key in value else []
    if shape.type_name != "structure":
        raise KeyError(path[0])
    member, *rest = path
    kind, inner, read = _follow(shape.members[member], rest)
    return kind, inner, lambda value: [] if value.get(member) is None else read(value[member])


def _follow_list(item: Shape, path: list[str]) -> tuple[str, Shape, Read]:
    if path and item.type_name == "structure" and item.members.keys() == {"Key", "Value"}:  # tags
        key = ".".join(path)
        return "text", item.members["Value"], lambda tags: [tag["Value"] for tag in tags if tag["Key"] == key]
    kind, inner, read = _follow(item, path)
    return kind, inner, lambda items: [value for item in items for value in read(item)]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
