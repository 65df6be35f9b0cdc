"""Transform steps: a transform job."""

from collections.abc import Mapping
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType


class TransformStepType(RequestStepType):
    name = "Transform"
    metadata = kind = "TransformJob"
    options = frozenset({"CacheConfig", "RetryPolicies"})
    uncached = (
        "TransformJobName",
        "TransformOutput.S3OutputPath",
        "TransformOutput.KmsKeyId",
        "TransformResources",
        "Tags",
        "ExperimentConfig",
    )

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        return [properties["TransformOutput"]["S3OutputPath"]]
