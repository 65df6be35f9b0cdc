"""A pipeline's parameters: their types, their allowed values, and their values in an execution."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from stagemaker.orchestration.pipelines.document import DefinitionError, read_members

TYPES = ("String", "Integer", "Float", "Boolean")
NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
MAX_LENGTH = 1024  # characters of a value
MAX_PARAMETERS = 200
ANY_VALUE = (str, int, float, bool)
Value = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """A declared parameter. default: the default value, or None if each execution must pass a value."""

    name: str
    type: str
    default: Value | None = None
    choices: tuple[Value, ...] = ()

    def read(self, string: str) -> Value:
        """Convert a string from a request to a value. Raises DefinitionError if the value is not allowed."""
        return self._validate(parse_value(string, self.type), f"'{string[:80]}'")

    def check(self, value: Any) -> Value:
        """Convert a value from the definition to the parameter's type. Raises DefinitionError if it is invalid."""
        return self._validate(value, json.dumps(value)[:80])

    def _validate(self, value: Any, label: str) -> Value:
        matches = {
            "String": isinstance(value, str) and len(value) <= MAX_LENGTH,
            "Integer": isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
            "Float": isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308,
            "Boolean": isinstance(value, bool),
        }
        if not matches[self.type]:
            raise DefinitionError(f"Parameter {self.name}: {label} is not of type {self.type}")
        checked: Value = float(value) if self.type == "Float" else value
        if self.choices and checked not in self.choices:
            names = ", ".join(map(format_value, self.choices))
            raise DefinitionError(f"Parameter {self.name}: {format_value(checked)[:80]} is not one of {names[:400]}")
        return checked


def parse_value(string: str, kind: str) -> Value | None:
    """Convert a string to a parameter type, or return None if that is not possible. kind: one of TYPES."""
    if kind == "String":
        return string
    if kind == "Boolean":
        return {"true": True, "false": False}.get(string.lower())
    if not string.isascii() or "_" in string:
        return None
    try:
        return int(string) if kind == "Integer" else float(string)
    except ValueError:
        return None


def read_parameters(documents: Sequence[Any]) -> dict[str, Parameter]:
    """Return the declared parameters by name. Raises DefinitionError if one is invalid."""
    if len(documents) > MAX_PARAMETERS:
        raise DefinitionError(f"A pipeline can have at most {MAX_PARAMETERS} parameters")
    parameters: dict[str, Parameter] = {}
    for index, document in enumerate(documents, 1):
        location = f"Parameter {index}"
        checked = read_members(
            document, location, {"Name": str, "Type": str}, {"DefaultValue": ANY_VALUE, "EnumValues": list}
        )
        name, kind = checked["Name"], checked["Type"]
        if not NAME.fullmatch(name):
            raise DefinitionError(
                f"{location}: the name must be 1 to 256 letters, digits, hyphens or underscores, not '{name[:80]}'"
            )
        if name in parameters:
            raise DefinitionError(f"Parameter {name}: the name is used twice")
        if kind not in TYPES:
            raise DefinitionError(f"Parameter {name}: the type {kind[:80]} is not one of {', '.join(TYPES)}")
        parameter = Parameter(name, kind)
        parameter = replace(parameter, choices=tuple(map(parameter.check, checked.get("EnumValues", []))))
        default = parameter.check(checked["DefaultValue"]) if "DefaultValue" in checked else None
        parameters[name] = replace(parameter, default=default)
    return parameters


def parameter_values(parameters: dict[str, Parameter], requested: Sequence[dict[str, str]]) -> dict[str, Value]:
    """Return the values of an execution's parameters, from the request or the defaults.

    Raises DefinitionError if a parameter is unknown, passed twice, missing, empty or of the wrong type.
    """
    passed_values: dict[str, str] = {}
    for item in requested:
        if item["Name"] not in parameters:
            raise DefinitionError(f"The pipeline has no parameter {item['Name']}")
        if item["Name"] in passed_values:
            raise DefinitionError(f"Parameter {item['Name']} is passed twice")
        passed_values[item["Name"]] = item["Value"]
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        value = parameter.read(passed_values[name]) if name in passed_values else parameter.default
        if value is None:
            raise DefinitionError(f"Parameter {name} has no default value, so an execution must set it")
        if value == "":
            raise DefinitionError(f'[string "" is too short (length: 0, required minimum: 1)]: parameter {name}')
        values[name] = value
    return values


def format_value(value: Any) -> str:
    """Format a value as SageMaker does, with numbers and booleans as in JSON."""
    return value if isinstance(value, str) else json.dumps(value)
