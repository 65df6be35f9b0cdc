"""The types of steps that are simulated: a new one is a file and a line here."""

from recore.simulator.orchestration.pipelines.definitions.step_types.condition import ConditionStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.fail import FailStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.model import ModelStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.processing import ProcessingStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.register_model import RegisterModelStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import StepType
from recore.simulator.orchestration.pipelines.definitions.step_types.training import TrainingStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.transform import TransformStepType
from recore.simulator.orchestration.pipelines.definitions.step_types.tuning import TuningStepType

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
