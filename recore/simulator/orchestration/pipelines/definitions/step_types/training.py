"""Training steps: a training job."""

from collections.abc import Mapping
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType


class TrainingStepType(RequestStepType):
    name = "Training"
    metadata = kind = "TrainingJob"
    options = frozenset({"CacheConfig", "RetryPolicies"})
    uncached = (
        "TrainingJobName",
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
        "RoleArn",
        "Tags",
        "ExperimentConfig",
    )

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["ModelArtifacts"]["S3ModelArtifacts"]]
