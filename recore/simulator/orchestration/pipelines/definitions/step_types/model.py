"""Model steps: a model."""

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType


class ModelStepType(RequestStepType):
    name = "Model"
    metadata = kind = "Model"
    options = frozenset({"RetryPolicies"})
    runs = False
