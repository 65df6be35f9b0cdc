"""Every part of a pipeline definition is validated, and errors name the step and state the reason."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from stagemaker_support.pipelines import Pipelines, condition, definition, equals, fail, get, join, model, step
from stagemaker_support.simulator_client import IMAGE, rejection

from stagemaker.orchestration.pipelines.definition import read_definition
from stagemaker.orchestration.pipelines.document import DefinitionError
from stagemaker.orchestration.pipelines.property_path import PropertyPath
from stagemaker.orchestration.pipelines.step import read_duration
from stagemaker.orchestration.pipelines.step_types import STEP_TYPES, RequestStepType
from stagemaker.resources.registry import KINDS
from stagemaker.server import ROLE_ARN

DEFINITION = definition(model("M"))
TRAINING: dict[str, Any] = {
    "RoleArn": ROLE_ARN,
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
S3_OUTPUT = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
PROCESSING: dict[str, Any] = {
    "RoleArn": ROLE_ARN,
    "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": S3_OUTPUT}]},
    "ProcessingResources": {"ClusterConfig": TRAINING["ResourceConfig"]},
}
PROPERTY_FILE = {"PropertyFileName": "f", "OutputName": "out", "FilePath": "f.json"}


def train(name: str = "T", *depends_on: str, **members: Any) -> dict[str, Any]:
    return step(name, "Training", TRAINING | members, *depends_on)


def process(name: str = "P", **members: Any) -> dict[str, Any]:
    return step(name, "Processing", PROCESSING, **members)


def with_arguments(**members: Any) -> dict[str, Any]:
    return {"Arguments": PROCESSING | members}


def parameter(kind: str, **members: Any) -> dict[str, Any]:
    return {"Name": "N", "Type": kind, **members}


def json_get(path: str, name: str = "f") -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.P.PropertyFiles.{name}"), "Path": path}}


def make_step(value: Any) -> dict[str, Any]:
    return model("M", A=value)


def fail_after(name: str, trigger: str, message: Any = "") -> dict[str, Any]:
    return fail("F", message) | {"DependsOn": [{"Step": name, "Trigger": trigger}]}


def step_with_outputs(count: int) -> dict[str, Any]:
    s3_output = S3_OUTPUT | {"S3Uri": get("Parameters.S")}
    items = [{"OutputName": f"o{index}", "S3Output": s3_output} for index in range(count)]
    return process() | with_arguments(ProcessingOutputConfig={"Outputs": items})


def compare(kind: str, **members: Any) -> dict[str, Any]:
    return condition("C", [{"Type": kind, **members}], [], [])


NESTED_JOIN: Any = get("Parameters.S")
for _ in range(70):
    NESTED_JOIN = join(NESTED_JOIN)
RETRY_POLICY = {"ExceptionType": ["Step.THROTTLING"]}
STEP_WITH_FILE = process(PropertyFiles=[PROPERTY_FILE])
# Steps, members and JSON of invalid definitions, each with a part of the error message
INVALID_STEPS: list[tuple[list[Any], str]] = [
    ([train("A", "A")], "Step A: the steps depend on each other in a cycle: A -> A"),
    (
        [train("A", RoleArn=get("Steps.B.RoleArn")), train("B", RoleArn=get("Steps.A.RoleArn"))],
        "depend on each other in a cycle",
    ),
    ([condition("C", [equals(get("Steps.M.ModelName"), "a")], [model("M")], [])], "depend on each other in a cycle"),
    (
        [condition("C", [equals(1, 1)], [model("A")], [model("B", "A")])],
        "Step B: the step can never run, because it needs steps of both branches of C",
    ),
    ([train("A", "B")], "Step A: DependsOn: no step is named 'B'"),
    ([make_step(get("Steps.B.ModelName"))], "Step M: Arguments.PrimaryContainer.Env"),
    ([make_step(get("Parameters.X"))], "no parameter is named 'X'"),
    ([make_step(get("Execution.Name"))], "no execution variable is named 'Name'"),
    ([make_step(get("Execution.TrainingJobName"))], "only in the arguments of Training"),
    ([make_step(get("Nothing.X"))], "'Nothing.X' is not a valid reference"),
    ([train(), make_step(get("Steps.T.Model"))], "the property 'Model' does not exist"),
    ([train(), make_step(get("Steps.T.ModelArtifacts.S3"))], "unknown property 'S3'; choose from S3ModelArtifacts"),
    ([train(), make_step(get("Steps.T.RoleArn.X"))], "has no property or item"),
    ([train(), make_step(get("Steps.T.SecondaryStatusTransitions['a'].Status"))], "this list is indexed by numbers"),
    (
        [process(), make_step(get("Steps.P.ProcessingOutputConfig.Outputs['other'].S3Output.S3Uri"))],
        "the step's arguments have no item 'other'",
    ),
    ([STEP_WITH_FILE | with_arguments(ProcessingOutputConfig="abc")], "P: PropertyFiles: the step has no output 'out'"),
    ([STEP_WITH_FILE | with_arguments(ProcessingOutputConfig={"Outputs": 5})], "the step has no output 'out'"),
    ([process(), make_step(get("Steps.P.ProcessingOutputConfig.Outputs[1].S3Output.S3Uri"))], "have no item '1'"),
    ([train(), make_step(get("Steps.T.HyperParameters['a']"))], "have no item 'a'"),
    ([train(), make_step(get("Steps.T.["))], "is not a valid property path"),
    (
        [train(), train("U", StoppingCondition={"MaxRuntimeInSeconds": get("Steps.T.RoleArn")})],
        "Step U: Arguments.StoppingCondition.MaxRuntimeInSeconds must be of type integer, not string",
    ),
    ([train(), make_step(get("Steps.T.ModelArtifacts"))], "must be of type string, not structure"),
    (
        [step("R", "RegisterModel", {"InferenceSpecification": {"SupportedTransformInstanceTypes": []}})],
        "SupportedTransformInstanceTypes must have 1 or more items, not 0",
    ),
    ([step_with_outputs(11)], "Outputs must have 0 to 10 items, not 11"),
    ([process() | with_arguments(Environment={"a b": get("Execution.PipelineName")})], "Arguments.Environment[a b]"),
    (
        [process(), train("T", InputDataConfig=get("Steps.P.AppSpecification.ContainerEntrypoint"))],
        "Arguments.InputDataConfig must be of type InputDataConfig, not ContainerEntrypoint",
    ),
    ([make_step(get("PipelineExperimentConfig.TrialName"))], "no member 'TrialName'"),
    ([fail("F"), model("M", "F")], "the step can never run, because step F ends"),
    ([fail("F"), make_step(get("Steps.F.ErrorMessage"))], "the property 'ErrorMessage' does not exist"),
    ([train(ResourceConfig=get("Execution.PipelineArn"))], "must be of type structure"),
    ([train(), train()], "Step T: two steps have this name"),
    ([condition("C", [equals(1, 1)], [model("M")], []), model("M")], "Step M: two steps have this name"),
    ([], "at least one step"),
    ([{"Type": "Fail", "Arguments": {}}], "A step's Name"),
    (["step"], "A step's Name"),
    ([{"Name": "F", "Type": "Fail"}], "Step F: Arguments is missing"),
    ([fail("F") | {"When": 1}], "Step F: When"),
    ([train(Color="red")], "Step T: Arguments: unknown parameter 'Color'"),
    ([step("T", "Training", {"RoleArn": ROLE_ARN})], "OutputDataConfig is missing"),
    ([train(RoleArn=3)], "Step T: Arguments.RoleArn"),
    (
        [train(StoppingCondition={"MaxRuntimeInSeconds": 0})],
        "MaxRuntimeInSeconds: Invalid value for parameter input, value: 0, valid min value: 1",
    ),
    ([train(RoleArn="a role of this account")], "regular expression"),
    ([model("A"), fail_after("A", "Late")], "the Trigger Late is not one of Completed, Failed, Stopped, Any"),
    ([fail_after("A", "Failed")], "Step F: DependsOn: no step is named 'A'"),
    ([fail("F") | {"DependsOn": [{"Step": "A"}]}], "DependsOn: Trigger is missing"),
    ([fail("F") | {"DependsOn": [3]}], "DependsOn must be an object"),
    (
        [train(), fail_after("T", "Failed", get("Steps.T.RoleArn"))],
        "Step F: the step can never run, because it requires step 'T' to end in two different ways",
    ),
    ([make_step({"Std:Upper": "a"})], "the function Std:Upper is unknown"),
    ([make_step({"Std:Join": {"On": ","}})], "Std:Join: Values is missing"),
    ([train(), make_step(join(get("Steps.T.ModelArtifacts")))], "a structure cannot be joined"),
    ([make_step(join(["a"]))], "expected a scalar value, Get"),
    ([make_step(NESTED_JOIN)], "at most 64 levels of nesting"),
    ([STEP_WITH_FILE, make_step(json_get("a", "g"))], "has no such property file"),
    ([STEP_WITH_FILE, make_step(json_get("a..b["))], "is not supported"),
    ([STEP_WITH_FILE, make_step(json_get("a" * 1000))], "must not exceed 256 characters"),
    ([process(PropertyFiles=[PROPERTY_FILE | {"OutputName": "x"}])], "the step has no output 'x'"),
    ([train() | {"PropertyFiles": [PROPERTY_FILE]}], "PropertyFiles is unknown or not simulated"),
    ([compare("Matches", LeftValue=1, RightValue=1)], "condition type Matches is not one of"),
    ([condition("C", [], [], [])], "Conditions must not be empty"),
    ([compare("Or", Conditions=[])], "Or: Conditions must not be empty"),
    ([compare("GreaterThan", LeftValue=True, RightValue=1)], "a boolean cannot be compared with a number"),
    ([compare("LessThan", LeftValue="a", RightValue=False)], "booleans can only be compared"),
    ([compare("Equals", LeftValue=1, RightValue=[1])], "RightValue must be"),
    ([model("M") | {"CacheConfig": {"Enabled": True}}], "CacheConfig is unknown or not simulated"),
    ([train() | {"CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}], "not an ISO 8601 duration"),
    ([train() | {"CacheConfig": {"Enabled": "yes"}}], "Enabled must be true or false"),
    ([train() | {"RetryPolicies": [{"ExceptionType": []}]}], "ExceptionType must list one or more of"),
    ([train() | {"RetryPolicies": [{"ExceptionType": ["X"]}]}], "Step.THROTTLING"),
    ([train() | {"RetryPolicies": [RETRY_POLICY | {"MaxAttempts": 21}]}], "between 1 and 20"),
    (
        [train() | {"RetryPolicies": [RETRY_POLICY | {"MaxAttempts": 2, "ExpireAfterMin": 1}]}],
        "either MaxAttempts or ExpireAfterMin",
    ),
    ([train(), fail("F", get("Steps.T.ModelArtifacts"))], "must be a string, not a structure"),
]
INVALID_MEMBERS: list[tuple[dict[str, Any], str]] = [
    ({"Parameters": [parameter("List")]}, "the type List is not one of"),
    ({"Parameters": [parameter("String")] * 2}, "the name is used twice"),
    ({"Parameters": [parameter("Integer", DefaultValue="1")]}, "is not of type Integer"),
    ({"Parameters": [parameter("Integer", DefaultValue=True)]}, "is not of type Integer"),
    ({"Parameters": [parameter("Float", DefaultValue=2, EnumValues=[1.5])]}, "2.0 is not one of 1.5"),
    ({"Parameters": [parameter("Boolean", EnumValues=["a"])]}, "not of type Boolean"),
    ({"Parameters": [{"Name": "a b", "Type": "String"}]}, "must be 1 to 256 letters"),
    ({"Version": "2021-01-01"}, "Version must be 2020-12-01"),
    ({"MlflowConfig": {"MlflowResourceArn": "a"}}, "MlflowConfig is not simulated"),
    ({"Stages": []}, "Stages is unknown or not simulated"),
    ({"PipelineExperimentConfig": {"ExperimentName": get("Steps.M.ModelName")}}, "must not depend on a step"),
    ({"PipelineExperimentConfig": {"TrialName": get("Parameters.X")}}, "no parameter is named 'X'"),
]
UNSUPPORTED_TYPES = ["Callback", "Lambda", "ClarifyCheck", "EMR", "Model2", "", 3, None]
INVALID_TEXTS = [
    (DEFINITION[:-3], "not valid JSON"),
    ("[]", "not a JSON object"),
    ("[" * 100_000, "at most 64 levels of nesting"),
    (f'{{"Version": {"[" * 70 + "]" * 70}}}', "at most 64 levels of nesting"),
    (DEFINITION.replace('"2020-12-01"', "NaN"), "NaN is not valid JSON"),
    (DEFINITION.replace('"2020-12-01"', "1e999"), "a number that is too large"),
    (DEFINITION.replace('"2020-12-01"', "1" * 5000), "not valid JSON"),
    (DEFINITION.replace('"Steps"', '"Version": "", "Steps"'), "the member 'Version' twice"),
    (DEFINITION.replace("2020", r"\ud800"), "not valid JSON"),
    (json.dumps({"Version": [1] * 310_000}), "at most 300000 values"),
]


@pytest.mark.parametrize(
    ("source", "part"),
    [
        *((definition(*steps, Parameters=[{"Name": "S", "Type": "String"}]), part) for steps, part in INVALID_STEPS),
        *((definition(model("M"), **members), part) for members, part in INVALID_MEMBERS),
        *((definition(step("S", kind, {})), f"Step S: the type {kind} is not simulated") for kind in UNSUPPORTED_TYPES),
        *INVALID_TEXTS,
    ],
    ids=lambda value: "" if value.startswith("{") else value[:60],
)
def test_a_definition_that_cannot_run_is_rejected(pipelines: Pipelines, source: str, part: str) -> None:
    request = {"PipelineName": "source", "PipelineDefinition": source, "RoleArn": ROLE_ARN}
    assert part in rejection(pipelines.sagemaker.create_pipeline, **request)


def test_a_chain_of_a_thousand_steps_is_accepted(pipelines: Pipelines) -> None:
    steps = [model("M0"), *(model(f"M{n}", A=get(f"Steps.M{n - 1}.ModelName")) for n in range(1, 1000))]
    name = pipelines.create(*reversed(steps))
    assert len(pipelines.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]) > 100_000
    steps[0]["DependsOn"] = ["M999"]
    assert "depend on each other in a cycle" in rejection(pipelines.create, *steps)


@examples(200)
@example("a" * 100_000)  # a path is parsed in linear time
@example("a['" + "b" * 1000)
@example("[" * 1000)
@example("a" + "[0]" * 300)
@example("a" + ".b" * 500 + "[")
@given(path=st.text(st.sampled_from("aA.['\"]0-_ "), max_size=2000))
def test_any_path_is_parsed_or_rejected(path: str) -> None:
    with contextlib.suppress(DefinitionError):
        assert PropertyPath(path).tokens


@pytest.mark.timing
def test_a_condition_of_200_000_values_is_read_in_seconds() -> None:
    conditions = [{"Type": "In", "QueryValue": get("Parameters.p"), "Values": [*range(200_000), get("Parameters.p")]}]
    parameters = [{"Name": "p", "Type": "Integer", "DefaultValue": 1}]
    start = time.process_time()
    read_definition(definition(condition("C", conditions, [], []), Parameters=parameters))
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("P30D", 2_592_000), ("p30d", 2_592_000), ("T12H", 43_200), ("30dT5h", 2_610_000), ("PT1S", 1), ("P1Y2M1W", 0)],
)
def test_durations_are_parsed(duration: str, seconds: int) -> None:
    expected = seconds or (365 + 60 + 7) * 86_400
    assert read_duration(duration).total_seconds() == expected


@pytest.mark.parametrize("duration", ["", "P", "PT", "5", "P1.5D", "-P1D", "P999999D", "P99999Y", "P1D " + "1" * 9999])
def test_invalid_durations_are_rejected(duration: str) -> None:
    with pytest.raises(DefinitionError):
        read_duration(duration)


def test_each_resource_that_a_step_creates_is_simulated() -> None:
    operations = {
        f"Create{step_type.kind}" for step_type in STEP_TYPES.values() if isinstance(step_type, RequestStepType)
    }
    assert operations <= {name for kind in KINDS for name in kind.operations()}
