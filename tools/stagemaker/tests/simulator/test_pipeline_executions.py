"""Executions that run to completion: parameters, expressions, conditions, the order of steps, and listings."""

import datetime
import json
import re
import threading
from functools import partial
from typing import Any

import pytest
from stagemaker_support.pipelines import (
    SLEEPING_SCRIPT,
    Pipelines,
    condition,
    created_by,
    definition,
    equals,
    fail,
    get,
    join,
    model,
)
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.resources import pipeline_execution

METRICS = {"acc": 0.75, "n": 3, "name": "good", "ok": True, "inner": {"list": [1, 2], "a b": 5}, "none": None}
METRICS_SCRIPT = f"""
import os
with open(os.environ["OUT"] + "/metrics.json", "w") as file:
    file.write({json.dumps(METRICS)!r})
"""
OUT = "/opt/ml/processing/out"
TRAIN_SCRIPT = "print('loss=0.25;')"
PROPERTY_FILE = {"PropertyFileName": "f", "OutputName": "out", "FilePath": "metrics.json"}


@pytest.fixture(scope="module")
def metrics(client: Client) -> str:
    return client.put("pipelines/metrics.json", json.dumps(METRICS))


def json_get(uri: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"S3Uri": uri, "Path": path}}


def parameter(name: str, kind: str, default: Any = None, **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, **({} if default is None else {"DefaultValue": default}), **members}


@pytest.mark.slow
def test_steps_refer_to_the_results_of_jobs(pipelines: Pipelines) -> None:
    accuracy = {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.f"), "Path": "acc"}}
    environment = {"Environment": {"OUT": OUT}}
    evaluate_step = pipelines.processing(
        "Evaluate", METRICS_SCRIPT, outputs=["out"], PropertyFiles=[PROPERTY_FILE], Arguments=environment
    )
    uri = get("Steps.Evaluate.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    settings = {"word": get("Parameters.Word"), "uri": uri, "job": get("Execution.TrainingJobName")}
    train_step = pipelines.training("Train", TRAIN_SCRIPT, HyperParameters=settings)
    algorithm = train_step["Arguments"]["AlgorithmSpecification"]
    algorithm["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*?);"}]
    values = {
        "LOSS": get("Steps.Train.FinalMetricDataList['loss'].Value"),
        "WORD": get("Steps.Train.HyperParameters['word']"),
        "MODEL": get("Steps.Train.ModelArtifacts.S3ModelArtifacts"),
    }
    create_steps = [model("Create", **values), model("Later", NAME=get("Steps.Create.ModelName"))]
    is_accurate = {"Type": "GreaterThan", "LeftValue": accuracy, "RightValue": get("Parameters.Threshold")}
    condition_step = condition("IsGood", [is_accurate], create_steps, [fail("Bad", join("only ", accuracy))])
    parameters = [parameter("Word", "String"), parameter("Threshold", "Float", 0.5)]
    name = pipelines.create(condition_step, train_step, evaluate_step, Parameters=parameters)
    execution = pipelines.start(name, Word="hello")
    pipelines.wait(execution)
    steps = pipelines.steps(execution)
    assert set(steps) == {"Evaluate", "Train", "IsGood", "Create", "Later"}
    assert steps["IsGood"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert {item["AttemptCount"] for item in steps.values()} == {1}
    job = pipelines.client.describe("TrainingJob", created_by(steps["Train"]))
    identifier = execution.rpartition("/")[2]
    assert re.fullmatch(f"pipelines-{identifier}-Train-[A-Za-z0-9]{{10}}", job["TrainingJobName"])
    assert job["HyperParameters"]["job"] == job["TrainingJobName"]
    metrics = pipelines.client.get(f"{job['HyperParameters']['uri']}/metrics.json")
    assert metrics == json.dumps(METRICS).encode()
    artifacts = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert pipelines.environment(execution, "Create") == {"LOSS": "0.25", "WORD": "hello", "MODEL": artifacts}
    assert pipelines.environment(execution, "Later") == {"NAME": created_by(steps["Create"])}
    second_execution = pipelines.start(name, Word="hello", Threshold="0.8")
    pipelines.wait(second_execution, "Failed")
    assert pipelines.steps(second_execution)["Bad"]["FailureReason"] == "only 0.75"


def test_parameters_of_all_types_are_passed_to_steps(pipelines: Pipelines) -> None:
    parameters = [
        parameter("S", "String", "text", EnumValues=["text", "other"]),
        parameter("I", "Integer", 5),
        parameter("F", "Float", 0.1),
        parameter("B", "Boolean", True),
        parameter("Required", "String"),
        parameter("Whole", "Float", 5),
    ]
    names = [item["Name"] for item in parameters]
    values = {name: get(f"Parameters.{name}") for name in names}
    nested_join = join(join("a", 1.5, True), "b")
    step = model("M", **values, Joined=join(*values.values(), on=","), Again=nested_join)
    pipeline = pipelines.create(step, Parameters=parameters)
    for passed, expected in (
        # an Integer that is a Float's default value has the same effect as one passed by an execution
        ({"Required": "x"}, "text,5,0.1,true,x,5.0"),
        ({"S": "other", "I": "-7", "F": "1e3", "B": "FALSE", "Required": "é"}, "other,-7,1000.0,false,é,5.0"),
    ):
        execution = pipelines.start(pipeline, **passed)
        pipelines.wait(execution)
        outcome = dict(zip(names, expected.split(","), strict=True))
        environment = pipelines.environment(execution, "M")
        assert environment == outcome | {"Joined": expected, "Again": "a1.5trueb"}
        pages = pipelines.sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=execution, PaginationConfig={"PageSize": 2}
        )
        pairs = [(item["Name"], item["Value"]) for page in pages for item in page["PipelineParameters"]]
        assert pairs == list(outcome.items())


def test_invalid_parameter_values_are_rejected(pipelines: Pipelines) -> None:
    parameters = [
        parameter("I", "Integer"),
        parameter("F", "Float", 1),
        parameter("B", "Boolean", False),
        parameter("S", "String", "a", EnumValues=["a"]),
        parameter("T", "String", "t"),
        parameter("Empty", "String", ""),
    ]
    name = pipelines.create(model("M"), Parameters=parameters)
    values: dict[str, str]
    for values, part in (
        ({}, "Parameter I has no default value"),
        ({"I": "1", "X": "1"}, "The pipeline has no parameter X"),
        ({"I": "one"}, "Parameter I: 'one' is not of type Integer"),
        ({"I": "1_000"}, "is not of type Integer"),
        ({"I": "9" * 30}, "is not of type Integer"),
        ({"I": "9" * 400}, "is not of type Integer"),
        ({"I": "1", "F": "nan"}, "Parameter F: 'nan' is not of type Float"),
        ({"I": "1", "B": "yes"}, "Parameter B: 'yes' is not of type Boolean"),
        ({"I": "1", "S": "b"}, "Parameter S: b is not one of a"),
        ({"I": "1", "T": ""}, "too short .length: 0, required minimum: 1.*parameter T"),
        ({"I": "1", "T": "t"}, "too short .length: 0, required minimum: 1.*parameter Empty"),
    ):
        assert re.search(part, rejection(pipelines.start, name, **values)), values


def test_execution_variables_and_experiment_names_are_resolved(pipelines: Pipelines) -> None:
    """A resource name in a step's arguments becomes a prefix of the created resource's name; step names may be long."""
    names = ("PipelineName", "PipelineArn", "PipelineExecutionId", "PipelineExecutionArn", "StartDateTime")
    values = {name: get(f"Execution.{name}") for name in (*names, "CurrentDateTime")}
    experiment = {"ExperimentName": get("Execution.PipelineName"), "TrialName": get("Execution.PipelineExecutionId")}
    values |= {name: get(f"PipelineExperimentConfig.{name}") for name in experiment}
    model_step = model(long_name := "A_" * 32, **values)
    model_step["Arguments"]["ModelName"] = join("mine", get("Parameters.P"), on="_")
    members = {"PipelineExperimentConfig": experiment, "Parameters": [parameter("P", "String", "x" * 70)]}
    execution = pipelines.run(model_step, **members)
    description, environment = pipelines.describe(execution), pipelines.environment(execution, long_name)
    identifier = execution.rpartition("/")[2]
    assert environment["PipelineArn"] == description["PipelineArn"]
    assert (environment["PipelineExecutionArn"], environment["PipelineExecutionId"]) == (execution, identifier)
    start_time = datetime.datetime.fromisoformat(environment["StartDateTime"])
    # the first is rounded, the second truncated
    assert abs((start_time - description["CreationTime"]).total_seconds()) < 0.002
    assert environment["CurrentDateTime"] >= environment["StartDateTime"]
    experiment_names = {"ExperimentName": environment["PipelineName"], "TrialName": identifier}
    assert environment.items() >= experiment_names.items()
    assert description["PipelineExperimentConfig"] == experiment_names
    assert re.fullmatch("mine-x{47}-[A-Za-z0-9]{10}", created_by(pipelines.steps(execution)[long_name]))


def test_conditions_have_the_expected_outcomes(pipelines: Pipelines, metrics: str) -> None:
    accuracy, name = json_get(metrics, "acc"), json_get(metrics, "$.name")
    true_condition, false_condition = equals(accuracy, 0.75), equals(accuracy, 0.7)
    cases: dict[str, list[Any]] = {
        "True": [
            true_condition,
            {"Type": "GreaterThanOrEqualTo", "LeftValue": accuracy, "RightValue": 0.75},
            {"Type": "LessThan", "LeftValue": accuracy, "RightValue": 1},
            {"Type": "In", "QueryValue": name, "Values": ["bad", "good"]},
            {"Type": "Not", "Condition": false_condition},
            {"Type": "Or", "Conditions": [false_condition, true_condition]},
            equals(json_get(metrics, "ok"), True),
            equals(json_get(metrics, "inner['a b']"), get("Parameters.Five")),
            equals(json_get(metrics, "$['inner']['list'][-1]"), 2),
            equals(join("go", "od"), name),
            # a string, such as a hyperparameter, is parsed as the type that it is compared with: a number or a boolean
            {"Type": "GreaterThan", "LeftValue": get("Parameters.Text"), "RightValue": get("Parameters.Five")},
            {"Type": "In", "QueryValue": 10, "Values": ["ten", "10.0"]},
            equals(get("Steps.True0.Outcome"), "True"),
        ],
        "False": [
            false_condition,
            {"Type": "GreaterThan", "LeftValue": accuracy, "RightValue": 0.75},
            {"Type": "LessThanOrEqualTo", "LeftValue": accuracy, "RightValue": 0},
            {"Type": "In", "QueryValue": name, "Values": []},
            {"Type": "Not", "Condition": {"Type": "Not", "Condition": false_condition}},
            {"Type": "Or", "Conditions": [false_condition, false_condition]},
            equals("9007199254740993", 9007199254740992),
        ],
    }
    steps = [
        condition(f"{outcome}{index}", [case], [], [])
        for outcome, items in cases.items()
        for index, case in enumerate(items)
    ]
    steps.append(condition("TrueAll", [true_condition, true_condition], [], []))
    steps.append(condition("FalseAll", [true_condition, false_condition], [], []))
    parameters = [parameter("Five", "Integer", 5), parameter("Text", "String", "10")]
    results = pipelines.steps(pipelines.run(*steps, Parameters=parameters))
    assert results.keys() == {step["Name"] for step in steps}
    for name, item in results.items():
        assert name.startswith(item["Metadata"]["Condition"]["Outcome"]), name


INVALID_VALUES = [
    ("nothing", "the key 'nothing' does not exist"),
    ("inner.list", "is not a string, number or boolean"),
    ("none", "is not a string, number or boolean"),
    ("name", "cannot be compared because of their types"),
]
INVALID_FILES = [
    (b"{", "not valid JSON"),
    (b'{"a": NaN}', "NaN is not valid JSON"),
    (b"\xff", "not valid JSON"),
    (b"[" * 9999, "not valid"),
]


def test_a_value_that_turns_out_to_be_invalid_fails_its_step(pipelines: Pipelines, metrics: str) -> None:
    steps, reasons = [], {}
    for number, (path, reason) in enumerate(INVALID_VALUES):
        comparison = equals(json_get(metrics, path), 1)
        steps.append(condition(f"C{number}", [comparison], [model(f"A{number}")], [model(f"B{number}")]))
        reasons[f"C{number}"] = reason
    for number, (body, reason) in enumerate(INVALID_FILES):
        uri = pipelines.client.put(f"pipelines/hostile-{number}.json", body)
        steps.append(model(f"M{number}", A=json_get(uri, "a")))
        reasons[f"M{number}"] = reason
    steps.append(model("Join", A=join(*[get("Parameters.P")] * 2000)))
    reasons["Join"] = "exceeds 1048576 characters"
    execution = pipelines.run(*steps, Parameters=[parameter("P", "String", "x" * 1024)], status="Failed")
    started_steps = pipelines.steps(execution)
    assert started_steps.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in started_steps[name]["FailureReason"]


def test_steps_in_the_branch_that_is_not_taken_do_not_run(pipelines: Pipelines) -> None:
    inner_step = condition("Inner", [equals(1, 2)], [model("A")], [model("B")])
    outer_step = condition("Outer", [equals(1, 1)], [inner_step], [model("C")])
    dependent_steps = [model("AfterA", X=get("Steps.A.ModelName")), model("AfterB", X=get("Steps.B.ModelName"))]
    dependent_steps += [model("AfterC", "C"), model("AfterAfterA", "AfterA")]
    dependent_steps += [model("AfterOuter", X=get("Steps.Outer.Outcome"))]
    execution = pipelines.run(*dependent_steps, outer_step)
    assert set(pipelines.steps(execution)) == {"Outer", "Inner", "B", "AfterB", "AfterOuter"}
    assert pipelines.environment(execution, "AfterOuter") == {"X": "true"}


def test_the_number_of_parallel_steps_is_limited(pipelines: Pipelines) -> None:
    name = pipelines.create(*(pipelines.processing(name, SLEEPING_SCRIPT) for name in "ABC"))
    limit = {"MaxParallelExecutionSteps": 1}
    response = pipelines.sagemaker.start_pipeline_execution(PipelineName=name, ParallelismConfiguration=limit)
    execution = response["PipelineExecutionArn"]
    pipelines.wait_for(execution, "A")
    assert pipelines.describe(execution)["ParallelismConfiguration"] == limit
    assert set(pipelines.statuses(execution)) == {"A"}
    parallelism = {"MaxParallelExecutionSteps": 2}
    pipelines.sagemaker.update_pipeline_execution(PipelineExecutionArn=execution, ParallelismConfiguration=parallelism)
    pipelines.wait_for(execution, "B")
    assert set(pipelines.statuses(execution)) == {"A", "B"}
    pipelines.stop(execution)
    assert pipelines.statuses(execution) == {"A": "Stopped", "B": "Stopped"}


def test_executions_and_steps_are_listed(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    name = pipelines.create(model("A"), model("B", "A"), model("C", "B") | {"DisplayName": "shown", "Description": "d"})
    token = "x" * 40
    request = {"PipelineName": name, "PipelineExecutionDescription": "one", "ClientRequestToken": token}
    first_execution, same_execution = (
        sagemaker.start_pipeline_execution(**request)["PipelineExecutionArn"] for _ in range(2)
    )
    assert first_execution == same_execution
    second_execution = pipelines.start(name)
    for execution in (first_execution, second_execution):
        pipelines.wait(execution)
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=name, MaxResults=1)
    summaries = [item for page in pages for item in page["PipelineExecutionSummaries"]]
    assert [item["PipelineExecutionArn"] for item in summaries] == [second_execution, first_execution]
    assert {item["PipelineExecutionStatus"] for item in summaries} == {"Succeeded"}
    assert (summaries[1]["PipelineExecutionDescription"], "StartTime" in summaries[1]) == ("one", True)
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=first_execution, PaginationConfig={"PageSize": 2}
    )
    steps = [item for page in pages for item in page["PipelineExecutionSteps"]]
    assert [item["StepName"] for item in steps] == ["C", "B", "A"]
    assert (steps[0]["StepDisplayName"], steps[0]["StepDescription"]) == ("shown", "d")
    members = {"PipelineExecutionDescription": "two", "PipelineExecutionDisplayName": "name"}
    sagemaker.update_pipeline_execution(PipelineExecutionArn=first_execution, **members)
    assert pipelines.describe(first_execution).items() >= members.items()
    message = rejection(sagemaker.retry_pipeline_execution, PipelineExecutionArn=first_execution)
    assert "in status Succeeded; only a failed or stopped execution" in message
    description = sagemaker.describe_pipeline(PipelineName=name)
    assert description["LastRunTime"] >= pipelines.describe(second_execution)["CreationTime"]


def test_reading_a_definition_blocks_no_other_request(pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    """When an execution starts or is retried, reading a large definition can take seconds."""
    name = pipelines.create(fail("F"))
    execution = pipelines.start(name)
    pipelines.wait(execution, "Failed")
    is_reading, may_continue, read_definition = threading.Event(), threading.Event(), pipeline_execution.read_definition

    def read_slowly(*arguments: Any) -> Any:
        is_reading.set()
        assert may_continue.wait(60)
        return read_definition(*arguments)

    monkeypatch.setattr(pipeline_execution, "read_definition", read_slowly)
    retry = partial(pipelines.sagemaker.retry_pipeline_execution, PipelineExecutionArn=execution)
    for request in (partial(pipelines.start, name), retry):
        is_reading.clear(), may_continue.clear()
        thread = threading.Thread(target=request)
        thread.start()
        assert is_reading.wait(60)
        pipelines.create(model("M"))
        assert pipelines.describe(execution)["PipelineExecutionStatus"] == "Failed"
        may_continue.set()
        thread.join()
    pipelines.wait(execution, "Failed")
    assert pipelines.steps(execution)["F"]["AttemptCount"] == 2


def test_an_execution_keeps_its_definition(pipelines: Pipelines) -> None:
    name = pipelines.create(model("A"))
    execution = pipelines.start(name)
    pipelines.sagemaker.update_pipeline(PipelineName=name, PipelineDefinition=definition(model("B")))
    response = pipelines.sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
    assert response["PipelineDefinition"] == definition(model("A"))
    pipelines.wait(execution)
    assert set(pipelines.steps(execution)) == {"A"}
    later_execution = pipelines.start(name)
    pipelines.wait(later_execution)
    assert set(pipelines.steps(later_execution)) == {"B"}


@pytest.mark.slow
def test_a_thousand_steps_run_in_order(pipelines: Pipelines) -> None:
    steps = [condition("C0", [equals(1, 1)], [], [])]
    steps += [condition(f"C{n}", [equals(get(f"Steps.C{n - 1}.Outcome"), "True")], [], []) for n in range(1, 1000)]
    execution = pipelines.run(*reversed(steps))
    assert list(pipelines.steps(execution)) == [f"C{n}" for n in range(1000)]
