"""Fail steps: they end the execution with a message."""

from collections.abc import Mapping

from botocore.model import Shape

from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.expressions import SCALARS, Scope, parse
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import Document, StepType


class FailStepType(StepType):
    name = metadata = "Fail"

    def properties(self) -> Mapping[str, Shape]:
        return {}

    def check(self, arguments: Document, scope: Scope) -> None:
        given = members(arguments, "Arguments", {"ErrorMessage": (dict, str)}, {})
        found = parse(given["ErrorMessage"], scope).type
        if found not in (*SCALARS, "any"):
            raise DefinitionError(f"Arguments.ErrorMessage: a text is needed, and this one is a {found}")
