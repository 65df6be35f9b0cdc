"""The types of steps that are simulated: what the arguments of a step may be, and which properties it has."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from botocore.model import DenormalizedStructureBuilder, Shape

from recore.simulator.orchestration.pipelines.definitions.arguments import check_arguments
from recore.simulator.orchestration.pipelines.definitions.conditions import parse_condition
from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.expressions import (
    GET,
    SCALARS,
    Scope,
    is_expression,
    parse,
    references,
)
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError
from recore.simulator.orchestration.pipelines.definitions.property_path import PropertyPath, find_item
from recore.simulator.protocol.service_model import operation_model

PATTERN_SECONDS = 2.0  # for all patterns of a step's arguments
BRANCHES = {"IfSteps": True, "ElseSteps": False}
SUMMARIES, LIST_JOBS = "TrainingJobSummaries", "ListTrainingJobsForHyperParameterTuningJob"
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

    def check(self, arguments: Document, scope: Scope) -> None:
        """Raise DefinitionError if a step with these arguments cannot run."""
        raise NotImplementedError

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        """The names of the steps whose results a step with these arguments needs."""
        return references(arguments, scope)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if a step with these arguments will certainly not have the property."""


class RequestStepType(StepType):
    """A step that creates a resource; its arguments are the request without the name.

    kind: of the resource. runs: whether the resource is a job, which has to end before the step has. uncached: paths of
    members of the request that do not change what a cached step does; a list on a path stands for all its items.
    """

    kind: ClassVar[str]
    options = frozenset({"CacheConfig", "RetryPolicies"})
    runs: ClassVar[bool] = True
    uncached: ClassVar[tuple[str, ...]] = ()
    name_length: ClassVar[int] = 63

    @property
    def named(self) -> str:
        """The member of the request that names the resource."""
        return f"{self.kind}Name"

    @property
    def request_shape(self) -> Shape:
        shape: Shape = operation_model(f"Create{self.kind}").input_shape
        return shape

    def properties(self) -> Mapping[str, Shape]:
        return _answered(f"Describe{self.kind}")

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


class ProcessingStepType(RequestStepType):
    name = "Processing"
    metadata = kind = "ProcessingJob"
    options = RequestStepType.options | {"PropertyFiles"}
    uncached = (
        "ProcessingOutputConfig.Outputs.S3Output.S3Uri",
        "ProcessingOutputConfig.KmsKeyId",
        "ProcessingResources",
        "StoppingCondition",
    )

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output]


class TrainingStepType(RequestStepType):
    name = "Training"
    metadata = kind = "TrainingJob"
    uncached = (
        "HyperParameters.sagemaker_job_name",
        "OutputDataConfig",
        "ResourceConfig",
        "StoppingCondition",
        "RetryStrategy",
        "CheckpointConfig",
        "DebugHookConfig.S3OutputPath",
        "DebugRuleConfigurations.S3OutputPath",
        "ProfilerConfig",
        "ProfilerRuleConfigurations",
        "TensorBoardOutputConfig",
    )

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["ModelArtifacts"]["S3ModelArtifacts"]]


class TuningStepType(RequestStepType):
    """The training jobs of the tuning job, the best first, are a property of the step."""

    name = "Tuning"
    metadata = "TuningJob"
    kind = "HyperParameterTuningJob"
    uncached = tuple(
        f"{definition}.{member}"
        for definition in ("TrainingJobDefinition", "TrainingJobDefinitions")
        for member in (
            "CheckpointConfig",
            "OutputDataConfig",
            "ResourceConfig",
            "HyperParameterTuningResourceConfig",
            "StoppingCondition",
            "RetryStrategy",
            "RoleArn",
            "StaticHyperParameters.sagemaker_job_name",
        )
    )
    name_length = 32

    def properties(self) -> Mapping[str, Shape]:
        return {**super().properties(), SUMMARIES: _answered(LIST_JOBS)[SUMMARIES]}

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        """The model of the best training job."""
        best = properties["BestTrainingJob"]
        definitions = properties.get("TrainingJobDefinitions") or [properties["TrainingJobDefinition"]]
        name = best.get("TrainingJobDefinitionName")
        of_best = next((item for item in definitions if item.get("DefinitionName") == name), definitions[0])
        target = of_best["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return [f"{target}/{best['TrainingJobName']}/output/"]


class TransformStepType(RequestStepType):
    name = "Transform"
    metadata = kind = "TransformJob"
    uncached = ("TransformOutput.S3OutputPath", "TransformOutput.KmsKeyId", "TransformResources")

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["TransformOutput"]["S3OutputPath"]]


class ModelStepType(RequestStepType):
    name = metadata = kind = "Model"
    options = frozenset({"RetryPolicies"})
    runs = False


class RegisterModelStepType(RequestStepType):
    """A model package, a version of a group, which is created if it does not exist."""

    name = metadata = "RegisterModel"
    kind = "ModelPackage"
    options = frozenset({"RetryPolicies"})
    runs = False


class ConditionStepType(StepType):
    """It chooses which of the steps inside it run."""

    name = metadata = "Condition"

    def properties(self) -> Mapping[str, Shape]:
        builder = DenormalizedStructureBuilder().with_members({"Outcome": {"type": "string"}})
        return dict(builder.build_model().members)

    def check(self, arguments: Document, scope: Scope) -> None:
        conditions = self._read(arguments)["Conditions"]
        if not conditions:
            raise DefinitionError("Arguments: Conditions is empty")
        for condition in conditions:
            parse_condition(condition, scope)

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        for condition in arguments["Conditions"]:
            yield from parse_condition(condition, scope).steps

    def branches(self, arguments: Document) -> list[tuple[bool, Any]]:
        """The documents of the steps inside, each with the outcome for which it runs. Raises DefinitionError."""
        checked = self._read(arguments)
        return [(outcome, document) for branch, outcome in BRANCHES.items() for document in checked.get(branch, [])]

    def _read(self, arguments: Document) -> Document:
        return members(arguments, "Arguments", {"Conditions": list}, dict.fromkeys(BRANCHES, list))


class FailStepType(StepType):
    """It ends the execution with a message."""

    name = metadata = "Fail"

    def properties(self) -> Mapping[str, Shape]:
        return {}

    def check(self, arguments: Document, scope: Scope) -> None:
        checked = members(arguments, "Arguments", {"ErrorMessage": (dict, str)}, {})
        found = parse(checked["ErrorMessage"], scope).type
        if found not in (*SCALARS, "any"):
            raise DefinitionError(f"Arguments.ErrorMessage: a string is needed, not {found}")


STEP_TYPES: dict[str, StepType] = {
    step_type.name: step_type
    for step_type in (
        ProcessingStepType(),
        TrainingStepType(),
        TuningStepType(),
        TransformStepType(),
        ModelStepType(),
        RegisterModelStepType(),
        ConditionStepType(),
        FailStepType(),
    )
}


def _answered(operation: str) -> Mapping[str, Shape]:
    """The members of an operation's response."""
    shape: Any = operation_model(operation).output_shape
    return dict(shape.members)


def _item(value: Any, token: str | int) -> Any:
    """The item of a list or a map, or an expression if only an execution can tell the item; None without it."""
    if isinstance(value, dict):
        return value.get(token)
    if isinstance(token, int):
        return value[token] if token < len(value) else None
    unknown = any(isinstance(item, dict) and any(map(is_expression, item.values())) for item in value)
    return find_item(list(value), token) or ({GET: ""} if unknown else None)
