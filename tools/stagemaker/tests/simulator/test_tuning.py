"""Tuning jobs from the request to the best training job."""

import re
from typing import Any

import pytest
from stagemaker_support.job_traces import output
from stagemaker_support.pipelines import Pipelines, created_by, get, join, step
from stagemaker_support.simulator_client import IMAGE, Client, rejection
from stagemaker_support.tuning_jobs import (
    OBJECTIVE,
    SCRIPT,
    Tuning,
    categorical,
    continuous,
    definition,
    objective,
    tuning_request,
)

from stagemaker.server import BUCKET, ROLE_ARN

NAME, STATUS = "HyperParameterTuningJobName", "HyperParameterTuningJobStatus"
# A script that prints x as the objective, or fails if x is not a number, and ends at once.
PICKY_SCRIPT = """
import sys
settings = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print("arguments", sorted(settings.items()))
print(f"loss={float(settings['-x'])};")
"""
# A script that prints several values of the objective; if x is at least 100, it prints until it is stopped.
STEPPING_SCRIPT = """
import itertools, sys, time
x = float(sys.argv[sys.argv.index("-x") + 1])
for step in range(4) if x < 100 else itertools.count():
    print(f"loss={x + 1 / (step + 1)};", flush=True)
    time.sleep(0.05 if x >= 100 else 0)
"""


@pytest.fixture(scope="module")
def picky_source(client: Client) -> str:
    return client.source(job=PICKY_SCRIPT)


def grid(source: str, *values: str, parallel: int = 1, **config: Any) -> dict[str, Any]:
    ranges = {"CategoricalParameterRanges": [categorical("x", *values)]}
    return tuning_request(source, len(values), parallel, Strategy="Grid", ParameterRanges=ranges, **config)


@pytest.fixture(scope="module")
def grid_search(tuning: Tuning, picky_source: str) -> dict[str, Any]:
    """Run a grid search over three values: the second fails and the third is the best. Return its description."""
    request = grid(picky_source, "4", "bad", "2", parallel=2)
    request["Tags"] = [{"Key": "team", "Value": "rocks"}]
    return tuning.run(request)


def test_all_values_are_tried_and_the_best_one_is_found(grid_search: dict[str, Any], tuning: Tuning) -> None:
    assert grid_search[STATUS] == "Completed", grid_search
    jobs = tuning.jobs(grid_search[NAME])
    assert [job["TunedHyperParameters"] for job in jobs] == [{"x": "4"}, {"x": "bad"}, {"x": "2"}]
    assert [job["TrainingJobStatus"] for job in jobs] == ["Completed", "Failed", "Completed"]
    assert [job["ObjectiveStatus"] for job in jobs] == ["Succeeded", "Failed", "Succeeded"]
    assert "could not convert string to float: 'bad'" in jobs[1]["FailureReason"]
    best = grid_search["BestTrainingJob"]
    assert best == jobs[2]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == OBJECTIVE | {"Value": 2.0}
    assert "OverallBestTrainingJob" not in grid_search
    counters = {"Completed": 2, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 1, "Stopped": 0}
    assert grid_search["TrainingJobStatusCounters"] == counters
    assert grid_search["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    assert grid_search["CreationTime"] < grid_search["HyperParameterTuningEndTime"]


def test_training_jobs_belong_to_their_tuning_job(grid_search: dict[str, Any], tuning: Tuning, client: Client) -> None:
    for index, summary in enumerate(tuning.jobs(grid_search[NAME]), 1):
        assert summary["TrainingJobName"].startswith(f"{grid_search[NAME]}-{index:03}-")
        job = client.describe("TrainingJob", summary["TrainingJobName"])
        assert job["TuningJobArn"] == grid_search["HyperParameterTuningJobArn"]
        static_hyperparameters = {"sagemaker_program": "job.py", "_tuning_objective_metric": "loss"}
        assert job["HyperParameters"].items() >= (static_hyperparameters | summary["TunedHyperParameters"]).items()
        assert client.sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"][0]["Value"] == "rocks"
        if job["TrainingJobStatus"] == "Completed":
            x = summary["TunedHyperParameters"]["x"]
            log = output(client, "TrainingJob", summary["TrainingJobName"])
            assert f"arguments [('-x', '{x}')]" in log  # hyperparameters that only affect tuning are not passed on


def test_lists_are_sorted_and_filtered(grid_search: dict[str, Any], tuning: Tuning) -> None:
    def x_values(**settings: Any) -> list[str]:
        return [job["TunedHyperParameters"]["x"] for job in tuning.jobs(grid_search[NAME], **settings)]

    assert x_values(SortBy="FinalObjectiveMetricValue") == ["2", "4"]  # the job without an objective is omitted
    assert x_values(SortBy="FinalObjectiveMetricValue", SortOrder="Descending") == ["4", "2"]
    assert x_values(SortBy="Status")[2] == "bad"
    response = tuning.sagemaker.list_hyper_parameter_tuning_jobs(
        NameContains=grid_search[NAME], StatusEquals="Completed"
    )
    [summary] = response["HyperParameterTuningJobSummaries"]
    assert summary["Strategy"] == "Grid"
    assert summary["ResourceLimits"]["MaxParallelTrainingJobs"] == 2
    for name in ("TrainingJobStatusCounters", "ObjectiveStatusCounters"):
        assert summary[name] == grid_search[name]


def test_search_finds_a_tuning_job_by_its_best_objective(grid_search: dict[str, Any], tuning: Tuning) -> None:
    name = {"Name": NAME, "Operator": "Equals", "Value": grid_search[NAME]}
    counter = {"Name": "TrainingJobStatusCounters.Completed", "Operator": "Equals", "Value": "2"}
    expression = {"Filters": [name, counter]}
    results = tuning.sagemaker.search(Resource="HyperParameterTuningJob", SearchExpression=expression)["Results"]
    assert [item["HyperParameterTuningJob"]["BestTrainingJob"] for item in results] == [grid_search["BestTrainingJob"]]


def warm_start(parent: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"WarmStartConfig": {"ParentHyperParameterTuningJobs": [{NAME: parent[NAME]}], "WarmStartType": kind}}


def test_a_warm_start_with_identical_data_is_compared_with_its_parents(
    grid_search: dict[str, Any], tuning: Tuning, picky_source: str
) -> None:
    ranges = {"CategoricalParameterRanges": [categorical("x", "3")]}
    request = tuning_request(picky_source, 1, 1, ParameterRanges=ranges)
    request |= warm_start(grid_search, "IdenticalDataAndAlgorithm")
    job = tuning.run(request)
    assert objective(job["BestTrainingJob"]) == 3.0
    assert job["OverallBestTrainingJob"] == grid_search["BestTrainingJob"]
    other_definition = {"TrainingJobDefinition": definition(picky_source, StaticHyperParameters={"a": "1"})}
    message = rejection(tuning.create, request | {NAME: "other"} | other_definition)
    assert "a different number of hyperparameters, 4 instead of 5" in message


def test_a_warm_start_with_other_data_starts_with_the_best_values(
    grid_search: dict[str, Any], tuning: Tuning, picky_source: str
) -> None:
    ranges = {"ContinuousParameterRanges": [continuous("x", "0", "3")]}
    request = tuning_request(picky_source, 1, 1, Strategy="Bayesian", ParameterRanges=ranges)
    job = tuning.run(request | warm_start(grid_search, "TransferLearning"))
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "2.0"}
    assert "OverallBestTrainingJob" not in job


def test_definitions_take_turns_and_the_largest_value_can_be_the_best(tuning: Tuning, picky_source: str) -> None:
    request = tuning_request(picky_source, 2, 1)
    config = request["HyperParameterTuningJobConfig"]
    del request["TrainingJobDefinition"], config["ParameterRanges"], config["HyperParameterTuningJobObjective"]
    request["TrainingJobDefinitions"] = [
        definition(
            picky_source,
            DefinitionName=name,
            TuningObjective=OBJECTIVE | {"Type": "Maximize"},
            HyperParameterRanges={"CategoricalParameterRanges": [categorical("x", value)]},
        )
        for name, value in (("small", "1"), ("large", "7"))
    ]
    job = tuning.run(request)
    assert [item["TrainingJobDefinitionName"] for item in tuning.jobs(job[NAME])] == ["small", "large"]
    assert job["BestTrainingJob"]["TrainingJobDefinitionName"] == "large"


def test_a_tuning_job_fails_without_an_objective(tuning: Tuning, client: Client, picky_source: str) -> None:
    for request, reasons in (
        (
            tuning_request(client.source(job="print('nothing')"), 1, 1),
            ["No objective metric 'loss' was found after 1 training job: "],
        ),
        (
            grid(picky_source, "a"),
            ["No training job succeeded after 1 attempt. ", "could not convert string to float: 'a'"],
        ),
    ):
        job = tuning.run(request)
        assert job[STATUS] == "Failed"
        assert all(reason in job["FailureReason"] for reason in reasons)
        assert job["ObjectiveStatusCounters"]["Failed"] == 1
        assert "BestTrainingJob" not in job


def test_reaching_the_target_completes_the_tuning_job(tuning: Tuning, picky_source: str) -> None:
    criteria = {"TargetObjectiveMetricValue": 5.0}
    job = tuning.run(grid(picky_source, "6", "5", "4", TuningJobCompletionCriteria=criteria))
    assert job[STATUS] == "Completed"
    assert [item["TunedHyperParameters"]["x"] for item in tuning.jobs(job[NAME])] == ["6", "5"]


@pytest.mark.slow
def test_early_stopping_stops_a_job_that_is_worse_than_the_median(tuning: Tuning, client: Client) -> None:
    """The last training job prints forever, so the tuning job ends only if that job is stopped."""
    request = grid(client.source(job=STEPPING_SCRIPT), "1", "2", "3", "200", TrainingJobEarlyStoppingType="Auto")
    job = tuning.run(request)
    assert job[STATUS] == "Completed", job
    jobs = tuning.jobs(job[NAME])
    assert [item["TrainingJobStatus"] for item in jobs] == ["Completed", "Completed", "Completed", "Stopped"]
    assert objective(job["BestTrainingJob"]) == 1.25
    assert objective(jobs[3]) > 200
    assert job["TrainingJobStatusCounters"]["Stopped"] == 1


def test_hyperband_stops_a_job_that_has_used_its_resource(tuning: Tuning, client: Client) -> None:
    config = {
        "Strategy": "Hyperband",
        "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}},
        "ParameterRanges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "200", "MaxValue": "300"}]},
    }
    request = tuning_request(client.source(job=STEPPING_SCRIPT), 2, 2, **config)
    job = tuning.run(request)
    assert job[STATUS] == "Completed", job
    assert [item["TrainingJobStatus"] for item in tuning.jobs(job[NAME])] == ["Stopped", "Stopped"]
    assert job["ObjectiveStatusCounters"]["Succeeded"] == 2
    assert job["BestTrainingJob"]["TunedHyperParameters"]["x"].isdecimal()


@pytest.mark.slow
def test_later_steps_refer_to_the_best_training_jobs(client: Client, tuning: Tuning, pipelines: Pipelines) -> None:
    ranges = {"CategoricalParameterRanges": [categorical("x", "9", "5", "2")]}
    request = tuning_request(client.source(job=SCRIPT), 3, 2, Strategy="Grid", ParameterRanges=ranges)
    del request["HyperParameterTuningJobName"]
    request["TrainingJobDefinition"]["StaticHyperParameters"]["word"] = get("Parameters.Word")
    second = get("Steps.Tune.TrainingJobSummaries[1].TrainingJobName")
    values = {
        "BEST": get("Steps.Tune.BestTrainingJob.TrainingJobName"),
        "X": get("Steps.Tune.BestTrainingJob.TunedHyperParameters['x']"),
        "STATUS": get("Steps.Tune.HyperParameterTuningJobStatus"),
    }
    uri = join(f"s3://{BUCKET}/tuned", second, "output/model.tar.gz", on="/")
    container = {"Image": IMAGE, "ModelDataUrl": uri, "Environment": values}
    create = step("Create", "Model", {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container})
    parameters = [{"Name": "Word", "Type": "String", "DefaultValue": "rock"}]
    steps = pipelines.steps(pipelines.run(step("Tune", "Tuning", request), create, Parameters=parameters))
    name = created_by(steps["Tune"])
    assert re.fullmatch("[a-zA-Z0-9-]{1,32}", name)
    jobs = tuning.jobs(name, SortBy="FinalObjectiveMetricValue")
    assert [job["TunedHyperParameters"]["x"] for job in jobs] == ["2", "5", "9"]
    best, second_best = (client.describe("TrainingJob", job["TrainingJobName"]) for job in jobs[:2])
    assert best["HyperParameters"]["word"] == "rock"
    model = client.sagemaker.describe_model(ModelName=created_by(steps["Create"]))["PrimaryContainer"]
    assert model["ModelDataUrl"] == second_best["ModelArtifacts"]["S3ModelArtifacts"]
    assert client.get(model["ModelDataUrl"])
    assert model["Environment"] == {"BEST": best["TrainingJobName"], "X": "2", "STATUS": "Completed"}


def test_a_deleted_tuning_keeps_its_training_jobs(tuning: Tuning, grid_search: dict[str, Any], client: Client) -> None:
    """This test comes last, because other tests use the tuning job that it deletes."""
    jobs = tuning.jobs(grid_search[NAME])
    first = {"TrainingJobName": jobs[0]["TrainingJobName"]}
    message = rejection(tuning.sagemaker.delete_training_job, **first)
    assert f"belongs to the tuning job '{grid_search[NAME]}'" in message
    tuning.sagemaker.delete_hyper_parameter_tuning_job(**{NAME: grid_search[NAME]})
    assert "can't find a tuning job" in rejection(tuning.describe, grid_search[NAME], code="ResourceNotFound")
    job = client.describe("TrainingJob", first["TrainingJobName"])
    assert job["TuningJobArn"] == grid_search["HyperParameterTuningJobArn"]
    tuning.sagemaker.delete_training_job(**first)
