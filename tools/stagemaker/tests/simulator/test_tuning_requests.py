"""Requests for tuning jobs that are refused: the error names the problem, and no training job is created."""

import http.client
import json
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client
from stagemaker_support.tuning_jobs import METRICS, OBJECTIVE, X, categorical, continuous, definition, tuning_request

from stagemaker.server import BUCKET

SOURCE = f"s3://{BUCKET}/none/source.tar.gz"
NAME = "HyperParameterTuningJobName"


def refusal(client: Client, request: dict[str, Any], operation: str = "CreateHyperParameterTuningJob") -> str:
    """Send a request without boto3's checks, and return the error with which the service refuses it."""
    connection = http.client.HTTPConnection("127.0.0.1", client.simulator.port, timeout=60)
    try:
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        connection.request("POST", "/", json.dumps(request), headers)
        response = connection.getresponse()
        assert response.status == 400, response.read()
        error = json.loads(response.read())
    finally:
        connection.close()
    return f"{error['__type']}: {error['message']}"


def number_range(member: str, *ends: str) -> dict[str, Any]:
    return {member: [continuous("x", *ends)]}


@pytest.mark.parametrize(
    ("ranges", "reason"),
    [
        (number_range("ContinuousParameterRanges", "2", "1"), "'x': MinValue 2 is greater than MaxValue 1; swap them"),
        (number_range("IntegerParameterRanges", "2", "1"), "'x': MinValue 2 is greater than MaxValue 1"),
        (number_range("IntegerParameterRanges", "1.5", "2"), "'x': MinValue '1.5' is not an integer"),
        (number_range("IntegerParameterRanges", "1", "9" * 256), "has more than 15 digits"),
        (number_range("IntegerParameterRanges", "1", "\u0661"), "MaxValue '\u0661' is not an integer"),
        (number_range("ContinuousParameterRanges", "", "2"), "'x': MinValue '' is not a number"),
        (number_range("ContinuousParameterRanges", "nan", "2"), "'x': MinValue 'nan' is not a number"),
        (number_range("ContinuousParameterRanges", "0", "1e999"), "'x': MaxValue '1e999' is too large"),
        (number_range("ContinuousParameterRanges", "-1e308", "1e308"), "too far apart"),
        (
            number_range("ContinuousParameterRanges", "0", "1", "Logarithmic"),
            "Logarithmic scaling requires a MinValue above 0",
        ),
        (
            number_range("IntegerParameterRanges", "0", "1", "Logarithmic"),
            "Logarithmic scaling requires a MinValue above 0",
        ),
        (
            number_range("ContinuousParameterRanges", "0", "1", "ReverseLogarithmic"),
            "a MinValue of at least 0 and a MaxValue below 1",
        ),
        (
            number_range("ContinuousParameterRanges", "-0.1", "0.5", "ReverseLogarithmic"),
            "a MinValue of at least 0 and a MaxValue below 1",
        ),
        (number_range("IntegerParameterRanges", "0", "1", "ReverseLogarithmic"), "is only for continuous ranges"),
        (number_range("ContinuousParameterRanges", "0", "1", "Cubic"), "enum value set"),
        ({"CategoricalParameterRanges": [categorical("x")]}, "length"),
        ({"CategoricalParameterRanges": [categorical("x", "a", "a")]}, "'x' lists a value twice"),
        ({"CategoricalParameterRanges": [categorical("", "a")]}, "a range has an empty Name"),
        (X | {"CategoricalParameterRanges": [categorical("x", "a")]}, "several ranges are named 'x'"),
        (X | {"AutoParameters": [{"Name": "y", "ValueHint": "1"}]}, "AutoParameters are not simulated"),
        (
            {"CategoricalParameterRanges": [categorical("sagemaker_program", "a")]},
            "has both a range and a value in Static",
        ),
        (
            {"CategoricalParameterRanges": [categorical("_tuning_objective_metric", "a")]},
            "_tuning_objective_metric cannot have a range, because SageMaker sets it",
        ),
        ({}, "there is no range to search"),
    ],
)
def test_invalid_ranges_are_refused(client: Client, ranges: dict[str, Any], reason: str) -> None:
    message = refusal(client, tuning_request(SOURCE, ParameterRanges=ranges))
    assert message.startswith("ValidationException: ")
    assert reason in message


CRITERIA = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 2}}
REVERSED_RESOURCES = {"HyperbandStrategyConfig": {"MinResource": 3, "MaxResource": 2}}
LETTER_RANGES = {"CategoricalParameterRanges": [categorical("x", "a", "b", "c")]}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"Strategy": "Genetic"}, "enum value set: [Bayesian, Random, Hyperband, Grid]"),
        ({"Strategy": "Grid"}, "the Grid strategy accepts only categorical ranges, not 'x'"),
        (
            {"Strategy": "Grid", "ParameterRanges": LETTER_RANGES, "ResourceLimits": {"MaxNumberOfTrainingJobs": 2}},
            "Parallel",
        ),
        ({"StrategyConfig": {"GeneticStrategyConfig": {}}}, "GeneticStrategyConfig"),
        ({"StrategyConfig": {"HyperbandStrategyConfig": {"Brackets": 1}}}, "Brackets"),
        ({"StrategyConfig": {"HyperbandStrategyConfig": {}}}, "requires the Hyperband strategy, not Random"),
        ({"Strategy": "Hyperband"}, "Hyperband requires MaxResource"),
        ({"Strategy": "Hyperband", "StrategyConfig": REVERSED_RESOURCES}, "must not exceed MaxResource"),
        ({"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto"}, "must be Off with Hyperband"),
        ({"TrainingJobEarlyStoppingType": "On"}, "enum value set"),
        ({"TuningJobCompletionCriteria": CRITERIA}, "3"),
        ({"RandomSeed": -1}, "RandomSeed, value: -1"),
        (
            {"HyperParameterTuningJobObjective": OBJECTIVE | {"MetricName": "auc"}},
            "the objective metric 'auc' is not defined",
        ),
        ({"HyperParameterTuningJobObjective": None}, "an objective with a MetricName"),
        ({"ResourceLimits": {"MaxParallelTrainingJobs": 1}}, "the Random strategy requires MaxNumberOfTrainingJobs"),
    ],
)
def test_invalid_settings_are_refused(client: Client, config: dict[str, Any], reason: str) -> None:
    request = tuning_request(SOURCE, **config)
    settings = request["HyperParameterTuningJobConfig"]
    request["HyperParameterTuningJobConfig"] = {name: value for name, value in settings.items() if value is not None}
    message = refusal(client, request)
    assert message.startswith("ValidationException: ")
    assert reason in message


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (
            (2, 3),
            "ValidationException: ResourceLimits: MaxParallelTrainingJobs 3 is greater than the number of training",
        ),
        ((751, 1), "ResourceLimitExceeded: ResourceLimits: a tuning job can have at most 750 training jobs"),
        ((200, 101), "ResourceLimitExceeded: "),
        ((1, 0), "ValidationException: "),
    ],
)
def test_invalid_limits_are_refused(client: Client, limits: tuple[int, int], reason: str) -> None:
    assert refusal(client, tuning_request(SOURCE, *limits)).startswith(reason)


def test_a_grid_must_have_as_many_jobs_as_combinations(client: Client) -> None:
    request = tuning_request(SOURCE, 2, 1, Strategy="Grid", ParameterRanges=LETTER_RANGES)
    assert "MaxNumberOfTrainingJobs is 2, but must be the number of combinations, 3" in refusal(client, request)


def algorithm_with_metric(regex: str) -> dict[str, Any]:
    algorithm = definition(SOURCE)["AlgorithmSpecification"]
    return {"AlgorithmSpecification": algorithm | {"MetricDefinitions": [{"Name": "loss", "Regex": regex}]}}


UNSUPPORTED_ALGORITHM = {"TrainingImage": "other:1", "TrainingInputMode": "File", "MetricDefinitions": METRICS}
NAMED_ALGORITHM = {"AlgorithmName": "mine", "TrainingInputMode": "File", "MetricDefinitions": METRICS}
INSTANCE_CONFIGS = [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        (algorithm_with_metric("loss=.*"), "the Regex of 'loss' has no group; put the part"),
        (algorithm_with_metric("loss=(.*"), "the Regex of 'loss' is invalid"),
        ({"AlgorithmSpecification": UNSUPPORTED_ALGORITHM}, "Only images of the"),
        ({"AlgorithmSpecification": NAMED_ALGORITHM}, "AlgorithmName is not simulated"),
        ({"StaticHyperParameters": {"x": "1"}}, "'x' has both a range and a value in StaticHyperParameters"),
        ({"HyperParameterRanges": X}, "HyperParameterRanges is also in HyperParameterTuningJobConfig"),
        ({"TuningObjective": OBJECTIVE}, "TuningObjective is also in HyperParameterTuningJobConfig"),
        ({"OutputDataConfig": {"S3OutputPath": "https://x/y"}}, "S3OutputPath must begin with s3://"),
        (
            {"HyperParameterTuningResourceConfig": {"InstanceConfigs": INSTANCE_CONFIGS}},
            "InstanceConfigs is not simulated",
        ),
        ({"HyperParameterTuningResourceConfig": INSTANCE_CONFIGS[0]}, "specify ResourceConfig or"),
        ({"ResourceConfig": INSTANCE_CONFIGS[0] | {"InstanceCount": 2}}, "one instance"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large"}}, "VolumeSizeInGB is required"),
    ],
)
def test_invalid_definitions_are_refused(client: Client, members: dict[str, Any], reason: str) -> None:
    request = tuning_request(SOURCE)
    request["TrainingJobDefinition"] |= members
    message = refusal(client, request)
    assert message.startswith("ValidationException: ")
    assert reason in message


def request_with_definitions(*names: str, **members: Any) -> dict[str, Any]:
    """Return a request with several training job definitions."""
    request = tuning_request(SOURCE)
    del request["TrainingJobDefinition"]
    config = request["HyperParameterTuningJobConfig"]
    definition_members = {"TuningObjective": config.pop("HyperParameterTuningJobObjective")}
    definition_members |= {"HyperParameterRanges": config.pop("ParameterRanges")}
    definitions = [definition(SOURCE, DefinitionName=name, **definition_members) for name in names]
    definitions[-1] |= members
    return request | {"TrainingJobDefinitions": definitions}


def test_invalid_combinations_of_definitions_are_refused(client: Client) -> None:
    assert "unique DefinitionName" in refusal(client, request_with_definitions("a", "a"))
    maximize = OBJECTIVE | {"Type": "Maximize"}
    assert "same TuningObjective Type" in refusal(client, request_with_definitions("a", "b", TuningObjective=maximize))
    request = request_with_definitions("a", "b")
    request["HyperParameterTuningJobConfig"]["ParameterRanges"] = X
    assert "ParameterRanges cannot be used with TrainingJobDefinitions" in refusal(client, request)
    request = request_with_definitions("a", "b", HyperParameterRanges=LETTER_RANGES)
    request["HyperParameterTuningJobConfig"] |= {"Strategy": "Grid"}
    assert "Grid strategy with several definitions is not simulated" in refusal(client, request)
    request_with_both = request_with_definitions("a") | {"TrainingJobDefinition": definition(SOURCE)}
    assert "either TrainingJobDefinition or TrainingJobDefinitions" in refusal(client, request_with_both)
    del request_with_both["TrainingJobDefinition"], request_with_both["TrainingJobDefinitions"]
    assert "either TrainingJobDefinition or TrainingJobDefinitions" in refusal(client, request_with_both)
    assert "Autotune is not simulated" in refusal(client, tuning_request(SOURCE) | {"Autotune": {"Mode": "Enabled"}})


def test_invalid_warm_starts_are_refused(client: Client) -> None:
    def warm_start_request(*names: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
        parents = [{NAME: name} for name in names]
        config = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "TransferLearning"}
        return (request or tuning_request(SOURCE)) | {"WarmStartConfig": config}

    assert "could not find hyper parameter tuning job 'absent'" in refusal(client, warm_start_request("absent"))
    assert "listed twice" in refusal(client, warm_start_request("a", "a"))
    assert "warm start is not simulated with several TrainingJobDefinitions" in refusal(
        client, warm_start_request("a", request=request_with_definitions("a", "b"))
    )
    request = tuning_request(SOURCE, Strategy="Grid", ParameterRanges=LETTER_RANGES)
    assert "warm start is not simulated for the strategy Grid" in refusal(
        client, warm_start_request("a", request=request)
    )


def test_unknown_and_invalid_names_are_refused(client: Client) -> None:
    for operation in ("Describe", "Stop", "Delete"):
        request = {NAME: "absent"}
        message = refusal(client, request, f"{operation}HyperParameterTuningJob")
        assert "can't find a tuning job called absent" in message
    message = refusal(client, {NAME: "absent"}, "ListTrainingJobsForHyperParameterTuningJob")
    assert message.startswith("ResourceNotFound: ")
    assert "satisfy" in refusal(client, tuning_request(SOURCE) | {NAME: "x" * 33})


def test_refused_requests_create_nothing(client: Client) -> None:
    request = tuning_request(SOURCE, ParameterRanges={})
    refusal(client, request)
    assert "can't find" in refusal(client, {NAME: request[NAME]}, "DescribeHyperParameterTuningJob")
    assert not client.sagemaker.list_training_jobs(NameContains=request[NAME])["TrainingJobSummaries"]


def test_a_grid_with_too_many_combinations_is_refused(client: Client) -> None:
    ranges = [categorical(f"x{number}", *map(str, range(30))) for number in range(30)]
    request = tuning_request(SOURCE, Strategy="Grid", ParameterRanges={"CategoricalParameterRanges": ranges})
    del request["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxNumberOfTrainingJobs"]
    assert refusal(client, request).startswith("ResourceLimitExceeded: ")
