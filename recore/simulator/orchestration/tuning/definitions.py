"""The definitions of training jobs in the record of a tuning job, and what is derived from them."""

import math
from dataclasses import dataclass
from typing import Any

import regex

from recore.simulator.images.catalogue import family_of
from recore.simulator.orchestration.tuning.ranges import CategoricalRange, Range, read_ranges
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.protocol.service_model import operation_model
from recore.simulator.state.records import Record

MOST_RANGES, MOST_SETTINGS = 30, 100
MOST_RESOURCE = 20_000
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")  # hyperparameters that can replace MaxResource
OBJECTIVE_SETTING = "_tuning_objective_metric"  # a hyperparameter that SageMaker adds; the toolkits know it
TWO_PLACES = {"TuningObjective": "HyperParameterTuningJobObjective", "HyperParameterRanges": "ParameterRanges"}
ALTERNATIVES = ("InstanceConfigs", "AllocationStrategy")


@dataclass(frozen=True)
class Definition:
    """A definition of training jobs.

    name: empty if the request has none. place: its position in the request, for messages. request: the request for the
    jobs, without their names.
    """

    name: str
    place: str
    metric: str
    maximize: bool
    ranges: tuple[Range, ...]
    settings: dict[str, str]
    request: Record

    def job(self, name: str, values: dict[str, str]) -> Record:
        """Return the request for a training job with these values from the ranges."""
        return self.request | {"TrainingJobName": name, "HyperParameters": self.settings | values}


def read_definitions(record: Record) -> list[Definition]:
    """Return the definitions of a tuning job. Raises ServiceError if the request is invalid or is not simulated."""
    config, several = record["HyperParameterTuningJobConfig"], record.get("TrainingJobDefinitions", [])
    single = record.get("TrainingJobDefinition")
    if (single is None) == (not several):
        raise refused("give either TrainingJobDefinition or TrainingJobDefinitions")
    if single is not None:
        return [_definition("TrainingJobDefinition", config, single)]
    names = [item.get("DefinitionName", "") for item in several]
    if "" in names or len(set(names)) < len(names):
        raise refused("TrainingJobDefinitions: each needs a unique DefinitionName")
    if shared := [name for name in ("HyperParameterTuningJobObjective", "ParameterRanges") if config.get(name)]:
        raise refused(f"HyperParameterTuningJobConfig: with TrainingJobDefinitions, {shared[0]} must be in each one")
    definitions = [_definition(f"TrainingJobDefinitions '{item['DefinitionName']}'", config, item) for item in several]
    if len({definition.maximize for definition in definitions}) > 1:
        raise refused("TrainingJobDefinitions: all need the same TuningObjective Type to be comparable")
    return definitions


def number_of_jobs(config: Record, definitions: list[Definition]) -> int:
    """Return the largest number of training jobs of a tuning job: for a grid, one for each combination."""
    if config["Strategy"] != "Grid":
        return int(config["ResourceLimits"]["MaxNumberOfTrainingJobs"])
    return math.prod(len(item.values) for item in definitions[0].ranges if isinstance(item, CategoricalRange))


def hyperband_resources(config: Record, definition: Definition) -> tuple[int, int] | None:
    """Return the MinResource and MaxResource of Hyperband, or None for other strategies. Raises ServiceError."""
    if config["Strategy"] != "Hyperband":
        return None
    settings = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    least, most = settings.get("MinResource", 1), settings.get("MaxResource")
    if most is None:
        texts = [definition.settings[name].strip('"') for name in EPOCHS if name in definition.settings]
        numbers = [int(text) for text in texts if regex.fullmatch("[0-9]{1,9}", text)]
        if not numbers:
            wanted = f"Hyperband needs a MaxResource, or one of the static hyperparameters {', '.join(EPOCHS)}"
            raise refused(f"HyperbandStrategyConfig: {wanted}")
        most = numbers[0]
    if not least <= most <= MOST_RESOURCE:
        problem = f"MinResource {least} and MaxResource {most}"
        raise refused(f"HyperbandStrategyConfig: {problem} must be in order, and at most {MOST_RESOURCE:,}")
    return least, most


def _definition(place: str, config: Record, item: Record) -> Definition:
    """Read and check one definition. Raises ServiceError."""
    objective = item.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
    if not objective:
        raise refused(f"{place}: an objective is needed: a MetricName, and the Type Minimize or Maximize")
    for own, shared in TWO_PLACES.items():
        if item.get(own) and config.get(shared):
            raise refused(f"{place}: {own} is also in HyperParameterTuningJobConfig, as {shared}; give it once")
    searched = item.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    algorithm = item["AlgorithmSpecification"]
    if searched.get("AutoParameters"):
        raise refused("AutoParameters are not simulated; name a range for each hyperparameter")
    if "AlgorithmName" in algorithm:
        raise refused(f"{place}: AlgorithmName is not simulated; name a TrainingImage")
    try:
        ranges = tuple(read_ranges(searched))
    except ValueError as error:
        raise refused(str(error)) from None
    settings = item.get("StaticHyperParameters", {}) | {OBJECTIVE_SETTING: objective["MetricName"]}
    _check_names(place, ranges, settings)
    _check_metrics(place, algorithm, objective["MetricName"])
    request = _job_request(place, item)
    maximize = objective["Type"] == "Maximize"
    name = item.get("DefinitionName", "")
    return Definition(name, place, objective["MetricName"], maximize, ranges, settings, request)


def _check_names(place: str, ranges: tuple[Range, ...], settings: dict[str, str]) -> None:
    if not ranges:
        raise refused(f"{place}: there is no range to search; give at least one in ParameterRanges")
    if len(ranges) > MOST_RANGES or len(ranges) + len(settings) > MOST_SETTINGS:
        most = f"at most {MOST_RANGES} ranges, and {MOST_SETTINGS - 1} hyperparameters together with the static ones"
        raise ServiceError("ResourceLimitExceeded", f"{place}: a tuning job can have {most}")
    for item in ranges:
        if item.name == OBJECTIVE_SETTING:
            raise refused(f"{place}: a range cannot have the name {OBJECTIVE_SETTING}, which SageMaker sets")
        if item.name in settings:
            raise refused(f"{place}: '{item.name}' is a range and in StaticHyperParameters; delete one of them")


def _check_metrics(place: str, algorithm: Record, metric: str) -> None:
    """Raise ServiceError if the objective is not a known metric, or if the Regex of a metric cannot find a value."""
    definitions = algorithm.get("MetricDefinitions", [])
    for item in definitions:
        try:
            groups = regex.compile(item["Regex"]).groups
        except regex.error as error:
            raise refused(f"{place}: MetricDefinitions: the Regex of '{item['Name']}' is invalid: {error}") from None
        if groups == 0:
            problem = f"the Regex of '{item['Name']}' has no group; put parentheses around the part that is the value"
            raise refused(f"{place}: MetricDefinitions: {problem}")
    image = algorithm.get("TrainingImage", "")
    if own := [item["Name"] for item in family_of(image).own_metrics(image)]:
        if metric not in own:
            raise refused(
                f"{place}: '{metric}' is not a metric of the image, whose metrics have names such as {own[0]}"
            )
        return
    if metric not in {item["Name"] for item in definitions}:
        raise refused(f"{place}: MetricDefinitions: the objective metric '{metric}' is not defined; add its definition")


def _job_request(place: str, item: Record) -> Record:
    """Return the request of a definition's training jobs, without their names and hyperparameters."""
    shape: Any = operation_model("CreateTrainingJob").input_shape
    request: Record = {name: value for name, value in item.items() if name in shape.members}
    if flexible := item.get("HyperParameterTuningResourceConfig"):
        if alternative := next((name for name in ALTERNATIVES if name in flexible), None):
            raise refused(f"{place}: {alternative} is not simulated; name one InstanceType")
        if "ResourceConfig" in request:
            raise refused(f"{place}: give either ResourceConfig or HyperParameterTuningResourceConfig")
        request["ResourceConfig"] = flexible
    if "VolumeSizeInGB" not in request.get("ResourceConfig", {}):
        raise refused(f"{place}: a ResourceConfig with InstanceType, InstanceCount and VolumeSizeInGB is needed")
    algorithm = item["AlgorithmSpecification"]
    names = ("TrainingImage", "TrainingInputMode", "MetricDefinitions")
    request["AlgorithmSpecification"] = {name: algorithm[name] for name in names if name in algorithm}
    return request


def refused(message: str) -> ServiceError:
    """Return the error for a tuning job's request that is invalid or not simulated."""
    return ServiceError("ValidationException", message)
