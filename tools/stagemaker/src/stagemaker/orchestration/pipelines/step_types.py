"""The simulated step types, with their arguments and properties."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from botocore.model import DenormalizedStructureBuilder, Shape

from stagemaker.orchestration.pipelines.arguments import check_arguments
from stagemaker.orchestration.pipelines.conditions import parse_condition
from stagemaker.orchestration.pipelines.document import DefinitionError, read_members
from stagemaker.orchestration.pipelines.expressions import GET, SCALARS, Scope, is_expression, parse, references
from stagemaker.orchestration.pipelines.property_path import PropertyPath, value_below
from stagemaker.protocol.service_model import operation_model

PATTERN_SECONDS = 2.0  # processor time for matching all patterns in a step's arguments
BRANCHES = {"IfSteps": True, "ElseSteps": False}
SUMMARIES, LIST_JOBS = "TrainingJobSummaries", "ListTrainingJobsForHyperParameterTuningJob"
Document = dict[str, Any]


class StepType:
    """A type of step.

    name: the type's name in definitions. metadata: the type's member in the Metadata of a listed step. options: the
    members that steps of this type can have in addition to those of all steps.
    """

    name: ClassVar[str]
    metadata: ClassVar[str]
    options: ClassVar[frozenset[str]] = frozenset()

    def properties(self) -> Mapping[str, Shape]:
        return {}

    def check(self, arguments: Document, scope: Scope) -> None:
        """Raise DefinitionError if a step with these arguments cannot run."""
        raise NotImplementedError

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        return references(arguments, scope)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if a step with these arguments will certainly not have the property."""


class RequestStepType(StepType):
    """A type of step that creates a resource. Its arguments are the Create request without the resource's name.

    is_job: whether it is a job, which must end before the step ends. uncached: the paths of request members that do not
    affect a cached result; a list on a path stands for all its items.
    """

    kind: ClassVar[str]
    options = frozenset({"CacheConfig", "RetryPolicies"})
    is_job: ClassVar[bool] = True
    uncached: ClassVar[Sequence[str]] = ()
    name_length: ClassVar[int] = 63

    @property
    def name_member(self) -> str:
        return f"{self.kind}Name"

    @property
    def request_shape(self) -> Shape:
        shape: Shape = operation_model(f"Create{self.kind}").input_shape
        return shape

    def properties(self) -> Mapping[str, Shape]:
        return _response_members(f"Describe{self.kind}")

    def check(self, arguments: Document, scope: Scope) -> None:
        deadline = time.thread_time() + PATTERN_SECONDS
        check_arguments(self.request_shape, arguments, scope, "Arguments", deadline, self.name_member)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if Describe copies the property from the request, but the request does not have it."""
        shape: Any = self.request_shape
        value: Any = arguments
        for token in path.tokens:
            expected = {"structure": dict, "map": dict, "list": list}.get(shape.type_name)
            if expected and value is not None and not isinstance(value, expected):
                raise DefinitionError(
                    f"the step's arguments must have a {shape.type_name} that contains '{str(token)[:80]}'"
                )
            if shape.type_name == "structure":
                if token not in shape.members:
                    return
                shape, below = shape.members[token], (value or {}).get(token)
            elif shape.type_name in ("list", "map"):
                below = _item(value, token)
                if below is None:
                    raise DefinitionError(f"the step's arguments have no item '{str(token)[:80]}'")
                shape = shape.member if shape.type_name == "list" else shape.value
            else:
                return
            if is_expression(below):
                return
            value = below

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return []


class ProcessingStepType(RequestStepType):
    name = "Processing"
    metadata = kind = "ProcessingJob"
    options = RequestStepType.options | {"PropertyFiles"}
    uncached = (
        "ProcessingOutputConfig.Outputs.S3Output.S3Uri ProcessingOutputConfig.KmsKeyId ProcessingResources "
        "StoppingCondition"
    ).split()

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output]


class TrainingStepType(RequestStepType):
    name = "Training"
    metadata = kind = "TrainingJob"
    uncached = (
        "HyperParameters.sagemaker_job_name OutputDataConfig ResourceConfig StoppingCondition RetryStrategy "
        "CheckpointConfig DebugHookConfig.S3OutputPath DebugRuleConfigurations.S3OutputPath ProfilerConfig "
        "ProfilerRuleConfigurations TensorBoardOutputConfig"
    ).split()

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["ModelArtifacts"]["S3ModelArtifacts"]]


class TuningStepType(RequestStepType):
    """A step that runs a tuning job. One of the step's properties lists the training jobs, the best first."""

    name = "Tuning"
    metadata = "TuningJob"
    kind = "HyperParameterTuningJob"
    uncached = tuple(
        f"{definition}.{member}"
        for definition in ("TrainingJobDefinition", "TrainingJobDefinitions")
        for member in (
            "CheckpointConfig OutputDataConfig ResourceConfig HyperParameterTuningResourceConfig StoppingCondition "
            "RetryStrategy RoleArn StaticHyperParameters.sagemaker_job_name"
        ).split()
    )
    name_length = 32

    def properties(self) -> Mapping[str, Shape]:
        return {**super().properties(), SUMMARIES: _response_members(LIST_JOBS)[SUMMARIES]}

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        """Return the URI of the best training job's model."""
        best_job = properties["BestTrainingJob"]
        definitions = properties.get("TrainingJobDefinitions") or [properties["TrainingJobDefinition"]]
        name = best_job.get("TrainingJobDefinitionName")
        best_definition = next((item for item in definitions if item.get("DefinitionName") == name), definitions[0])
        target = best_definition["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return [f"{target}/{best_job['TrainingJobName']}/output/"]


class TransformStepType(RequestStepType):
    name = "Transform"
    metadata = kind = "TransformJob"
    uncached = ("TransformOutput.S3OutputPath", "TransformOutput.KmsKeyId", "TransformResources")

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["TransformOutput"]["S3OutputPath"]]


class ModelStepType(RequestStepType):
    name = metadata = kind = "Model"
    options = frozenset({"RetryPolicies"})
    is_job = False


class RegisterModelStepType(RequestStepType):
    """A step that registers a model package as a version of a group, which is created if it does not exist."""

    name = metadata = "RegisterModel"
    kind = "ModelPackage"
    options = frozenset({"RetryPolicies"})
    is_job = False


class ConditionStepType(StepType):
    name = metadata = "Condition"

    def properties(self) -> Mapping[str, Shape]:
        builder = DenormalizedStructureBuilder().with_members({"Outcome": {"type": "boolean"}})
        return dict(builder.build_model().members)

    def check(self, arguments: Document, scope: Scope) -> None:
        conditions = self._read(arguments)["Conditions"]
        if not conditions:
            raise DefinitionError("Arguments: Conditions must not be empty")
        for condition in conditions:
            parse_condition(condition, scope)

    def references(self, arguments: Document, scope: Scope) -> Iterator[str]:
        for condition in arguments["Conditions"]:
            yield from parse_condition(condition, scope).steps

    def branches(self, arguments: Document) -> list[tuple[bool, Any]]:
        """Return the documents of the inner steps, each with the outcome for which it runs. Raises DefinitionError."""
        members = self._read(arguments)
        return [(outcome, document) for branch, outcome in BRANCHES.items() for document in members.get(branch, [])]

    def _read(self, arguments: Document) -> Document:
        return read_members(arguments, "Arguments", {"Conditions": list}, dict.fromkeys(BRANCHES, list))


class FailStepType(StepType):
    name = metadata = "Fail"

    def check(self, arguments: Document, scope: Scope) -> None:
        members = read_members(arguments, "Arguments", {"ErrorMessage": (dict, str)}, {})
        type_name = parse(members["ErrorMessage"], scope).type
        if type_name not in (*SCALARS, "any"):
            raise DefinitionError(f"Arguments.ErrorMessage must be a string, not a {type_name}")


REQUEST_TYPES = (ProcessingStepType, TrainingStepType, TuningStepType, TransformStepType, ModelStepType)
STEP_TYPES: dict[str, StepType] = {
    kind.name: kind() for kind in (*REQUEST_TYPES, RegisterModelStepType, ConditionStepType, FailStepType)
}


def _response_members(operation: str) -> Mapping[str, Shape]:
    shape: Any = operation_model(operation).output_shape
    return dict(shape.members)


def _item(value: Any, token: str | int) -> Any:
    """Return an item, or None if it does not exist, or an expression if only an execution can determine that."""
    item = value_below(value, token)
    if item is None and isinstance(value, list) and isinstance(token, str):
        has_expressions = any(isinstance(each, dict) and any(map(is_expression, each.values())) for each in value)
        return {GET: ""} if has_expressions else None
    return item
