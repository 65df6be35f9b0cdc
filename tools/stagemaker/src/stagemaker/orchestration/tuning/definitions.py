"""The training job definitions in a tuning job's record."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

from stagemaker.images.catalogue import family_of
from stagemaker.orchestration.tuning.ranges import Range, read_ranges
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.protocol.service_model import operation_model
from stagemaker.state.records import Record

MAX_RANGES, MAX_HYPERPARAMETERS = 30, 100
OBJECTIVE_HYPERPARAMETER = "_tuning_objective_metric"  # a hyperparameter that SageMaker adds for the toolkits
# members of a definition, with their names in HyperParameterTuningJobConfig, which can have them instead
SHARED_MEMBERS = {"TuningObjective": "HyperParameterTuningJobObjective", "HyperParameterRanges": "ParameterRanges"}
UNSIMULATED_MEMBERS = ("InstanceConfigs", "AllocationStrategy")  # members of HyperParameterTuningResourceConfig


@dataclass(frozen=True)
class Definition:
    """A training job definition.

    name: the definition's name, or an empty string. location: the definition's location in the request, for error
    messages. settings: the static hyperparameters. request: the request for the training jobs, without their names.
    """

    name: str
    location: str
    metric: str
    maximize: bool
    ranges: tuple[Range, ...]
    settings: dict[str, str]
    request: Record

    def job_request(self, name: str, values: dict[str, str]) -> Record:
        """Return the request for a training job. values: the values of the hyperparameters that have ranges."""
        return self.request | {"TrainingJobName": name, "HyperParameters": self.settings | values}


def read_definitions(record: Record) -> list[Definition]:
    """Return the definitions of a tuning job. Raises ServiceError if one is invalid or not simulated."""
    config, items = record["HyperParameterTuningJobConfig"], record.get("TrainingJobDefinitions", [])
    single = record.get("TrainingJobDefinition")
    if (single is None) == (not items):
        raise ValidationException("specify either TrainingJobDefinition or TrainingJobDefinitions")
    if single is not None:
        return [_read_definition("TrainingJobDefinition", config, single)]
    names = [item.get("DefinitionName", "") for item in items]
    if "" in names or len(set(names)) < len(names):
        raise ValidationException("TrainingJobDefinitions: each definition must have a unique DefinitionName")
    for member, shared in SHARED_MEMBERS.items():
        if config.get(shared):
            advice = f"cannot be used with TrainingJobDefinitions; specify {member} in each definition instead"
            raise ValidationException(f"HyperParameterTuningJobConfig: {shared} {advice}")
    definitions = [
        _read_definition(f"TrainingJobDefinitions '{item['DefinitionName']}'", config, item) for item in items
    ]
    if len({definition.maximize for definition in definitions}) > 1:
        problem = "TrainingJobDefinitions: all definitions must have the same TuningObjective Type to be comparable"
        raise ValidationException(problem)
    return definitions


def _read_definition(location: str, config: Record, item: Record) -> Definition:
    if problem := next(_problems(config, item), None):
        raise ValidationException(f"{location}: {problem}")
    range_lists = item.get("HyperParameterRanges") or config.get("ParameterRanges") or {}
    if range_lists.get("AutoParameters"):
        raise ValidationException("AutoParameters are not simulated; specify a range for each hyperparameter")
    try:
        ranges = tuple(read_ranges(range_lists))
    except ValueError as error:
        raise ValidationException(str(error)) from None
    objective = _objective(config, item)
    metric, maximize = objective["MetricName"], objective["Type"] == "Maximize"
    settings = item.get("StaticHyperParameters", {}) | {OBJECTIVE_HYPERPARAMETER: metric}
    _check_names(location, ranges, settings)
    name = item.get("DefinitionName", "")
    return Definition(name, location, metric, maximize, ranges, settings, _base_request(item))


def _objective(config: Record, item: Record) -> Record:
    return item.get("TuningObjective") or config.get("HyperParameterTuningJobObjective") or {}


def _problems(config: Record, item: Record) -> Iterator[str]:
    algorithm, objective = item["AlgorithmSpecification"], _objective(config, item)
    if not objective:
        yield "an objective with a MetricName and the Type Minimize or Maximize is required"
    for name, shared in SHARED_MEMBERS.items():
        if item.get(name) and config.get(shared):
            yield f"{name} is also in HyperParameterTuningJobConfig, as {shared}; specify it only once"
    if "AlgorithmName" in algorithm:
        yield "AlgorithmName is not simulated; specify a TrainingImage instead"
    yield from _metric_problems(algorithm, objective["MetricName"])
    resources = item.get("HyperParameterTuningResourceConfig", {})
    for member in UNSIMULATED_MEMBERS:
        if member in resources:
            yield f"{member} is not simulated; specify one InstanceType instead"
    if resources and "ResourceConfig" in item:
        yield "specify ResourceConfig or HyperParameterTuningResourceConfig, not both"
    if "VolumeSizeInGB" not in (resources or item.get("ResourceConfig", {})):
        yield "a ResourceConfig with InstanceType, InstanceCount and VolumeSizeInGB is required"


def _metric_problems(algorithm: Record, metric: str) -> Iterator[str]:
    definitions, image = algorithm.get("MetricDefinitions", []), algorithm.get("TrainingImage", "")
    for item in definitions:
        try:
            groups = regex.compile(item["Regex"]).groups
        except regex.error as error:
            yield f"MetricDefinitions: the Regex of '{item['Name']}' is invalid: {error}"
        else:
            if groups == 0:
                advice = "put the part that matches the value in parentheses"
                yield f"MetricDefinitions: the Regex of '{item['Name']}' has no group; {advice}"
    image_metrics = [item["Name"] for item in family_of(image).metric_definitions(image)]
    if image_metrics and metric not in image_metrics:
        yield f"the image does not report the metric '{metric}'; it reports {image_metrics[0]}, for example"
    if not image_metrics and metric not in {item["Name"] for item in definitions}:
        yield f"MetricDefinitions: the objective metric '{metric}' is not defined; add its definition"


def _check_names(location: str, ranges: tuple[Range, ...], settings: dict[str, str]) -> None:
    if not ranges:
        raise ValidationException(f"{location}: specify at least one range to search in ParameterRanges")
    if len(ranges) > MAX_RANGES or len(ranges) + len(settings) > MAX_HYPERPARAMETERS:
        limits = f"{MAX_RANGES} ranges and {MAX_HYPERPARAMETERS - 1} hyperparameters, including the static ones"
        raise ServiceError("ResourceLimitExceeded", f"{location}: a tuning job can have at most {limits}")
    for item in ranges:
        if item.name == OBJECTIVE_HYPERPARAMETER:
            raise ValidationException(f"{location}: {item.name} cannot have a range, because SageMaker sets it")
        if item.name in settings:
            problem = f"{location}: '{item.name}' has both a range and a value in StaticHyperParameters; remove one"
            raise ValidationException(problem)


def _base_request(item: Record) -> Record:
    shape: Any = operation_model("CreateTrainingJob").input_shape
    request: Record = {name: value for name, value in item.items() if name in shape.members}
    if tuning_resources := item.get("HyperParameterTuningResourceConfig"):
        request["ResourceConfig"] = tuning_resources
    algorithm = item["AlgorithmSpecification"]
    names = ("TrainingImage", "TrainingInputMode", "MetricDefinitions")
    request["AlgorithmSpecification"] = {name: algorithm[name] for name in names if name in algorithm}
    return request
