"""Tuning steps: a hyperparameter tuning job. Its training jobs, the best first, are a property of the step."""

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape

from recore.simulator.orchestration.pipelines.definitions.step_types.step_type import RequestStepType
from recore.simulator.protocol.service_model import operation_model

SUMMARIES = "TrainingJobSummaries"
LIST_JOBS = "ListTrainingJobsForHyperParameterTuningJob"
DEFINITIONS = ("TrainingJobDefinition", "TrainingJobDefinitions")
OF_A_JOB = (
    "CheckpointConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "HyperParameterTuningResourceConfig",
    "StoppingCondition",
    "RetryStrategy",
    "RoleArn",
    "StaticHyperParameters.sagemaker_job_name",
)


class TuningStepType(RequestStepType):
    name = "Tuning"
    metadata = "TuningJob"
    kind = "HyperParameterTuningJob"
    options = frozenset({"CacheConfig", "RetryPolicies"})
    uncached = (
        "HyperParameterTuningJobName",
        "Tags",
        *(f"{definition}.{member}" for definition in DEFINITIONS for member in OF_A_JOB),
    )
    name_length = 32

    def properties(self) -> Mapping[str, Shape]:
        listed: Any = operation_model(LIST_JOBS).output_shape
        return {**super().properties(), SUMMARIES: listed.members[SUMMARIES]}

    def outputs(self, properties: Mapping[str, Any]) -> list[str]:
        """The model of the best training job."""
        best = properties["BestTrainingJob"]
        definitions = [properties[DEFINITIONS[0]]] if DEFINITIONS[0] in properties else properties[DEFINITIONS[1]]
        named = best.get("TrainingJobDefinitionName")
        of_best = next((given for given in definitions if given.get("DefinitionName") == named), definitions[0])
        target = of_best["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        return [f"{target}/{best['TrainingJobName']}/output/"]
