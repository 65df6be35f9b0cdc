"""Processing steps: a processing job."""

from collections.abc import Mapping
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType


class ProcessingStepType(RequestStepType):
    name = "Processing"
    metadata = kind = "ProcessingJob"
    options = frozenset({"CacheConfig", "PropertyFiles", "RetryPolicies"})
    uncached = (
        "ProcessingJobName",
        "ProcessingOutputConfig.Outputs.S3Output.S3Uri",
        "ProcessingOutputConfig.KmsKeyId",
        "ProcessingResources",
        "StoppingCondition",
        "RoleArn",
        "Tags",
        "ExperimentConfig",
    )

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        outputs = properties.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return [output["S3Output"]["S3Uri"] for output in outputs if "S3Output" in output]
