"""A step of a definition, read from its document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import Shape

from recore.simulator.orchestration.pipelines.definitions.cache_config import CacheConfig, read_cache_config
from recore.simulator.orchestration.pipelines.definitions.dependencies import SUCCEEDED, Endings, every, read_depends_on
from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.expressions import Scope, is_expression
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.definitions.property_path import PropertyPath
from recore.simulator.orchestration.pipelines.definitions.retries import RetryPolicy, read_policies
from recore.simulator.orchestration.pipelines.definitions.step_types.catalogue import STEP_TYPES
from recore.simulator.orchestration.pipelines.definitions.step_types.processing import ProcessingStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType, StepType

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
COMMON: dict[str, Any] = {"DependsOn": list, "DisplayName": str, "Description": str}
OPTIONS: dict[str, Any] = {"CacheConfig": dict, "PropertyFiles": list, "RetryPolicies": list}
NO_CACHE = CacheConfig(enabled=False, expires=None)
FILE_MEMBERS = {"PropertyFileName": str, "OutputName": str, "FilePath": str}
LONGEST = {"DisplayName": 256, "Description": 3072}


@dataclass(frozen=True)
class PipelineStep:
    """A step. branch: of a step inside a Condition step, that step's name and the outcome for which this one runs.

    files: by the name of a property file, the output that has it and its path there. needs: how all steps before this
    one may have ended, filled in when all steps are known.
    """

    name: str
    type: StepType
    arguments: dict[str, Any]
    depends_on: Endings
    branch: tuple[str, bool] | None
    cache: CacheConfig
    files: Mapping[str, tuple[str, str]]
    retries: tuple[RetryPolicy, ...]
    described: Mapping[str, str]
    needs: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def request_type(self) -> RequestStepType:
        """The type of a step that creates a resource. Raises TypeError for another one."""
        if not isinstance(self.type, RequestStepType):
            raise TypeError(f"step {self.name} creates no resource")
        return self.type

    @property
    def type_name(self) -> str:
        return self.type.name

    def properties(self) -> Mapping[str, Shape]:
        return self.type.properties()

    def check_property(self, path: PropertyPath) -> None:
        self.type.check_property(self.arguments, path)

    def check(self, scope: Scope) -> None:
        """Raise DefinitionError where the step cannot run; find out what it needs."""
        self.type.check(self.arguments, scope)
        succeeded = [*self.type.references(self.arguments, scope), *(self.branch or ())[:1]]
        self.needs.update(every([*self.depends_on.items(), *((name, SUCCEEDED) for name in succeeded)]))


def read_step(document: Any, branch: tuple[str, bool] | None, operations: frozenset[str]) -> PipelineStep:
    """A step of which the expressions are not checked yet. operations: those of the API that are simulated.

    Raises DefinitionError, which names the step.
    """
    name = document.get("Name") if isinstance(document, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(f"A step's Name has 1 to 64 letters, digits, - and _, unlike {str(name)[:80]!r}")
    try:
        return _read_named(name, document, branch, operations)
    except DefinitionError as problem:
        raise DefinitionError(f"Step {name}: {problem}") from None


def _read_named(name: str, document: Any, branch: tuple[str, bool] | None, operations: frozenset[str]) -> PipelineStep:
    type_name = document.get("Type")
    step_type = STEP_TYPES.get(type_name) if isinstance(type_name, str) else None
    if step_type is None:
        raise DefinitionError(f"the type {str(type_name)[:80]} is not simulated: {', '.join(STEP_TYPES)} are")
    if isinstance(step_type, RequestStepType) and step_type.create not in operations:
        raise DefinitionError(f"the type {type_name} needs {step_type.create}, which is not simulated")
    options = {option: OPTIONS[option] for option in step_type.options}
    given = members(document, "its members", {"Name": str, "Type": str, "Arguments": dict}, COMMON | options)
    for member, longest in LONGEST.items():
        if len(given.get(member, "")) > longest:
            raise DefinitionError(f"{member} has more than {longest} characters")
    return PipelineStep(
        name=name,
        type=step_type,
        arguments=given["Arguments"],
        depends_on=read_depends_on(given.get("DependsOn", [])),
        branch=branch,
        cache=read_cache_config(given["CacheConfig"]) if "CacheConfig" in given else NO_CACHE,
        files=_read_files(given["PropertyFiles"], given["Arguments"]) if "PropertyFiles" in given else {},
        retries=read_policies(given.get("RetryPolicies", [])),
        described={f"Step{member}": given[member] for member in LONGEST if member in given},
    )


def _read_files(documents: list[Any], arguments: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """The property files of a processing step: the output and the path of each."""
    files: dict[str, tuple[str, str]] = {}
    for document in documents:
        given = members(document, "PropertyFiles", FILE_MEMBERS, {})
        name, output, path = (given[member] for member in FILE_MEMBERS)
        if name in files:
            raise DefinitionError(f"PropertyFiles: there are two of the name {name[:80]}")
        try:
            place = PropertyPath(f"ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri")
            ProcessingStepType().check_property(arguments, place)
        except DefinitionError:
            raise DefinitionError(f"PropertyFiles: the step has no output '{output[:80]}'") from None
        if not path or len(path) > 1024 or is_expression(path):
            raise DefinitionError(f"PropertyFiles: the FilePath of {name[:80]} is empty or too long")
        files[name] = output, path
    return files
