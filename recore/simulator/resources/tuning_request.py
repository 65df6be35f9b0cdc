"""Validation of a request for a tuning job, and the description of its definitions."""

from recore.simulator.orchestration.tuning.definitions import (
    Definition,
    hyperband_resources,
    number_of_jobs,
    read_definitions,
    refused,
)
from recore.simulator.orchestration.tuning.ranges import CategoricalRange
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.resources.training import not_run_here, with_own_metrics
from recore.simulator.state.records import Record

MOST_JOBS, MOST_PARALLEL = 750, 100


def described_definitions(record: Record) -> Record:
    """The definitions of a tuning job as SageMaker describes them, and as version 2 of its SDK reads them.

    The objective's metric is a static hyperparameter, and there is always a ResourceConfig.
    """

    def described(item: Record, definition: Definition) -> Record:
        resources = definition.request["ResourceConfig"]
        algorithm = with_own_metrics(item["AlgorithmSpecification"])
        members = {"AlgorithmSpecification": algorithm, "ResourceConfig": resources}
        return item | members | {"StaticHyperParameters": definition.settings}

    definitions = read_definitions(record)
    if single := record.get("TrainingJobDefinition"):
        return {"TrainingJobDefinition": described(single, definitions[0])}
    return {"TrainingJobDefinitions": list(map(described, record["TrainingJobDefinitions"], definitions))}


def check_request(record: Record) -> None:
    """Check what the definitions do not say: limits, strategy, completion. Raises ServiceError."""
    if "Autotune" in record:
        raise refused("Autotune is not simulated; name the ranges and limits yourself")
    config, definitions = record["HyperParameterTuningJobConfig"], read_definitions(record)
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    if strategy == "Grid":
        _check_grid(limits, definitions)
    elif "MaxNumberOfTrainingJobs" not in limits:
        raise refused(f"ResourceLimits: the {strategy} strategy needs MaxNumberOfTrainingJobs")
    if "HyperbandStrategyConfig" in config.get("StrategyConfig", {}) and strategy != "Hyperband":
        raise refused(f"StrategyConfig: HyperbandStrategyConfig is for the strategy Hyperband, not {strategy}")
    if strategy == "Hyperband":
        if config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
            raise refused("TrainingJobEarlyStoppingType must be Off with Hyperband, which stops jobs itself")
        for definition in definitions:
            hyperband_resources(config, definition)
    for definition in definitions:
        if problem := not_run_here(definition.request):
            raise refused(f"{definition.place}: {problem}")
    most, parallel = number_of_jobs(config, definitions), limits["MaxParallelTrainingJobs"]
    if most > MOST_JOBS or parallel > MOST_PARALLEL:
        message = (
            f"ResourceLimits: a tuning job has at most {MOST_JOBS} training jobs, {MOST_PARALLEL} of them parallel"
        )
        raise ServiceError("ResourceLimitExceeded", message)
    if parallel > most:
        raise refused(f"ResourceLimits: MaxParallelTrainingJobs {parallel} is more than the {most} training jobs")


def _check_grid(limits: Record, definitions: list[Definition]) -> None:
    if len(definitions) > 1:
        raise refused("TrainingJobDefinitions: the Grid strategy with several definitions is not simulated")
    for item in definitions[0].ranges:
        if not isinstance(item, CategoricalRange):
            raise refused(f"ParameterRanges: the Grid strategy takes categorical ranges only, and '{item.name}' is not")
    config = {"Strategy": "Grid", "ResourceLimits": limits}
    most, count = limits.get("MaxNumberOfTrainingJobs"), number_of_jobs(config, definitions)
    if most not in (None, count):
        raise refused(f"ResourceLimits: MaxNumberOfTrainingJobs {most} must be that of the combinations, {count}")
