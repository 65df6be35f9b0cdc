"""Paths to a step's properties: `ModelArtifacts.S3ModelArtifacts`, `Outputs['train'].S3Uri`, `Containers[0]`.

A string in brackets is a map's key or the name of a list's item.
"""

import re
from collections.abc import Mapping
from typing import Any

from botocore.model import Shape

from stagemaker.orchestration.pipelines.document import DefinitionError, StepFailure

MAX_LENGTH = 1024  # characters
# no string matches in two ways, so the matching time is linear in the length
TOKEN = re.compile(r"""(?:^|\.)([A-Za-z0-9_-]+)|\[([0-9]{1,6})\]|\['([^'\]]*)'\]|\["([^"\]]*)"\]""")
Token = str | int
# expression types by shape type, where their names differ
PROPERTY_TYPES = {"long": "integer", "double": "float", "timestamp": "string", "blob": "string"}


class PropertyPath:
    """A property path. tokens: its names, keys and indices, in order. The first is a property of the step itself."""

    def __init__(self, string: str):
        self.string, position, tokens = string, 0, list[Token]()
        while len(string) <= MAX_LENGTH and position < len(string) and (match := TOKEN.match(string, position)):
            name, index, single_quoted, double_quoted = match.groups()
            tokens.append(int(index) if index else name or single_quoted or double_quoted or "")
            position = match.end()
        if position < len(string) or not tokens or not isinstance(tokens[0], str):
            raise DefinitionError(f"'{string[:200]}' is not a valid property path")
        self.tokens: list[Token] = tokens

    def shape_in(self, properties: Mapping[str, Shape]) -> Shape:
        """Return the shape at this path. Raises DefinitionError if it does not exist."""
        name = str(self.tokens[0])
        if name not in properties:
            raise DefinitionError(f"the property '{name[:80]}' does not exist")
        shape = properties[name]
        for token in self.tokens[1:]:
            shape = _shape_below(shape, token)
        return shape

    def read(self, properties: Mapping[str, Any]) -> Any:
        """Return the value at this path. Raises StepFailure if it does not exist."""
        value: Any = properties
        for token in self.tokens:
            value = value_below(value, token)
            if value is None:
                raise StepFailure(f"ClientError: The property '{self.string}' does not exist: '{token}' was not found")
        return value


def _is_name(member: str) -> bool:
    return member.endswith("Name") or member == "Key"


def _shape_below(shape: Shape, token: Token) -> Shape:
    child: Shape
    if shape.type_name == "structure" and isinstance(token, str):
        if token not in shape.members:
            raise DefinitionError(f"unknown property '{token[:80]}'; choose from {', '.join(shape.members)}"[:400])
        child = shape.members[token]
    elif shape.type_name == "map" and isinstance(token, str):
        child = shape.value
    elif shape.type_name == "list":
        child = shape.member
        members = child.members if child.type_name == "structure" else {}
        has_names = any(_is_name(name) and member.type_name == "string" for name, member in members.items())
        if isinstance(token, str) and not has_names:
            raise DefinitionError(f"this list is indexed by numbers, not by names such as '{token[:80]}'")
    else:
        raise DefinitionError(f"'{shape.name}' has no property or item '{str(token)[:80]}'")
    return child


def value_below(value: Any, token: Token) -> Any:
    """Return the member or list item that a token selects, or None. An item's name is in its member Key or ...Name."""
    if isinstance(value, dict) and isinstance(token, str):
        return value.get(token)
    items = value if isinstance(value, list) else []
    if isinstance(token, int):
        return items[token] if token < len(items) else None
    names = ((item, member) for item in items if isinstance(item, dict) for member in item if _is_name(member))
    return next((item for item, member in names if item[member] == token), None)
