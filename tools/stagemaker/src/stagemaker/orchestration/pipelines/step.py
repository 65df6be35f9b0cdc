"""A step of a pipeline definition, with its dependencies and cache settings."""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import Shape

from stagemaker.orchestration.pipelines.document import DefinitionError, locate_errors, read_members
from stagemaker.orchestration.pipelines.expressions import Scope
from stagemaker.orchestration.pipelines.property_path import PropertyPath
from stagemaker.orchestration.pipelines.retries import RetryPolicy, read_policies
from stagemaker.orchestration.pipelines.step_types import STEP_TYPES, RequestStepType, StepType

# ISO 8601, in upper or lower case; the P is optional, because SageMaker's guide writes 30d and T16m
DURATION = re.compile(
    r"P?(?:([0-9]{1,5})Y)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})W)?(?:([0-9]{1,5})D)?"
    r"(?:T(?:([0-9]{1,7})H)?(?:([0-9]{1,7})M)?(?:([0-9]{1,7})S)?)?",
    re.IGNORECASE,
)
DAYS = (365, 30, 7, 1)  # in a year, a month, a week and a day
MAX_DAYS = 365_000  # a thousand years
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
COMMON_MEMBERS: dict[str, Any] = {"DependsOn": list, "DisplayName": str, "Description": str}
OPTIONAL_MEMBERS: dict[str, Any] = {"CacheConfig": dict, "PropertyFiles": list, "RetryPolicies": list}
FILE_MEMBERS = {"PropertyFileName": str, "OutputName": str, "FilePath": str}
MAX_LENGTHS = {"DisplayName": 256, "Description": 3072}
SUCCESS = frozenset({"Succeeded"})
TRIGGERS = {
    "Completed": SUCCESS,
    "Failed": frozenset({"Failed"}),
    "Stopped": frozenset({"Stopped"}),
    "Any": frozenset({"Succeeded", "Failed", "Stopped"}),
}
Endings = dict[str, frozenset[str]]  # the statuses in which steps may end, by step name


@dataclass(frozen=True)
class CacheConfig:
    """A step's cache settings. max_age: the age after which a result is no longer reused, or None for no limit."""

    is_enabled: bool
    max_age: datetime.timedelta | None


def read_cache_config(document: Any) -> CacheConfig:
    """Read the CacheConfig of a step. Raises DefinitionError if it is invalid."""
    config = read_members(document, "CacheConfig", {"Enabled": bool}, {"ExpireAfter": str})
    return CacheConfig(config["Enabled"], read_duration(config["ExpireAfter"]) if "ExpireAfter" in config else None)


def read_duration(duration: str) -> datetime.timedelta:
    """Read an ISO 8601 duration. A year has 365 days, and a month has 30. Raises DefinitionError if it is invalid."""
    match = DURATION.fullmatch(duration)
    parts = match.groups() if match else ()
    numbers = [int(part or 0) for part in parts]
    if not any(parts):
        raise DefinitionError(f"CacheConfig: ExpireAfter '{duration[:80]}' is not an ISO 8601 duration such as P30D")
    days = sum(number * length for number, length in zip(numbers, DAYS, strict=False))
    hours, minutes, seconds = numbers[4:]
    if days > MAX_DAYS:
        raise DefinitionError(f"CacheConfig: ExpireAfter '{duration[:80]}' is longer than a thousand years")
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


@dataclass(frozen=True)
class PipelineStep:
    """A step of a pipeline.

    branch: for a step inside a Condition step, the Condition step's name and the outcome for which this step runs.
    files: each property file's output name and path, by name. labels: the StepDisplayName and StepDescription.
    needs: the steps that must end before this one starts, with their permitted statuses; `check` determines them.
    """

    name: str
    type: StepType
    arguments: dict[str, Any]
    depends_on: Endings
    branch: tuple[str, bool] | None
    cache: CacheConfig
    files: Mapping[str, tuple[str, str]]
    retries: tuple[RetryPolicy, ...]
    labels: Mapping[str, str]
    needs: Endings = field(default_factory=dict)

    @property
    def request_type(self) -> RequestStepType:
        """The step's type if the step creates a resource. Raises TypeError for other steps."""
        if not isinstance(self.type, RequestStepType):
            raise TypeError(f"step {self.name} does not create a resource")
        return self.type

    def property_shape(self, path: PropertyPath) -> Shape:
        """Return the shape of the property at a path. Raises DefinitionError if the step cannot have this property."""
        shape = path.shape_in(self.type.properties())
        self.type.check_property(self.arguments, path)
        return shape

    def check(self, scope: Scope) -> None:
        """Check the step, and add the steps that it depends on to `needs`. Raises DefinitionError if it cannot run."""
        succeeded = [*self.type.check(self.arguments, scope), *(self.branch or ())[:1]]
        self.needs.update(_combine_endings([*self.depends_on.items(), *((name, SUCCESS) for name in succeeded)]))


def read_step(document: Any, branch: tuple[str, bool] | None) -> PipelineStep:
    """Read a step without checking its expressions. Raises DefinitionError if it is invalid."""
    name = document.get("Name") if isinstance(document, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(
            f"A step's Name must be 1 to 64 letters, digits, hyphens or underscores, not {str(name)[:80]!r}"
        )
    location, type_name = f"Step {name}", document.get("Type")
    step_type = STEP_TYPES.get(type_name) if isinstance(type_name, str) else None
    if step_type is None:
        types = ", ".join(STEP_TYPES)
        raise DefinitionError(f"{location}: the type {str(type_name)[:80]} is not simulated; use one of {types}")
    required = {"Name": str, "Type": str, "Arguments": dict}
    optional = COMMON_MEMBERS | {option: OPTIONAL_MEMBERS[option] for option in step_type.options}
    members = read_members(document, location, required, optional)
    with locate_errors(location):
        for member, max_length in MAX_LENGTHS.items():
            if len(members.get(member, "")) > max_length:
                raise DefinitionError(f"{member} must not exceed {max_length} characters")
        return PipelineStep(
            name=name,
            type=step_type,
            arguments=members["Arguments"],
            depends_on=_combine_endings(_read_dependency(item) for item in members.get("DependsOn", [])),
            branch=branch,
            cache=read_cache_config(members.get("CacheConfig", {"Enabled": False})),
            files=_read_files(members.get("PropertyFiles", []), step_type, members["Arguments"]),
            retries=read_policies(members.get("RetryPolicies", [])),
            labels={f"Step{member}": members[member] for member in MAX_LENGTHS if member in members},
        )


def _read_dependency(document: Any) -> tuple[str, frozenset[str]]:
    if isinstance(document, str):
        return document, SUCCESS
    dependency = read_members(document, "DependsOn", {"Step": str, "Trigger": str}, {})
    trigger = dependency["Trigger"]
    if trigger not in TRIGGERS:
        raise DefinitionError(f"DependsOn: the Trigger {trigger[:80]} is not one of {', '.join(TRIGGERS)}")
    return dependency["Step"], TRIGGERS[trigger]


def _combine_endings(requirements: Iterable[tuple[str, frozenset[str]]]) -> Endings:
    endings: Endings = {}
    for name, statuses in requirements:
        endings[name] = endings.get(name, statuses) & statuses
        if not endings[name]:
            raise DefinitionError(
                f"the step can never run, because it requires step '{name[:80]}' to end in two different ways"
            )
    return endings


def _read_files(documents: list[Any], step_type: StepType, arguments: dict[str, Any]) -> dict[str, tuple[str, str]]:
    files: dict[str, tuple[str, str]] = {}
    for document in documents:
        members = read_members(document, "PropertyFiles", FILE_MEMBERS, {})
        name, output, path = (members[member] for member in FILE_MEMBERS)
        if name in files:
            raise DefinitionError(f"PropertyFiles: the name {name[:80]} is used twice")
        try:
            property_path = PropertyPath(f"ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri")
            step_type.check_property(arguments, property_path)
        except DefinitionError:
            raise DefinitionError(f"PropertyFiles: the step has no output '{output[:80]}'") from None
        if not path or len(path) > 1024:
            raise DefinitionError(f"PropertyFiles: the FilePath of {name[:80]} must be 1 to 1024 characters long")
        files[name] = output, path
    return files
