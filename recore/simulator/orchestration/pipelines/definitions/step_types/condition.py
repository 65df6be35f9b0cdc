"""Condition steps: they choose which of the steps inside them run."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import DenormalizedStructureBuilder, Shape

from recore.simulator.orchestration.pipelines.definitions.conditions import check_condition, condition_steps
from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.expressions import Scope
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import Document, StepType

BRANCHES = {"IfSteps": True, "ElseSteps": False}


class ConditionStepType(StepType):
    name = metadata = "Condition"

    def properties(self) -> Mapping[str, Shape]:
        return text_properties("Outcome")

    def check(self, arguments: Document, scope: Scope) -> None:
        conditions = _read(arguments)["Conditions"]
        if not conditions:
            raise DefinitionError("Arguments: Conditions is empty")
        for condition in conditions:
            check_condition(condition, scope)

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        for condition in arguments["Conditions"]:
            yield from condition_steps(condition, scope)

    def branches(self, arguments: Document) -> Iterator[tuple[bool, Any]]:
        """The documents of the steps inside, each with the outcome for which it runs. Raises DefinitionError."""
        given = _read(arguments)
        for branch, outcome in BRANCHES.items():
            for document in given.get(branch, []):
                yield outcome, document


def text_properties(*names: str) -> Mapping[str, Shape]:
    """Shapes of properties that are texts."""
    described = {name: {"type": "string"} for name in names}
    shapes: Mapping[str, Shape] = DenormalizedStructureBuilder().with_members(described).build_model().members
    return shapes


def _read(arguments: Document) -> Document:
    return members(arguments, "Arguments", {"Conditions": list}, dict.fromkeys(BRANCHES, list))
