"""What all types of steps share, and what the steps that call an operation of the API share."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from botocore.model import Shape

from recore.simulator.orchestration.pipelines.definitions.arguments import check_arguments, check_sizes
from recore.simulator.orchestration.pipelines.definitions.expressions import GET, Scope, is_expression, references
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.definitions.property_path import PropertyPath, find_item
from recore.simulator.protocol.service_model import operation_model

PATTERN_SECONDS = 2.0  # for all patterns of a step's arguments
Document = dict[str, Any]


class StepType:
    """A type of step.

    name: in definitions. metadata: the member of a listed step's Metadata. options: members of a step that only some
    types have.
    """

    name: ClassVar[str]
    metadata: ClassVar[str]
    options: ClassVar[frozenset[str]] = frozenset()

    def properties(self) -> Mapping[str, Shape]:
        """The shapes of a step's properties, to which others may refer."""
        raise NotImplementedError

    def check_sizes(self, arguments: Document) -> None:
        """Raise DefinitionError where a list or a map in the arguments has too many items."""

    def check(self, arguments: Document, scope: Scope) -> None:
        """Raise DefinitionError where a step with these arguments cannot run."""
        raise NotImplementedError

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        """The names of the steps whose results a step with these arguments needs."""
        return references(arguments, scope)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if a step with these arguments will certainly not have the property."""


class RequestStepType(StepType):
    """A step that creates a resource; its arguments are the request without the name.

    kind: of the resource. runs: whether the resource is a job, which has to end before the step has.
    """

    kind: ClassVar[str]
    runs: ClassVar[bool] = True
    # members of the request that do not change what a cached step does, as paths; a list is passed through
    uncached: ClassVar[tuple[str, ...]] = ()
    name_length: ClassVar[int] = 63

    @property
    def create(self) -> str:
        return f"Create{self.kind}"

    @property
    def describe(self) -> str:
        return f"Describe{self.kind}"

    @property
    def stop(self) -> str:
        return f"Stop{self.kind}"

    @property
    def named(self) -> str:
        """The member of the request that names the resource."""
        return f"{self.kind}Name"

    @property
    def request_shape(self) -> Shape:
        shape: Shape = operation_model(self.create).input_shape
        return shape

    def properties(self) -> Mapping[str, Shape]:
        shape: Any = operation_model(self.describe).output_shape
        members: Mapping[str, Shape] = shape.members
        return members

    def check_sizes(self, arguments: Document) -> None:
        check_sizes(self.request_shape, arguments, "Arguments")

    def check(self, arguments: Document, scope: Scope) -> None:
        deadline = time.monotonic() + PATTERN_SECONDS
        check_arguments(self.request_shape, arguments, scope, "Arguments", deadline, self.named)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """What Describe answers of the request is there only if the request has it."""
        shape: Any = self.request_shape
        value: Any = arguments
        for token in path.tokens:
            wanted = {"structure": dict, "map": dict, "list": list}.get(shape.type_name)
            if wanted and value is not None and not isinstance(value, wanted):
                raise DefinitionError(f"the step's arguments have no {shape.type_name} at '{str(token)[:80]}'")
            if shape.type_name == "structure":
                if token not in shape.members:
                    return
                shape, below = shape.members[token], (value or {}).get(token)
            elif shape.type_name in ("list", "map"):
                below = _item(value or (), token)
                if below is None:
                    raise DefinitionError(f"the step's arguments have no '{str(token)[:80]}' there")
                shape = shape.member if shape.type_name == "list" else shape.value
            else:
                return
            if is_expression(below):
                return
            value = below

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        """Where on S3 the results of a step with these properties are."""
        return []


def _item(value: Any, token: str | int) -> Any:
    """The item of a list or a map, or an expression for one that only an execution can tell; None without it."""
    if isinstance(value, dict):
        return value.get(token)
    if isinstance(token, int):
        return value[token] if token < len(value) else None
    unknown = (item for item in value if isinstance(item, dict) and any(map(is_expression, item.values())))
    return find_item(list(value), token) or next(({GET: ""} for _ in unknown), None)
