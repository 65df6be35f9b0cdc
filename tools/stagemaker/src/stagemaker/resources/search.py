"""Search, which returns the resources of a kind that satisfy an expression, sorted by any property."""

import datetime
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape

from stagemaker.compute.platform import Platform
from stagemaker.protocol.errors import ValidationException
from stagemaker.protocol.service_model import operation_model
from stagemaker.resources.paging import make_page, sort_key
from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record
from stagemaker.text import parse_number

Test = Callable[[Any], bool]
Reader = Callable[[Any], list[Any]]
# the kinds that have a different name in Search
OTHER_NAMES = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
EMPTY_KINDS = ("ModelCard",)  # version 2 of the SDK searches for model cards, which the simulator does not have
STATISTICS = ("Min", "Max", "Last", "Avg", "StdDev", "Count")  # the statistics of a trial component's metric
MAX_CONDITIONS = 50  # limit for an expression, including its subexpressions
# property types by shape type; all other shapes are structures
NUMBER_TYPES = dict.fromkeys(("integer", "long", "float", "double"), "number")
PROPERTY_TYPES = {"string": "text", "timestamp": "time", "boolean": "boolean"} | NUMBER_TYPES
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.eq,  # negated by _make_filter_test
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "Contains": lambda value, part: part in value,
    "In": lambda value, values: value in values.split(","),
}
EQUALITY_OPERATORS = {"Equals", "NotEquals"}
NUMBER_OPERATORS = COMPARISONS.keys() - {"Contains", "In"}
ALLOWED_OPERATORS = {
    "text": EQUALITY_OPERATORS | {"Contains", "In"},
    "number": NUMBER_OPERATORS,
    "time": NUMBER_OPERATORS,
    "boolean": EQUALITY_OPERATORS,
    "parameter": COMPARISONS.keys(),
    "value": COMPARISONS.keys(),
    "structure": set(),
}


@dataclass(frozen=True)
class Property:
    """A property in a Search, such as `ModelPackageName`, `InputDataConfig.ChannelName` or `Tags.team`.

    type: text, number, time, boolean, parameter (text that may be a number), value (text or a number), or structure.
    shape: the shape of one value. read: returns a resource's values of the property; a property in a list can have
    several.
    """

    name: str
    type: str
    shape: Shape
    read: Reader

    def convert(self, operand: str) -> Any:
        """Convert a request's string to the property's type. Raises ServiceError if that is not possible."""
        try:
            if self.type == "number":
                if (number := parse_number(operand)) is None:
                    raise ValueError(operand)
                return number
            if self.type == "time":
                time = datetime.datetime.fromisoformat(operand)
                return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
            if self.type == "boolean":
                return {"true": True, "false": False}[operand.lower()]
        except (ValueError, KeyError, OverflowError):
            message = f"Value '{operand[:80]}' of the filter on {self.name} is not a {self.type}"
            raise ValidationException(message) from None
        return operand


class Searches(Resource):
    """The Search operation. Each result is a resource as Describe returns it, with its tags."""

    kind = "Search"
    arn_type = "search-result"

    def __init__(self, platform: Platform, resources: Sequence[Resource]):
        super().__init__(platform)
        self._resources = {resource.kind: resource for resource in resources if _result_shape(resource.kind)}

    def Search(self, request: Record) -> Record:
        name: str = request["Resource"]
        kind = OTHER_NAMES.get(name, name)
        shape = _result_shape(kind)
        if shape is None or kind not in (*self._resources, *EMPTY_KINDS):
            raise ValidationException(f"Search: Resource {kind} is not simulated")
        if "VisibilityConditions" in request:
            raise ValidationException("Search: VisibilityConditions are not simulated")
        matches = self._records(kind) if request.get("CrossAccountFilterOption") != "CrossAccount" else []
        if "SearchExpression" in request:
            test = _make_test(shape, request["SearchExpression"])
            matches = [record for record in matches if test(record)]
        default_member = "LastModifiedTime" if "LastModifiedTime" in shape.members else "CreationTime"
        sort_property = _find_property(shape, request.get("SortBy", default_member))
        if sort_property.type == "structure":
            raise ValidationException(f"Search: {kind} cannot be sorted by {sort_property.name[:80]}")
        entries = [((_sort_value(sort_property, record), record[f"{kind}Arn"]), {kind: record}) for record in matches]
        response = make_page(request, "Results", entries, request.get("SortOrder", "Descending") == "Descending")
        return response | {"TotalHits": {"Value": len(matches), "Relation": "EqualTo"}}

    def _records(self, kind: str) -> list[Record]:
        records = [self._resources[kind].describe_record(record) for record in self.store.shared(kind)]
        return [record | (self.store.get("Tags", record[f"{kind}Arn"]) or {}) for record in records]


def _result_shape(kind: str) -> Shape | None:
    output: Any = operation_model("Search").output_shape
    shape = output.members["Results"].member.members.get(kind)
    return shape if shape and f"{kind}Arn" in shape.members else None


def _sort_value(sort_property: Property, record: Record) -> str:
    return next(map(sort_key, sort_property.read(record)), "")


def _make_test(shape: Shape, expression: Record) -> Test:
    conditions = list(_iterate_conditions(expression))
    if len(conditions) > MAX_CONDITIONS:
        raise ValidationException(f"A SearchExpression can have at most {MAX_CONDITIONS} conditions")
    if sum(condition.get("Operator") == "Contains" for condition in conditions) > 1:
        raise ValidationException("'CONTAINS' operator usage limit of 1 exceeded.")
    return _make_expression_test(shape, expression)


def _iterate_conditions(expression: Record) -> Iterator[Record]:
    yield from expression.get("Filters", [])
    for nested_filter in expression.get("NestedFilters", []):
        yield nested_filter
        yield from nested_filter["Filters"]
    for subexpression in expression.get("SubExpressions", []):
        yield subexpression
        yield from _iterate_conditions(subexpression)


def _make_expression_test(shape: Shape, expression: Record) -> Test:
    tests = [_make_filter_test(shape, item) for item in expression.get("Filters", [])]
    tests += [_make_nested_test(shape, item) for item in expression.get("NestedFilters", [])]
    tests += [_make_expression_test(shape, item) for item in expression.get("SubExpressions", [])]
    if not tests:
        raise ValidationException("A SearchExpression must have at least one filter, nested filter or subexpression")
    combine = any if expression.get("Operator") == "Or" else all
    return lambda record: combine(test(record) for test in tests)


def _make_nested_test(shape: Shape, nested_filter: Record) -> Test:
    name = nested_filter["NestedPropertyName"]
    items = _find_property(shape, name)
    if items.shape.type_name != "structure":
        raise ValidationException(f"NestedPropertyName {name[:80]} is not a list of structures")
    prefix, filters = f"{name}.", nested_filter["Filters"]
    if other_names := [item["Name"] for item in filters if not item["Name"].startswith(prefix)]:
        requirement = f"must be on a property below the NestedPropertyName {name[:80]}"
        raise ValidationException(f"The nested filter on {other_names[0][:80]} {requirement}")
    tests = [_make_filter_test(items.shape, item | {"Name": item["Name"].removeprefix(prefix)}) for item in filters]
    return lambda record: any(all(test(item) for test in tests) for item in items.read(record))


def _make_filter_test(shape: Shape, item: Record) -> Test:
    property_, comparison = _find_property(shape, item["Name"]), item.get("Operator", "Equals")
    if comparison in ("Exists", "NotExists"):
        if "Value" in item:
            message = f"The filter on {property_.name} must not have a Value if its Operator is {comparison}"
            raise ValidationException(message)
        return lambda record: bool(property_.read(record)) == (comparison == "Exists")
    if "Value" not in item:
        raise ValidationException(f"The filter on {property_.name} has no Value")
    if comparison not in ALLOWED_OPERATORS[property_.type]:
        message = f"{comparison} is not supported for {property_.name}, which is a {property_.type} property"
        raise ValidationException(message)
    test, is_negated = _make_comparison(property_, comparison, item["Value"]), comparison == "NotEquals"
    return lambda record: any(map(test, property_.read(record))) != is_negated


def _make_comparison(property_: Property, comparison: str, argument: str) -> Test:
    compare = COMPARISONS[comparison]
    if property_.type in ("parameter", "value"):
        as_integer = property_.type == "parameter" and INTEGER.fullmatch(argument) is not None
        return lambda value: _compare_parameter(compare, comparison, str(value), argument, as_integer)
    operand = property_.convert(argument)
    if property_.type == "time":  # responses contain times rounded to milliseconds
        return lambda value: compare(round(value.timestamp(), 3), round(operand.timestamp(), 3))
    return lambda value: compare(value, operand)


def _compare_parameter(
    compare: Callable[[Any, Any], bool], comparison: str, value: str, argument: str, as_integer: bool
) -> bool:
    """Compare strings, as numbers if both are numbers. as_integer: whether to truncate `value` to an integer."""
    if comparison in ("Contains", "In"):
        return compare(value, argument)
    number, operand = parse_number(value), parse_number(argument)
    if number is None or operand is None:
        return comparison in EQUALITY_OPERATORS and compare(value, argument)
    return compare(int(number) if as_integer else number, operand)


def _find_property(shape: Shape, name: str) -> Property:
    if name.lower().startswith("metrics.") and "FinalMetricDataList" in shape.members:
        return _metric_property(shape, name)
    if name.lower().startswith("metrics.") and "Metrics" in shape.members:
        return _statistic_property(shape, name)
    try:
        return Property(name, *_follow(shape, name.split(".")))
    except KeyError:
        raise ValidationException(f"{shape.name} does not have the property '{name[:80]}'") from None


def _metric_property(shape: Shape, name: str) -> Property:
    metric = name[len("Metrics.") :]

    def read(record: Any) -> list[Any]:
        values = record.get("FinalMetricDataList") or []
        return [item["Value"] for item in values if item["MetricName"] == metric and not math.isnan(item["Value"])]

    return Property(name, "number", shape.members["FinalMetricDataList"].member.members["Value"], read)


def _statistic_property(shape: Shape, name: str) -> Property:
    """Return the property for a statistic of a trial component's metric, such as `metrics.loss.min`."""
    metric, _, statistic = name[len("Metrics.") :].rpartition(".")
    members = shape.members["Metrics"].member.members
    member = next((member for member in STATISTICS if member.lower() == statistic.lower()), None)
    if member is None:
        raise ValidationException(f"'{name[:80]}' does not end with one of {', '.join(STATISTICS)}")

    def read(record: Any) -> list[Any]:
        return [item[member] for item in record["Metrics"] if item["MetricName"] == metric]

    return Property(name, "number", members[member], read)


def _follow(shape: Shape, path: list[str]) -> tuple[str, Shape, Reader]:
    if shape.type_name == "list":
        return _follow_list(shape.member, path)
    if not path:
        return PROPERTY_TYPES.get(shape.type_name, "structure"), shape, lambda value: [value]
    if shape.type_name == "map":
        key = ".".join(path)  # the key itself may contain dots
        if shape.value.name == "TrialComponentParameterValue":
            return "value", shape.value, lambda value: [*value[key].values()] if key in value else []
        value_type = PROPERTY_TYPES.get(shape.value.type_name, "structure")
        property_type = "parameter" if shape.name == "HyperParameters" else value_type
        return property_type, shape.value, lambda value: [value[key]] if key in value else []
    if shape.type_name != "structure":
        raise KeyError(path[0])
    member, *rest = path
    property_type, inner_shape, read = _follow(shape.members[member], rest)
    return property_type, inner_shape, lambda value: [] if value.get(member) is None else read(value[member])


def _follow_list(item: Shape, path: list[str]) -> tuple[str, Shape, Reader]:
    if path and item.type_name == "structure" and item.members.keys() == {"Key", "Value"}:  # tags
        key = ".".join(path)
        return "text", item.members["Value"], lambda tags: [tag["Value"] for tag in tags if tag["Key"] == key]
    property_type, inner_shape, read = _follow(item, path)
    return property_type, inner_shape, lambda items: [value for item in items for value in read(item)]
