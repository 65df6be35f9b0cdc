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

MAX_RANGES, MAX_SETTINGS = 30, 100
MAX_RESOURCE = 20_000  # the limit for Hyperband's MaxResource
EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")  # hyperparameters that can replace MaxResource
OBJECTIVE_SETTING = "_tuning_objective_metric"  # a hyperparameter that SageMaker adds for the toolkits to read
# members of a definition that HyperParameterTuningJobConfig can have instead, under another name
SHARED_MEMBERS = {"TuningObjective": "HyperParameterTuningJobObjective", "HyperParameterRanges": "ParameterRanges"}
NOT_SIMULATED = ("InstanceConfigs", "AllocationStrategy")  # members of HyperParameterTuningResourceConfig


@dataclass(frozen=True)
class Definition:
    """A definition of training jobs.

    name: empty if the request has none. place: where the definition is in the request, for messages. request: the
    request for the jobs, without their names.
    """

    name: str
    place: str
    metric: str
    maximize: bool
    ranges: tuple[Range, ...]
    settings: dict[str, str]
    request: Record

    def job_request(self, name: str, values: dict[str, str]) -> Record:
        """Return the request for a training job with these values from the ranges."""
        return self.request | {"TrainingJobName": name, "HyperParameters": self.settings | values}


def read_definitions(record: Record) -> list[Definition]:
    """Return the definitions of a tuning job. Raises ServiceError if one is invalid or not simulated."""
    config, items = record["HyperParameterTuningJobConfig"], record.get("TrainingJobDefinitions", [])
    single = record.get("TrainingJobDefinition")
    if (single is None) == (not items):
        raise refused("give either TrainingJobDefinition or TrainingJobDefinitions")
    if single is not None:
        return [_read_definition("TrainingJobDefinition", config, single)]
    names = [item.get("DefinitionName", "") for item in items]
    if "" in names or len(set(names)) < len(names):
        raise refused("TrainingJobDefinitions: each definition needs a unique DefinitionName")
    for own, shared in SHARED_MEMBERS.items():
        if config.get(shared):
            advice = f"cannot be used with TrainingJobDefinitions; give each definition its own {own}"
            raise refused(f"HyperParameterTuningJobConfig: {shared} {advice}")
    definitions = [
        _read_definition(f"TrainingJobDefinitions '{item['DefinitionName']}'", config, item) for item in items
    ]
    if len({definition.maximize for definition in definitions}) > 1:
        raise refused(
            "TrainingJobDefinitions: all definitions need the same TuningObjective Type, so that they can be compared"
        )
    return definitions


def number_of_jobs(config: Record, definitions: list[Definition]) -> int:
    """Return the maximum number of training jobs of a tuning job. For a grid, this is the number of combinations."""
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
            advice = f"Hyperband needs a MaxResource, or one of the static hyperparameters {', '.join(EPOCHS)}"
            raise refused(f"HyperbandStrategyConfig: {advice}")
        most = numbers[0]
    if not least <= most <= MAX_RESOURCE:
        problem = f"MinResource ({least}) must not exceed MaxResource ({most}), which can be at most {MAX_RESOURCE:,}"
        raise refused(f"HyperbandStrategyConfig: {problem}")
    return least, most


def _read_definition(place: str, config: Record, item: Record) -> Definition:
    """Read and check one definition. Raises ServiceError if it is invalid or not simulated."""
    objective = item.get("TuningObjective") or config.get("HyperParameterTuningJobObjective")
    if not objective:
        raise refused(f"{place}: an objective is needed, with a MetricName and the Type Minimize or Maximize")
    for own, shared in SHARED_MEMBERS.items():
        if item.get(own) and config.get(shared):
            raise refused(f"{place}: {own} is also in HyperParameterTuningJobConfig, as {shared}; give it only once")
    range_lists = item.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    algorithm = item["AlgorithmSpecification"]
    if range_lists.get("AutoParameters"):
        raise refused("AutoParameters are not simulated; give a range for each hyperparameter")
    if "AlgorithmName" in algorithm:
        raise refused(f"{place}: AlgorithmName is not simulated; give a TrainingImage instead")
    try:
        ranges = tuple(read_ranges(range_lists))
    except ValueError as error:
        raise refused(str(error)) from None
    settings = item.get("StaticHyperParameters", {}) | {OBJECTIVE_SETTING: objective["MetricName"]}
    _check_names(place, ranges, settings)
    _check_metrics(place, algorithm, objective["MetricName"])
    request = _base_request(place, item)
    maximize = objective["Type"] == "Maximize"
    name = item.get("DefinitionName", "")
    return Definition(name, place, objective["MetricName"], maximize, ranges, settings, request)


def _check_names(place: str, ranges: tuple[Range, ...], settings: dict[str, str]) -> None:
    if not ranges:
        raise refused(f"{place}: there is no range to search; give at least one in ParameterRanges")
    if len(ranges) > MAX_RANGES or len(ranges) + len(settings) > MAX_SETTINGS:
        most = f"at most {MAX_RANGES} ranges, and at most {MAX_SETTINGS - 1} hyperparameters including the static ones"
        raise ServiceError("ResourceLimitExceeded", f"{place}: a tuning job can have {most}")
    for item in ranges:
        if item.name == OBJECTIVE_SETTING:
            raise refused(f"{place}: {OBJECTIVE_SETTING} cannot have a range, because SageMaker sets it")
        if item.name in settings:
            raise refused(f"{place}: '{item.name}' has a range and is in StaticHyperParameters; remove one of them")


def _check_metrics(place: str, algorithm: Record, metric: str) -> None:
    """Raise ServiceError if the objective is not a known metric, or if the Regex of a metric cannot find a value."""
    definitions = algorithm.get("MetricDefinitions", [])
    for item in definitions:
        try:
            groups = regex.compile(item["Regex"]).groups
        except regex.error as error:
            raise refused(f"{place}: MetricDefinitions: the Regex of '{item['Name']}' is invalid: {error}") from None
        if groups == 0:
            problem = (
                f"the Regex of '{item['Name']}' has no group; put parentheses around the part that matches the value"
            )
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


def _base_request(place: str, item: Record) -> Record:
    """Return the request for a definition's training jobs, without their names and hyperparameters."""
    shape: Any = operation_model("CreateTrainingJob").input_shape
    request: Record = {name: value for name, value in item.items() if name in shape.members}
    if tuning_resources := item.get("HyperParameterTuningResourceConfig"):
        if member := next((name for name in NOT_SIMULATED if name in tuning_resources), None):
            raise refused(f"{place}: {member} is not simulated; give one InstanceType instead")
        if "ResourceConfig" in request:
            raise refused(f"{place}: give ResourceConfig or HyperParameterTuningResourceConfig, not both")
        request["ResourceConfig"] = tuning_resources
    if "VolumeSizeInGB" not in request.get("ResourceConfig", {}):
        raise refused(f"{place}: a ResourceConfig with InstanceType, InstanceCount and VolumeSizeInGB is needed")
    algorithm = item["AlgorithmSpecification"]
    names = ("TrainingImage", "TrainingInputMode", "MetricDefinitions")
    request["AlgorithmSpecification"] = {name: algorithm[name] for name in names if name in algorithm}
    return request


def refused(message: str) -> ServiceError:
    """Return the error for a tuning job's request that is invalid or not simulated."""
    return ServiceError("ValidationException", message)
