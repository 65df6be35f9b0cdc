"""Requests for tuning jobs that are rejected: the error states the problem, and no training job is created."""

from typing import Any

import pytest
from stagemaker_support.simulator_client import Client, rejection
from stagemaker_support.training_jobs import channel
from stagemaker_support.tuning_jobs import METRICS, OBJECTIVE, X, categorical, continuous, definition, tuning_request
from stagemaker_support.xgboost_data import IMAGE as XGBOOST

from stagemaker.server import BUCKET

SOURCE = f"s3://{BUCKET}/none/source.tar.gz"
NAME = "HyperParameterTuningJobName"
REVERSED_RESOURCES = {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 2}}
TWO_JOBS = {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1}
LETTER_RANGES = {"CategoricalParameterRanges": [categorical("x", "a", "b", "c")]}
GRID = {"Strategy": "Grid", "ParameterRanges": LETTER_RANGES}
UNSUPPORTED_ALGORITHM = {"TrainingImage": "other:1", "TrainingInputMode": "File", "MetricDefinitions": METRICS}
INSTANCE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def number_range(member: str, *ends: str) -> dict[str, Any]:
    return {member: [continuous("x", *ends)]}


def algorithm_with_metric(regex: str) -> dict[str, Any]:
    algorithm = definition(SOURCE)["AlgorithmSpecification"]
    return {"AlgorithmSpecification": algorithm | {"MetricDefinitions": [{"Name": "loss", "Regex": regex}]}}


def change_config(request: dict[str, Any], **config: Any) -> dict[str, Any]:
    """Return a copy of the request with changed members of HyperParameterTuningJobConfig; None removes a member."""
    members = request["HyperParameterTuningJobConfig"] | config
    members = {name: value for name, value in members.items() if value is not None}
    return request | {"HyperParameterTuningJobConfig": members}


def with_definition(**members: Any) -> dict[str, Any]:
    request = tuning_request(SOURCE)
    return request | {"TrainingJobDefinition": request["TrainingJobDefinition"] | members}


def with_definitions(*names: str, **members: Any) -> dict[str, Any]:
    definition_members = {"TuningObjective": OBJECTIVE, "HyperParameterRanges": X}
    definitions = [definition(SOURCE, DefinitionName=name, **definition_members) for name in names]
    definitions[-1] |= members
    request = change_config(tuning_request(SOURCE), HyperParameterTuningJobObjective=None, ParameterRanges=None)
    del request["TrainingJobDefinition"]
    return request | {"TrainingJobDefinitions": definitions}


def warm_start(*names: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    parents = [{NAME: name} for name in names]
    config = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
    return (request or tuning_request(SOURCE)) | {"WarmStartConfig": config}


INVALID_RANGES: list[tuple[dict[str, Any], str]] = [
    (number_range("ContinuousParameterRanges", "2", "1"), "'x': MinValue 2 exceeds MaxValue 1; swap them"),
    (number_range("IntegerParameterRanges", "2", "1"), "'x': MinValue 2 exceeds MaxValue 1"),
    (number_range("IntegerParameterRanges", "1.5", "2"), "'x': MinValue '1.5' is not an integer"),
    (number_range("IntegerParameterRanges", "1", "9" * 256), "has more than 15 digits"),
    (number_range("IntegerParameterRanges", "1", "\u0661"), "MaxValue '\u0661' is not an integer"),
    (number_range("ContinuousParameterRanges", "", "2"), "'x': MinValue '' is not a number"),
    (number_range("ContinuousParameterRanges", "nan", "2"), "'x': MinValue 'nan' is not a number"),
    (number_range("ContinuousParameterRanges", "0", "1e999"), "'x': MaxValue '1e999' is too large"),
    (number_range("ContinuousParameterRanges", "-1e308", "1e308"), "too far apart"),
    (number_range("ContinuousParameterRanges", "0", "1", "Logarithmic"), "requires a MinValue above 0"),
    (number_range("IntegerParameterRanges", "0", "1", "Logarithmic"), "requires a MinValue above 0"),
    (number_range("ContinuousParameterRanges", "0", "1", "ReverseLogarithmic"), "at least 0 and a MaxValue below 1"),
    (number_range("ContinuousParameterRanges", "-0.1", "0.5", "ReverseLogarithmic"), "a MinValue of at least 0"),
    (number_range("IntegerParameterRanges", "0", "1", "ReverseLogarithmic"), "is only for continuous ranges"),
    ({"CategoricalParameterRanges": [categorical("x", "a", "a")]}, "'x' lists a value twice"),
    ({"CategoricalParameterRanges": [categorical("", "a")]}, "the Name of a range is empty"),
    (X | {"CategoricalParameterRanges": [categorical("x", "a")]}, "more than one range is named 'x'"),
    ({"CategoricalParameterRanges": [categorical("sagemaker_program", "a")]}, "both a range and a value in Static"),
    ({"CategoricalParameterRanges": [categorical("_tuning_objective_metric", "a")]}, "because SageMaker sets it"),
    ({}, "specify at least one range to search"),
]
INVALID_CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"Strategy": "Grid"}, "the Grid strategy accepts only categorical ranges, not 'x'"),
    (GRID | {"ResourceLimits": TWO_JOBS}, "must be the number of combinations, 3"),
    ({"StrategyConfig": {"HyperbandStrategyConfig": {}}}, "requires the Hyperband strategy, not Random"),
    ({"Strategy": "Hyperband"}, "Hyperband requires MaxResource"),
    ({"Strategy": "Hyperband", "StrategyConfig": REVERSED_RESOURCES}, "must not exceed MaxResource"),
    ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off with Hyperband"),
    ({"HyperParameterTuningJobObjective": OBJECTIVE | {"MetricName": "auc"}}, "metric 'auc' is not defined"),
    ({"ResourceLimits": TWO_JOBS | {"MaxParallelTrainingJobs": 3}}, "MaxParallelTrainingJobs 3 is greater than"),
    ({"HyperParameterTuningJobObjective": None}, "an objective with a MetricName"),
    ({"ResourceLimits": {"MaxParallelTrainingJobs": 1}}, "the Random strategy requires MaxNumberOfTrainingJobs"),
]
INVALID_DEFINITIONS: list[tuple[dict[str, Any], str]] = [
    (algorithm_with_metric("loss=.*"), "the Regex of 'loss' has no group; put the part"),
    (algorithm_with_metric("loss=(.*"), "the Regex of 'loss' is invalid"),
    ({"AlgorithmSpecification": UNSUPPORTED_ALGORITHM}, "Only images of the"),
    ({"StaticHyperParameters": {"x": "1"}}, "'x' has both a range and a value in StaticHyperParameters"),
    ({"HyperParameterRanges": X}, "HyperParameterRanges is also in HyperParameterTuningJobConfig"),
    ({"TuningObjective": OBJECTIVE}, "TuningObjective is also in HyperParameterTuningJobConfig"),
    ({"OutputDataConfig": {"S3OutputPath": "https://x/y"}}, "S3OutputPath must be an S3 URI"),
    ({"HyperParameterTuningResourceConfig": INSTANCE}, "specify ResourceConfig or"),
    ({"ResourceConfig": INSTANCE | {"InstanceCount": 2}}, "one instance"),
    ({"ResourceConfig": {"InstanceType": "ml.m5.large"}}, "VolumeSizeInGB is required"),
]
BARE_REQUEST = tuning_request(SOURCE)
del BARE_REQUEST["TrainingJobDefinition"]
INVALID_REQUESTS = [
    *((tuning_request(SOURCE, ParameterRanges=ranges), reason) for ranges, reason in INVALID_RANGES),
    *((change_config(tuning_request(SOURCE), **config), reason) for config, reason in INVALID_CONFIGS),
    *((with_definition(**members), reason) for members, reason in INVALID_DEFINITIONS),
    (with_definitions("a", "a"), "unique DefinitionName"),
    (with_definitions("a", "b", TuningObjective=OBJECTIVE | {"Type": "Maximize"}), "same TuningObjective Type"),
    (change_config(with_definitions("a", "b"), ParameterRanges=X), "ParameterRanges cannot be used with"),
    (change_config(with_definitions("a", "b", HyperParameterRanges=LETTER_RANGES), Strategy="Grid"), "with several"),
    (with_definitions("a") | {"TrainingJobDefinition": definition(SOURCE)}, "either TrainingJobDefinition or Training"),
    (BARE_REQUEST, "either TrainingJobDefinition or TrainingJobDefinitions"),
    (warm_start("absent"), "could not find hyper parameter tuning job 'absent'"),
    (warm_start("a", "a"), "listed twice"),
    (warm_start("a", request=with_definitions("a", "b")), "warm start is not simulated with several"),
    (warm_start("a", request=tuning_request(SOURCE, **GRID)), "warm start is not simulated for the strategy Grid"),
]


@pytest.fixture(scope="module")
def sagemaker(client: Client) -> Any:
    return client.raw_client()


@pytest.mark.parametrize(
    ("request_", "reason"), INVALID_REQUESTS, ids=lambda value: "" if isinstance(value, dict) else value
)
def test_rejected_requests_create_nothing(sagemaker: Any, request_: dict[str, Any], reason: str) -> None:
    assert reason in rejection(sagemaker.create_hyper_parameter_tuning_job, **request_)
    response = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=request_[NAME])
    assert request_[NAME] not in [job[NAME] for job in response["HyperParameterTuningJobSummaries"]]
    assert not sagemaker.list_training_jobs(NameContains=f"{request_[NAME]}-0")["TrainingJobSummaries"]


def test_a_script_in_the_image_of_an_algorithm_has_no_pipe_mode(client: Client) -> None:
    """The script is specified in StaticHyperParameters, not in a training job's HyperParameters."""
    algorithm = {"TrainingImage": XGBOOST, "TrainingInputMode": "Pipe"}
    request = with_definition(AlgorithmSpecification=algorithm, InputDataConfig=[channel("train", SOURCE)])
    request = change_config(request, HyperParameterTuningJobObjective=OBJECTIVE | {"MetricName": "validation:rmse"})
    message = rejection(client.sagemaker.create_hyper_parameter_tuning_job, **request)
    assert "Channel train: TrainingInputMode Pipe is not simulated" in message


def test_there_are_limits_on_the_number_of_training_jobs(client: Client) -> None:
    ranges = [categorical(f"x{index}", *map(str, range(30))) for index in range(30)]
    huge_grid = GRID | {"ParameterRanges": {"CategoricalParameterRanges": ranges}}
    for request in (
        tuning_request(SOURCE, 751, 1),
        tuning_request(SOURCE, 200, 101),
        tuning_request(SOURCE, **huge_grid, ResourceLimits={"MaxParallelTrainingJobs": 1}),
    ):
        rejection(client.sagemaker.create_hyper_parameter_tuning_job, code="ResourceLimitExceeded", **request)


def test_an_unknown_name_is_rejected(client: Client) -> None:
    for verb, code in (("delete", "ValidationException"), ("list_training_jobs_for", "ResourceNotFound")):
        operation = getattr(client.sagemaker, f"{verb}_hyper_parameter_tuning_job")
        assert "can't find a tuning job called absent" in rejection(operation, code=code, **{NAME: "absent"})
