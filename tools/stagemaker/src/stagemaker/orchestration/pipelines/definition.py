"""A pipeline's complete, validated definition, with its steps in an order in which they can run."""

import graphlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stagemaker.orchestration.pipelines.arguments import check_sizes
from stagemaker.orchestration.pipelines.document import DefinitionError, Types, locate_errors, read_json, read_members
from stagemaker.orchestration.pipelines.expressions import JSON_GET, SCALARS, Scope, parse
from stagemaker.orchestration.pipelines.parameters import Parameter, read_parameters
from stagemaker.orchestration.pipelines.step import PipelineStep, read_step
from stagemaker.orchestration.pipelines.step_types import ConditionStepType, FailStepType, RequestStepType

VERSION = "2020-12-01"
MAX_STEPS = 5000
EXPERIMENT_MEMBERS = ("ExperimentName", "TrialName")

Branch = tuple[str, bool]


@dataclass(frozen=True)
class PipelineDefinition:
    """A valid pipeline definition.

    steps: the steps by name; each comes after the steps it needs. experiment: the expressions in
    PipelineExperimentConfig, by member.
    """

    parameters: dict[str, Parameter]
    steps: dict[str, PipelineStep]
    experiment: dict[str, Any]

    def scope(self, step: PipelineStep | None = None) -> Scope:
        """Return the scope of the expressions in a step or, if `step` is None, in PipelineExperimentConfig."""
        if step is None:
            return Scope(self.parameters, self.steps)
        return Scope(self.parameters, self.steps, self.experiment, step.type.name)


def read_definition(source: str) -> PipelineDefinition:
    """Read a definition. Raises DefinitionError, which states the step and the reason, if the pipeline cannot run."""
    required = {"Version": str, "Steps": list}
    optional: Types = {"Metadata": dict, "Parameters": list, "PipelineExperimentConfig": dict, "MlflowConfig": dict}
    members = read_members(read_json(source), "The definition", required, optional)
    if "MlflowConfig" in members:
        raise DefinitionError("The definition: MlflowConfig is not simulated")
    if members["Version"] != VERSION:
        raise DefinitionError(f"Version must be {VERSION}, not '{members['Version'][:80]}'")
    if not members["Steps"]:
        raise DefinitionError("A pipeline must have at least one step")
    parameters = read_parameters(members.get("Parameters", []))
    steps: dict[str, PipelineStep] = {}
    for step in _read_steps([(None, document) for document in members["Steps"]]):
        if step.name in steps:
            raise DefinitionError(f"Step {step.name}: two steps have this name")
        steps[step.name] = step
        if len(steps) > MAX_STEPS:
            raise DefinitionError(f"A pipeline can have at most {MAX_STEPS} steps")
    definition = PipelineDefinition(parameters, steps, members.get("PipelineExperimentConfig", {}))
    _check_steps(definition)
    _check_experiment(definition)
    return PipelineDefinition(parameters, _sorted_steps(steps), definition.experiment)


def _read_steps(documents: Sequence[tuple[Branch | None, Any]]) -> Iterator[PipelineStep]:
    for branch, document in documents:
        step = read_step(document, branch)
        yield step
        if isinstance(step.type, ConditionStepType):
            with locate_errors(f"Step {step.name}"):
                inner = [((step.name, outcome), each) for outcome, each in step.type.branches(step.arguments)]
            yield from _read_steps(inner)


def _check_steps(definition: PipelineDefinition) -> None:
    for step in definition.steps.values():
        with locate_errors(f"Step {step.name}"):
            if isinstance(step.type, RequestStepType):
                check_sizes(step.type.request_shape, step.arguments, "Arguments")
    for step in definition.steps.values():
        with locate_errors(f"Step {step.name}"):
            for name in step.depends_on:
                if name not in definition.steps:
                    raise DefinitionError(f"DependsOn: no step is named '{name[:80]}'")
            step.check(definition.scope(step))
            for name in step.needs:
                if isinstance(definition.steps[name].type, FailStepType):
                    raise DefinitionError(f"the step can never run, because step {name} ends the execution")


def _check_experiment(definition: PipelineDefinition) -> None:
    members = read_members(
        definition.experiment, "PipelineExperimentConfig", {}, dict.fromkeys(EXPERIMENT_MEMBERS, (dict, str))
    )
    for name, value in members.items():
        with locate_errors(f"PipelineExperimentConfig.{name}"):
            expression = parse(value, definition.scope())
            if expression.type not in SCALARS or expression.steps or JSON_GET in json.dumps(value):
                raise DefinitionError("the value must not depend on a step or a file")


def _sorted_steps(steps: dict[str, PipelineStep]) -> dict[str, PipelineStep]:
    try:
        order = list(graphlib.TopologicalSorter({step.name: step.needs for step in steps.values()}).static_order())
    except graphlib.CycleError as error:
        names = list(reversed(error.args[1]))
        cycle = " -> ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        raise DefinitionError(f"Step {names[0]}: the steps depend on each other in a cycle: {cycle}") from None
    _check_branches({name: steps[name] for name in order})
    return {name: steps[name] for name in order}


def _check_branches(steps: dict[str, PipelineStep]) -> None:
    outcomes_by_step: dict[str, frozenset[tuple[str, bool]]] = {}
    for step in steps.values():
        branch = [step.branch] if step.branch else []
        outcomes = frozenset(branch).union(*(outcomes_by_step[name] for name in step.needs))
        for condition, outcome in outcomes:
            if outcome and (condition, False) in outcomes:
                message = f"the step can never run, because it needs steps of both branches of {condition}"
                raise DefinitionError(f"Step {step.name}: {message}")
        outcomes_by_step[step.name] = outcomes
