"""The requirements of tuning strategies: Grid restricts the ranges, and Hyperband restricts the resources."""

import math
from collections.abc import Iterator

import regex

from stagemaker.orchestration.tuning.definitions import Definition
from stagemaker.orchestration.tuning.ranges import CategoricalRange
from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record

MAX_RESOURCE = 20_000  # the limit for Hyperband's MaxResource
# hyperparameters that can replace MaxResource
EPOCH_HYPERPARAMETERS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


def strategy_problems(config: Record, definitions: list[Definition]) -> Iterator[str]:
    """Yield the reasons why a request is invalid for its strategy."""
    strategy, max_jobs = config["Strategy"], config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if strategy == "Grid":
        if len(definitions) > 1:
            yield "TrainingJobDefinitions: the Grid strategy with several definitions is not simulated"
        for item in definitions[0].ranges:
            if not isinstance(item, CategoricalRange):
                yield f"ParameterRanges: the Grid strategy accepts only categorical ranges, not '{item.name}'"
        if max_jobs not in (None, count := number_of_jobs(config, definitions)):
            advice = f"but must be the number of combinations, {count}"
            yield f"ResourceLimits: MaxNumberOfTrainingJobs is {max_jobs}, {advice}"
    elif max_jobs is None:
        yield f"ResourceLimits: the {strategy} strategy requires MaxNumberOfTrainingJobs"
    if "HyperbandStrategyConfig" in config.get("StrategyConfig", {}) and strategy != "Hyperband":
        yield f"StrategyConfig: HyperbandStrategyConfig requires the Hyperband strategy, not {strategy}"
    if strategy == "Hyperband" and config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        yield "TrainingJobEarlyStoppingType must be Off with Hyperband, which stops jobs itself"


def number_of_jobs(config: Record, definitions: list[Definition]) -> int:
    """Return the maximum number of training jobs of a tuning job. For a grid, this is the number of combinations."""
    if config["Strategy"] != "Grid":
        return int(config["ResourceLimits"]["MaxNumberOfTrainingJobs"])
    return math.prod(len(item.values) for item in definitions[0].ranges if isinstance(item, CategoricalRange))


def hyperband_resources(config: Record, definition: Definition) -> tuple[int, int] | None:
    """Return MinResource and MaxResource for Hyperband, otherwise None. Raises ServiceError if they are invalid."""
    if config["Strategy"] != "Hyperband":
        return None
    settings = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    min_resource, max_resource = settings.get("MinResource", 1), settings.get("MaxResource")
    if max_resource is None:
        values = [definition.settings[name].strip('"') for name in EPOCH_HYPERPARAMETERS if name in definition.settings]
        numbers = [int(value) for value in values if regex.fullmatch("[0-9]{1,9}", value)]
        if not numbers:
            names = ", ".join(EPOCH_HYPERPARAMETERS)
            advice = f"Hyperband requires MaxResource, or one of the static hyperparameters {names}"
            raise ValidationException(f"HyperbandStrategyConfig: {advice}")
        max_resource = numbers[0]
    if not min_resource <= max_resource <= MAX_RESOURCE:
        rules = f"MinResource must not exceed MaxResource, and MaxResource must not exceed {MAX_RESOURCE:,}"
        raise ValidationException(f"HyperbandStrategyConfig: {rules}; they are {min_resource} and {max_resource}")
    return min_resource, max_resource
