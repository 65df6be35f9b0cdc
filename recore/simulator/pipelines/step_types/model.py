"""Model steps: a model."""

from recore.simulator.pipelines.step_types.step_type import RequestStepType


class ModelStepType(RequestStepType):
    name = "Model"
    metadata = kind = "Model"
    options = frozenset({"RetryPolicies"})
    runs = False
