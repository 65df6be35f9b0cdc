"""The simulated step types, with their arguments and properties."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import DenormalizedStructureBuilder, Shape

from stagemaker.orchestration.pipelines import expressions
from stagemaker.orchestration.pipelines.arguments import check_arguments
from stagemaker.orchestration.pipelines.conditions import parse_condition
from stagemaker.orchestration.pipelines.document import DefinitionError, read_members
from stagemaker.orchestration.pipelines.property_path import PropertyPath, value_below
from stagemaker.protocol.service_model import operation_model

PATTERN_SECONDS = 2.0  # CPU time for matching all patterns in a step's arguments
BRANCHES = {"IfSteps": True, "ElseSteps": False}
TUNING_JOB = "HyperParameterTuningJob"
SUMMARIES, LIST_JOBS = "TrainingJobSummaries", "ListTrainingJobsForHyperParameterTuningJob"
Document = dict[str, Any]


@dataclass(frozen=True)
class StepType:
    """A type of step.

    name: the type's name in definitions. metadata: this type's member of a listed step's Metadata. options: the
    additional members that such steps can have.
    """

    name: str
    metadata: str
    options: frozenset[str] = frozenset()

    def properties(self) -> Mapping[str, Shape]:
        return {}

    def check(self, arguments: Document, scope: expressions.Scope) -> Iterable[str]:
        """Return the names of the steps to which the arguments refer. Raises DefinitionError if the step cannot run."""
        raise NotImplementedError

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if a step with these arguments cannot have the property."""


@dataclass(frozen=True)
class RequestStepType(StepType):
    """A type of step that creates a resource. Its arguments are the Create request without the resource's name.

    kind: the resource's kind. outputs: a function that computes the URIs of a step's outputs from its properties.
    uncached: the paths of request members that the step cache ignores; a path applies to all items of a list.
    is_job: whether the resource is a job, which must end before the step ends. name_length: the name's maximum length.
    """

    options: frozenset[str] = frozenset({"CacheConfig", "RetryPolicies"})
    kind: str = ""
    outputs: Callable[[Mapping[str, Any]], list[str]] = lambda properties: []
    uncached: Sequence[str] = ()
    is_job: bool = True
    name_length: int = 63

    @property
    def name_member(self) -> str:
        return f"{self.kind}Name"

    @property
    def request_shape(self) -> Shape:
        shape: Shape = operation_model(f"Create{self.kind}").input_shape
        return shape

    def properties(self) -> Mapping[str, Shape]:
        """Return the shapes of the Describe response's members and, for a tuning job, of TrainingJobSummaries."""
        jobs = {SUMMARIES: _response_members(LIST_JOBS)[SUMMARIES]} if self.kind == TUNING_JOB else {}
        return {**_response_members(f"Describe{self.kind}"), **jobs}

    def check(self, arguments: Document, scope: expressions.Scope) -> Iterable[str]:
        deadline = time.thread_time() + PATTERN_SECONDS
        check_arguments(self.request_shape, arguments, scope, "Arguments", deadline, self.name_member)
        return expressions.references(arguments, scope)

    def check_property(self, arguments: Document, path: PropertyPath) -> None:
        """Raise DefinitionError if Describe copies the property from the request and the request lacks it."""
        shape: Any = self.request_shape
        value: Any = arguments
        for token in path.tokens:
            expected = {"structure": dict, "map": dict, "list": list}.get(shape.type_name)
            if expected and value is not None and not isinstance(value, expected):
                raise DefinitionError(
                    f"the step's arguments must have a {shape.type_name} that contains '{str(token)[:80]}'"
                )
            is_structure = shape.type_name == "structure"
            if not expected or (is_structure and token not in shape.members):
                return
            value = _item(value, token)
            if value is None and not is_structure:
                raise DefinitionError(f"the step's arguments have no item '{str(token)[:80]}'")
            if expressions.is_expression(value):
                return
            shape = shape.members[token] if is_structure else shape.value if expected is dict else shape.member


class ConditionStepType(StepType):
    def properties(self) -> Mapping[str, Shape]:
        builder = DenormalizedStructureBuilder().with_members({"Outcome": {"type": "boolean"}})
        return dict(builder.build_model().members)

    def check(self, arguments: Document, scope: expressions.Scope) -> Iterable[str]:
        conditions = self._read(arguments)["Conditions"]
        if not conditions:
            raise DefinitionError("Arguments: Conditions must not be empty")
        return expressions.steps_of(parse_condition(condition, scope) for condition in conditions)

    def branches(self, arguments: Document) -> list[tuple[bool, Any]]:
        """Return (outcome, definition) for each inner step. Raises DefinitionError if the arguments are invalid."""
        members = self._read(arguments)
        return [(outcome, document) for branch, outcome in BRANCHES.items() for document in members.get(branch, [])]

    def _read(self, arguments: Document) -> Document:
        return read_members(arguments, "Arguments", {"Conditions": list}, dict.fromkeys(BRANCHES, list))


class FailStepType(StepType):
    def check(self, arguments: Document, scope: expressions.Scope) -> Iterable[str]:
        members = read_members(arguments, "Arguments", {"ErrorMessage": (dict, str)}, {})
        expression = expressions.parse(members["ErrorMessage"], scope)
        if expression.type not in (*expressions.SCALARS, "any"):
            raise DefinitionError(f"Arguments.ErrorMessage must be a string, not a {expression.type}")
        return expression.steps


def _processing_outputs(properties: Mapping[str, Any]) -> list[str]:
    outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return [output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output]


def _tuning_outputs(properties: Mapping[str, Any]) -> list[str]:
    best_job = properties["BestTrainingJob"]
    definitions = properties.get("TrainingJobDefinitions") or [properties["TrainingJobDefinition"]]
    name = best_job.get("TrainingJobDefinitionName")
    best_definition = next((item for item in definitions if item.get("DefinitionName") == name), definitions[0])
    target = best_definition["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    return [f"{target}/{best_job['TrainingJobName']}/output/"]


PROCESSING_UNCACHED = (
    "ProcessingOutputConfig.Outputs.S3Output.S3Uri ProcessingOutputConfig.KmsKeyId ProcessingResources "
    "StoppingCondition"
)
TRAINING_UNCACHED = (
    "HyperParameters.sagemaker_job_name OutputDataConfig ResourceConfig StoppingCondition RetryStrategy "
    "CheckpointConfig DebugHookConfig.S3OutputPath DebugRuleConfigurations.S3OutputPath ProfilerConfig "
    "ProfilerRuleConfigurations TensorBoardOutputConfig"
)
TUNING_UNCACHED = (  # members of each training job definition
    "CheckpointConfig OutputDataConfig ResourceConfig HyperParameterTuningResourceConfig StoppingCondition "
    "RetryStrategy RoleArn StaticHyperParameters.sagemaker_job_name"
)
TYPES = (
    RequestStepType(
        "Processing",
        "ProcessingJob",
        RequestStepType.options | {"PropertyFiles"},
        kind="ProcessingJob",
        outputs=_processing_outputs,
        uncached=PROCESSING_UNCACHED.split(),
    ),
    RequestStepType(
        "Training",
        "TrainingJob",
        kind="TrainingJob",
        outputs=lambda properties: [properties["ModelArtifacts"]["S3ModelArtifacts"]],
        uncached=TRAINING_UNCACHED.split(),
    ),
    RequestStepType(
        "Tuning",
        "TuningJob",
        kind=TUNING_JOB,
        outputs=_tuning_outputs,
        uncached=[f"TrainingJobDefinition{end}.{name}" for end in ("", "s") for name in TUNING_UNCACHED.split()],
        name_length=32,
    ),
    RequestStepType(
        "Transform",
        "TransformJob",
        kind="TransformJob",
        outputs=lambda properties: [properties["TransformOutput"]["S3OutputPath"]],
        uncached=("TransformOutput.S3OutputPath", "TransformOutput.KmsKeyId", "TransformResources"),
    ),
    RequestStepType("Model", "Model", frozenset({"RetryPolicies"}), kind="Model", is_job=False),
    # registers a version of a group, which is created if it is missing
    RequestStepType("RegisterModel", "RegisterModel", frozenset({"RetryPolicies"}), kind="ModelPackage", is_job=False),
    ConditionStepType("Condition", "Condition"),
    FailStepType("Fail", "Fail"),
)
STEP_TYPES: dict[str, StepType] = {kind.name: kind for kind in TYPES}


def _response_members(operation: str) -> Mapping[str, Shape]:
    shape: Any = operation_model(operation).output_shape
    return dict(shape.members)


def _item(value: Any, token: str | int) -> Any:
    """Return an item of a value, None if it does not exist, or an expression if it is known only in an execution."""
    item = value_below(value, token)
    if item is None and isinstance(value, list) and isinstance(token, str):
        has_expressions = any(
            isinstance(each, dict) and any(map(expressions.is_expression, each.values())) for each in value
        )
        return {expressions.GET: ""} if has_expressions else None
    return item
