"""The parameters of a pipeline: their types, what they may be, and their values in an execution."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError

TYPES = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
LONGEST = 1024  # characters of a value
MOST = 200
ANY_VALUE = (str, int, float, bool)
Value = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """One that a definition declares. default: None where an execution has to give a value."""

    name: str
    type: str
    default: Value | None
    choices: tuple[Value, ...]

    def read(self, text: str) -> Value:
        """The value of which a request holds the text. Raises DefinitionError if it may not be this one."""
        value = self._convert(text)
        if value is None:
            raise DefinitionError(f"Parameter {self.name}: '{text[:80]}' is not of type {self.type}")
        self._check_choice(value)
        return value

    def check(self, value: Any) -> Value:
        """A value in the definition. Raises DefinitionError if it is of another type, or not one of the choices."""
        of_type = {
            "String": isinstance(value, str) and len(value) <= LONGEST,
            "Integer": isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
            "Float": isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308,
            "Boolean": isinstance(value, bool),
        }
        if not of_type[self.type]:
            raise DefinitionError(f"Parameter {self.name}: {json.dumps(value)[:80]} is not of type {self.type}")
        checked: Value = float(value) if self.type == "Float" else value  # as those of an execution
        self._check_choice(checked)
        return checked

    def _check_choice(self, value: Value) -> None:
        if self.choices and value not in self.choices:
            names = ", ".join(map(as_text, self.choices))
            raise DefinitionError(f"Parameter {self.name}: {as_text(value)[:80]} is not one of {names[:400]}")

    def _convert(self, text: str) -> Value | None:
        if self.type == "String":
            return text
        if self.type == "Boolean":
            return {"true": True, "false": False}.get(text.lower())
        try:
            number = int(text) if self.type == "Integer" else float(text)
        except ValueError:
            return None
        if not text.isascii() or "_" in text:
            return None
        fits = abs(number) < 2**63 if isinstance(number, int) else math.isfinite(number) and abs(number) < 1e308
        return number if fits else None


def read_parameters(documents: Sequence[Any]) -> dict[str, Parameter]:
    """The parameters that a definition declares, by their names. Raises DefinitionError."""
    if len(documents) > MOST:
        raise DefinitionError(f"A pipeline has at most {MOST} parameters")
    parameters: dict[str, Parameter] = {}
    for number, document in enumerate(documents, 1):
        place = f"Parameter {number}"
        given = members(document, place, {"Name": str, "Type": str}, {"DefaultValue": ANY_VALUE, "EnumValues": list})
        name, kind = given["Name"], given["Type"]
        if not NAME.fullmatch(name):
            raise DefinitionError(f"{place}: the name '{name[:80]}' has other characters than letters, digits, - and _")
        if name in parameters:
            raise DefinitionError(f"Parameter {name}: there are two of this name")
        if kind not in TYPES:
            raise DefinitionError(f"Parameter {name}: the type {kind[:80]} is not one of {', '.join(TYPES)}")
        free = Parameter(name, kind, None, ())
        choices = tuple(map(free.check, given.get("EnumValues", [])))
        limited = Parameter(name, kind, None, choices)
        default = limited.check(given["DefaultValue"]) if "DefaultValue" in given else None
        parameters[name] = Parameter(name, kind, default, choices)
    return parameters


def parameter_values(parameters: dict[str, Parameter], given: Sequence[dict[str, str]]) -> dict[str, Value]:
    """The values of an execution's parameters: those that a request gives as text, and the defaults.

    Raises DefinitionError if one is unknown, given twice, missing or not of its type.
    """
    texts: dict[str, str] = {}
    for item in given:
        if item["Name"] not in parameters:
            raise DefinitionError(f"Parameter {item['Name']} is not one of the pipeline's")
        if item["Name"] in texts:
            raise DefinitionError(f"Parameter {item['Name']} is given twice")
        texts[item["Name"]] = item["Value"]
    values: dict[str, Value] = {}
    for name, parameter in parameters.items():
        value = parameter.read(texts[name]) if name in texts else parameter.default
        if value is None:
            raise DefinitionError(f"Parameter {name} has no default value, so an execution must give one")
        values[name] = value
    return values


def as_text(value: Any) -> str:
    """A value as SageMaker puts it into a text: numbers and booleans as in JSON."""
    return value if isinstance(value, str) else json.dumps(value)
