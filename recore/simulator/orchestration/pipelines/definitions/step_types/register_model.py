"""RegisterModel steps: a model package, a version of a group, which is created if it does not exist."""

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType


class RegisterModelStepType(RequestStepType):
    name = metadata = "RegisterModel"
    kind = "ModelPackage"
    options = frozenset({"RetryPolicies"})
    runs = False
