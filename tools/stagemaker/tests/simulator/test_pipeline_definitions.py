"""Pipeline definitions are checked as a whole, and an error names the step and the reason."""

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples
from stagemaker_support.pipelines import (
    Pipelines,
    assert_refused,
    condition,
    definition,
    equals,
    fail,
    get,
    join,
    model,
    step,
)
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.orchestration.pipelines.definitions.definition import read_definition
from stagemaker.orchestration.pipelines.definitions.problems import DefinitionError
from stagemaker.orchestration.pipelines.definitions.property_path import PropertyPath
from stagemaker.orchestration.pipelines.definitions.step import read_duration
from stagemaker.orchestration.pipelines.definitions.step_types import STEP_TYPES, RequestStepType
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


def parameter(kind: str, **members: Any) -> dict[str, Any]:
    return {"Name": "N", "Type": kind, **members}


def json_get(path: str, name: str = "f") -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": get(f"Steps.P.PropertyFiles.{name}"), "Path": path}}


def step_with(value: Any) -> dict[str, Any]:
    """Return a step with this value in its arguments."""
    return model("M", A=value)


def fail_after(name: str, trigger: str, message: Any = "") -> dict[str, Any]:
    return fail("F", message) | {"DependsOn": [{"Step": name, "Trigger": trigger}]}


def step_with_outputs(count: int) -> dict[str, Any]:
    s3_output = S3_OUTPUT | {"S3Uri": get("Parameters.S")}
    items = [{"OutputName": f"o{number}", "S3Output": s3_output} for number in range(count)]
    return process() | {"Arguments": PROCESSING | {"ProcessingOutputConfig": {"Outputs": items}}}


def compare(kind: str, **members: Any) -> dict[str, Any]:
    return condition("C", [{"Type": kind, **members}], [], [])


NESTED_JOIN: Any = get("Parameters.S")
for _ in range(70):
    NESTED_JOIN = join(NESTED_JOIN)
RETRY_POLICY = {"ExceptionType": ["Step.THROTTLING"]}
STEP_WITH_FILE = process(PropertyFiles=[PROPERTY_FILE])
# Invalid steps, each with a part of the error message.
INVALID_STEPS: dict[str, tuple[list[Any], str]] = {
    "a cycle": ([train("A", "B"), train("B", "A")], "depend on each other in a cycle: "),
    "a step that depends on itself": ([train("A", "A")], "Step A: the steps depend on each other in a cycle: A -> A"),
    "a cycle of references": (
        [train("A", RoleArn=get("Steps.B.RoleArn")), train("B", RoleArn=get("Steps.A.RoleArn"))],
        "depend on each other in a cycle",
    ),
    "a condition that depends on a step inside it": (
        [condition("C", [equals(get("Steps.M.ModelName"), "a")], [model("M")], [])],
        "depend on each other in a cycle",
    ),
    "a step that depends on both branches": (
        [condition("C", [equals(1, 1)], [model("A")], [model("B", "A")])],
        "Step B: the step can never run, because it needs steps of both branches of C",
    ),
    "an unknown step": ([train("A", "B")], "Step A: DependsOn: there is no step 'B'"),
    "a reference to an unknown step": ([step_with(get("Steps.B.ModelName"))], "Step M: Arguments.PrimaryContainer.Env"),
    "an unknown parameter": ([step_with(get("Parameters.X"))], "there is no parameter 'X'"),
    "an unknown execution variable": ([step_with(get("Execution.Name"))], "there is no execution variable 'Name'"),
    "the training job name in another step": (
        [step_with(get("Execution.TrainingJobName"))],
        "only in the arguments of Training",
    ),
    "an unknown root": ([step_with(get("Nothing.X"))], "'Nothing.X' is not a valid reference"),
    "an unknown property": ([train(), step_with(get("Steps.T.Model"))], "there is no property 'Model'"),
    "an unknown inner property": (
        [train(), step_with(get("Steps.T.ModelArtifacts.S3"))],
        "unknown property 'S3': choose from S3ModelArtifacts",
    ),
    "a property of a string": ([train(), step_with(get("Steps.T.RoleArn.X"))], "has no property or item"),
    "a name in a list without names": (
        [train(), step_with(get("Steps.T.SecondaryStatusTransitions['a'].Status"))],
        "this list is indexed by numbers",
    ),
    "an output that the step does not have": (
        [process(), step_with(get("Steps.P.ProcessingOutputConfig.Outputs['other'].S3Output.S3Uri"))],
        "the step's arguments have no item 'other'",
    ),
    "outputs of the wrong type": (
        [process(PropertyFiles=[PROPERTY_FILE]) | {"Arguments": PROCESSING | {"ProcessingOutputConfig": "abc"}}],
        "Step P: PropertyFiles: the step has no output 'out'",
    ),
    "outputs that are a number": (
        [
            process(PropertyFiles=[PROPERTY_FILE])
            | {"Arguments": PROCESSING | {"ProcessingOutputConfig": {"Outputs": 5}}}
        ],
        "Step P: PropertyFiles: the step has no output 'out'",
    ),
    "an output beyond the last one": (
        [process(), step_with(get("Steps.P.ProcessingOutputConfig.Outputs[1].S3Output.S3Uri"))],
        "have no item '1'",
    ),
    "a hyperparameter that the step does not have": (
        [train(), step_with(get("Steps.T.HyperParameters['a']"))],
        "have no item 'a'",
    ),
    "an invalid path": ([train(), step_with(get("Steps.T.["))], "is not a valid property path"),
    "a property of the wrong type": (
        [train(), train("U", StoppingCondition={"MaxRuntimeInSeconds": get("Steps.T.RoleArn")})],
        "Step U: Arguments.StoppingCondition.MaxRuntimeInSeconds must be of type integer, not string",
    ),
    "a structure instead of a string": (
        [train(), step_with(get("Steps.T.ModelArtifacts"))],
        "must be of type string, not structure",
    ),
    "an empty list that needs an item": (
        [step("R", "RegisterModel", {"InferenceSpecification": {"SupportedTransformInstanceTypes": []}})],
        "SupportedTransformInstanceTypes must have 1 or more items, not 0",
    ),
    "too many outputs, and an expression": ([step_with_outputs(11)], "Outputs must have 0 to 10 items, not 11"),
    "thousands of outputs": (  # looking items up one by one would take minutes
        [step_with(get("Steps.P.ProcessingOutputConfig.Outputs['o3999'].OutputName")), step_with_outputs(4000)],
        "Step P: Arguments.ProcessingOutputConfig.Outputs must have 0 to 10 items, not 4000",
    ),
    "a key that does not match its pattern, with an expression": (
        [process() | {"Arguments": PROCESSING | {"Environment": {"a b": get("Execution.PipelineName")}}}],
        "Arguments.Environment[a b]",
    ),
    "a list of the wrong kind": (
        [process(), train("T", InputDataConfig=get("Steps.P.AppSpecification.ContainerEntrypoint"))],
        "Arguments.InputDataConfig must be of type InputDataConfig, not ContainerEntrypoint",
    ),
    "a missing experiment member": (
        [step_with(get("PipelineExperimentConfig.TrialName"))],
        "no member 'TrialName'",
    ),
    "a step after a Fail step": ([fail("F"), model("M", "F")], "the step can never run, because step F ends"),
    "a Fail step's property": ([fail("F"), step_with(get("Steps.F.ErrorMessage"))], "no property 'ErrorMessage'"),
    "a string instead of a structure": (
        [train(ResourceConfig=get("Execution.PipelineArn"))],
        "must be of type structure",
    ),
    "two steps with one name": ([train(), train()], "Step T: two steps have this name"),
    "two steps with one name, one inside a branch": (
        [condition("C", [equals(1, 1)], [model("M")], []), model("M")],
        "Step M: two steps have this name",
    ),
    "no steps": ([], "at least one step"),
    "a step without a name": ([{"Type": "Fail", "Arguments": {}}], "A step's Name"),
    "a step that is a string": (["step"], "A step's Name"),
    "no arguments": ([{"Name": "F", "Type": "Fail"}], "Step F: Arguments is missing"),
    "an unknown member": ([fail("F") | {"When": 1}], "Step F: When"),
    "an unknown argument": ([train(Color="red")], "Step T: Arguments: unknown parameter 'Color'"),
    "a missing argument": ([step("T", "Training", {"RoleArn": ROLE_ARN})], "OutputDataConfig is missing"),
    "an argument of the wrong type": ([train(RoleArn=3)], "Step T: Arguments.RoleArn"),
    "an argument out of bounds": (
        [train(StoppingCondition={"MaxRuntimeInSeconds": 0})],
        "MaxRuntimeInSeconds: Invalid value for parameter input, value: 0, valid min value: 1",
    ),
    "an argument that does not match its pattern": ([train(RoleArn="a role of this account")], "regular expression"),
    "an unknown trigger": (
        [model("A"), fail_after("A", "Late")],
        "the Trigger Late is not one of Completed, Failed, Stopped, Any",
    ),
    "a trigger on an unknown step": ([fail_after("A", "Failed")], "Step F: DependsOn: there is no step 'A'"),
    "a dependency without a trigger": ([fail("F") | {"DependsOn": [{"Step": "A"}]}], "DependsOn: Trigger is missing"),
    "a dependency that is a number": ([fail("F") | {"DependsOn": [3]}], "DependsOn must be an object"),
    "a failed step's results": (
        [train(), fail_after("T", "Failed", get("Steps.T.RoleArn"))],
        "Step F: the step can never run, because it requires step 'T' to end in two different ways",
    ),
    "an unknown function": ([step_with({"Std:Upper": "a"})], "the function Std:Upper is unknown"),
    "a join without values": ([step_with({"Std:Join": {"On": ","}})], "Std:Join: Values is missing"),
    "a join of objects": ([train(), step_with(join(get("Steps.T.ModelArtifacts")))], "a structure cannot be joined"),
    "a join of lists": ([step_with(join(["a"]))], "expected a scalar value, Get"),
    "joins that are nested too deeply": ([step_with(NESTED_JOIN)], "at most 64 levels of nesting"),
    "a property file that is not declared": (
        [STEP_WITH_FILE, step_with(json_get("a", "g"))],
        "has no such property file",
    ),
    "a path that is not JSONPath": ([STEP_WITH_FILE, step_with(json_get("a..b["))], "is not supported"),
    "a path that is too long": ([STEP_WITH_FILE, step_with(json_get("a" * 1000))], "must not exceed 256 characters"),
    "a property file of a missing output": (
        [process(PropertyFiles=[PROPERTY_FILE | {"OutputName": "x"}])],
        "the step has no output 'x'",
    ),
    "property files of a training step": (
        [train() | {"PropertyFiles": [PROPERTY_FILE]}],
        "PropertyFiles is unknown or not simulated",
    ),
    "an unknown condition": ([compare("Matches", LeftValue=1, RightValue=1)], "condition type Matches is not one of"),
    "no condition": ([condition("C", [], [], [])], "Conditions must not be empty"),
    "an empty Or": ([compare("Or", Conditions=[])], "Or: Conditions must not be empty"),
    "a comparison of a boolean with a number": (
        [compare("GreaterThan", LeftValue=True, RightValue=1)],
        "a boolean cannot be compared with a number",
    ),
    "an ordering of booleans": (
        [compare("LessThan", LeftValue="a", RightValue=False)],
        "booleans can only be compared",
    ),
    "a comparison with a list": ([compare("Equals", LeftValue=1, RightValue=[1])], "RightValue must be"),
    "a cached model": ([model("M") | {"CacheConfig": {"Enabled": True}}], "CacheConfig is unknown or not simulated"),
    "an invalid duration": (
        [train() | {"CacheConfig": {"Enabled": True, "ExpireAfter": "soon"}}],
        "not an ISO 8601 duration",
    ),
    "a string instead of a boolean": ([train() | {"CacheConfig": {"Enabled": "yes"}}], "Enabled must be true or false"),
    "retries without an exception": (
        [train() | {"RetryPolicies": [{"ExceptionType": []}]}],
        "ExceptionType must list one or more of",
    ),
    "retries on an unknown exception": ([train() | {"RetryPolicies": [{"ExceptionType": ["X"]}]}], "Step.THROTTLING"),
    "too many retries": ([train() | {"RetryPolicies": [RETRY_POLICY | {"MaxAttempts": 21}]}], "between 1 and 20"),
    "two limits on retries": (
        [train() | {"RetryPolicies": [RETRY_POLICY | {"MaxAttempts": 2, "ExpireAfterMin": 1}]}],
        "either MaxAttempts or ExpireAfterMin",
    ),
    "a Fail step with a structure as its message": (
        [train(), fail("F", get("Steps.T.ModelArtifacts"))],
        "must be a string, not a structure",
    ),
}  # fmt: skip
# Invalid members of a definition, each with a part of the error message.
INVALID_MEMBERS: dict[str, tuple[Any, str]] = {
    "an unknown parameter type": ({"Parameters": [parameter("List")]}, "the type List is not one of"),
    "two parameters with one name": ({"Parameters": [parameter("String")] * 2}, "the name is used twice"),
    "a default of the wrong type": ({"Parameters": [parameter("Integer", DefaultValue="1")]}, "is not of type Integer"),
    "true as an integer": ({"Parameters": [parameter("Integer", DefaultValue=True)]}, "is not of type Integer"),
    "a default that is not in EnumValues": (
        {"Parameters": [parameter("Float", DefaultValue=2, EnumValues=[1.5])]},
        "2.0 is not one of 1.5",
    ),
    "an EnumValues item of the wrong type": (
        {"Parameters": [parameter("Boolean", EnumValues=["a"])]},
        "not of type Boolean",
    ),
    "an invalid parameter name": ({"Parameters": [{"Name": "a b", "Type": "String"}]}, "must be 1 to 256 letters"),
    "another version": ({"Version": "2021-01-01"}, "Version must be 2020-12-01"),
    "MLflow": ({"MlflowConfig": {"MlflowResourceArn": "a"}}, "MlflowConfig is not simulated"),
    "an unknown member": ({"Stages": []}, "Stages is unknown or not simulated"),
    "an experiment that depends on a step": (
        {"PipelineExperimentConfig": {"ExperimentName": get("Steps.M.ModelName")}},
        "must not depend on a step",
    ),
    "an experiment with an unknown parameter": (
        {"PipelineExperimentConfig": {"TrialName": get("Parameters.X")}},
        "no parameter 'X'",
    ),
}
UNSUPPORTED_TYPES = (
    "Callback Lambda QualityCheck ClarifyCheck EMR EMRServerless AutoML EndpointConfig Endpoint Lineage Job"
)
INVALID_DEFINITIONS = {
    "empty": (" ", "not valid JSON"),
    "cut off": (DEFINITION[:-3], "not valid JSON"),
    "a list": ("[]", "not a JSON object"),
    "nested too deeply": ("[" * 100_000, "at most 64 levels of nesting"),
    "nested too deeply inside a member": (f'{{"Version": {"[" * 70 + "]" * 70}}}', "at most 64 levels of nesting"),
    "NaN": (DEFINITION.replace('"2020-12-01"', "NaN"), "NaN is not valid JSON"),
    "an infinite number": (DEFINITION.replace('"2020-12-01"', "1e999"), "a number that is too large"),
    "a number with many digits": (DEFINITION.replace('"2020-12-01"', "1" * 5000), "not valid JSON"),
    "a repeated member": (DEFINITION.replace('"Steps"', '"Version": "", "Steps"'), "the member 'Version' twice"),
    "half of a surrogate pair": (DEFINITION.replace("2020", r"\ud800"), "not valid JSON"),
    "too many values": (json.dumps({"Version": [1] * 310_000}), "at most 300000 values"),
}


@pytest.fixture(scope="module")
def pipelines(client: Client) -> Pipelines:
    return Pipelines(client)


@pytest.mark.parametrize(("steps", "part"), INVALID_STEPS.values(), ids=INVALID_STEPS)
def test_a_definition_that_cannot_run_is_refused(pipelines: Pipelines, steps: list[Any], part: str) -> None:
    with assert_refused(part):
        pipelines.create(*steps, Parameters=[{"Name": "S", "Type": "String"}])


@pytest.mark.parametrize(("members", "part"), INVALID_MEMBERS.values(), ids=INVALID_MEMBERS)
def test_invalid_members_of_a_definition_are_refused(pipelines: Pipelines, members: Any, part: str) -> None:
    with assert_refused(part):
        pipelines.create(model("M"), **members)


@pytest.mark.parametrize("kind", [*UNSUPPORTED_TYPES.split(), "ForEach", "Model2", "", 3, None])
def test_unsupported_step_types_are_refused(pipelines: Pipelines, kind: Any) -> None:
    with assert_refused(f"Step S: the type {kind} is not simulated; use one of Processing, Training"):
        pipelines.create(step("S", kind, {}))


@pytest.mark.parametrize(("text", "part"), INVALID_DEFINITIONS.values(), ids=INVALID_DEFINITIONS)
def test_text_that_is_not_a_definition_is_refused(pipelines: Pipelines, text: str, part: str) -> None:
    with assert_refused(part):
        pipelines.sagemaker.create_pipeline(PipelineName="text", PipelineDefinition=text, RoleArn=ROLE_ARN)


def test_a_chain_of_a_thousand_steps_is_accepted(pipelines: Pipelines) -> None:
    """Each step refers to the previous one, so the definition contains a long chain of references."""
    steps = [model("M0"), *(model(f"M{n}", A=get(f"Steps.M{n - 1}.ModelName")) for n in range(1, 1000))]
    name = pipelines.create(*reversed(steps))
    assert len(pipelines.sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]) > 100_000
    steps[0]["DependsOn"] = ["M999"]
    with assert_refused("depend on each other in a cycle"):
        pipelines.create(*steps)


@examples(200)
@given(text=st.text(st.sampled_from("aA.['\"]0-_ "), max_size=2000))
def test_any_path_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(DefinitionError):
        assert PropertyPath(text).tokens


def test_paths_are_parsed_in_linear_time() -> None:
    for text in ("a" * 100_000, "a['" + "b" * 1000, "[" * 1000, "a" + "[0]" * 300, "a" + ".b" * 500 + "["):
        with contextlib.suppress(DefinitionError):
            PropertyPath(text)


@pytest.mark.timing
def test_a_condition_of_200_000_values_is_read_in_seconds() -> None:
    conditions = [{"Type": "In", "QueryValue": get("Parameters.p"), "Values": [*range(200_000), get("Parameters.p")]}]
    parameters = [{"Name": "p", "Type": "Integer", "DefaultValue": 1}]
    start = time.process_time()
    read_definition(definition(condition("C", conditions, [], []), Parameters=parameters))
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("P30D", 2_592_000), ("p30d", 2_592_000), ("T12H", 43_200), ("30dT5h", 2_610_000), ("PT1S", 1), ("P1Y2M1W", 0)],
)
def test_durations_are_parsed(text: str, seconds: int) -> None:
    expected = seconds or (365 + 60 + 7) * 86_400
    assert read_duration(text).total_seconds() == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "5", "P1.5D", "-P1D", "P999999D", "P99999Y", "P1D " + "1" * 9999])
def test_invalid_durations_are_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        read_duration(text)


def test_each_resource_that_a_step_creates_is_simulated() -> None:
    operations = {
        f"Create{step_type.kind}" for step_type in STEP_TYPES.values() if isinstance(step_type, RequestStepType)
    }
    assert operations <= {name for kind in KINDS for name in kind.operations()}
