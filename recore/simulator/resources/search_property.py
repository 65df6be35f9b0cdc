"""Properties of a resource that Search can name: `ModelPackageName`, `InputDataConfig.ChannelName`, `Tags.team`."""

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.model import Shape

from recore.simulator.protocol.errors import ValidationException

Read = Callable[[Any], list[Any]]
TYPES = {
    "string": "text",
    "integer": "number",
    "long": "number",
    "float": "number",
    "double": "number",
    "timestamp": "time",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Property:
    """type: text, number, time, boolean, parameter (text that may be a number), or structure. shape: of one value.
    read: the values that a resource has; there are several where one is in a list.
    """

    name: str
    type: str
    shape: Shape
    read: Read

    def value(self, text: str) -> Any:
        """A text of a request as a value of this type. Raises ServiceError if it is not one."""
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


def find_property(shape: Shape, name: str) -> Property:
    """The property of that name. shape: of the resource. Raises ServiceError if the resource does not have it."""
    if name.startswith("Metrics.") and "FinalMetricDataList" in shape.members:
        return _metric(shape, name)
    found = _follow(shape, name.split("."))
    if found is None:
        raise ValidationException(f"{shape.name} does not have the property '{name[:80]}'")
    kind, inner, read = found
    return Property(name, kind, inner, read)


def _metric(shape: Shape, name: str) -> Property:
    """The last value of a training job's metric."""
    metric = name.removeprefix("Metrics.")

    def read(record: Any) -> list[Any]:
        values = record.get("FinalMetricDataList") or []
        return [item["Value"] for item in values if item["MetricName"] == metric and not math.isnan(item["Value"])]

    return Property(name, "number", shape.members["FinalMetricDataList"].member.members["Value"], read)


def _follow(shape: Shape, path: list[str]) -> tuple[str, Shape, Read] | None:
    """The type, the shape and the values that a path leads to; None where it leads nowhere."""
    if shape.type_name == "list":
        return _in_list(shape, path)
    if not path:
        return TYPES.get(shape.type_name, "structure"), shape, lambda value: [value]
    if shape.type_name == "map":
        key = ".".join(path)  # which may contain dots
        kind = "parameter" if shape.name == "HyperParameters" else TYPES.get(shape.value.type_name, "structure")
        return kind, shape.value, lambda value: [value[key]] if key in value else []
    member, *rest = path
    found = _follow(shape.members[member], rest) if shape.type_name == "structure" and member in shape.members else None
    if found is None:
        return None
    kind, inner, read = found
    return kind, inner, lambda value: [] if value.get(member) is None else read(value[member])


def _in_list(shape: Shape, path: list[str]) -> tuple[str, Shape, Read] | None:
    item = shape.member
    if path and item.type_name == "structure" and item.members.keys() == {"Key", "Value"}:  # tags
        key = ".".join(path)
        return "text", item.members["Value"], lambda tags: [tag["Value"] for tag in tags if tag["Key"] == key]
    found = _follow(item, path)
    if found is None:
        return None
    kind, inner, read = found
    return kind, inner, lambda items: [value for item in items for value in read(item)]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
