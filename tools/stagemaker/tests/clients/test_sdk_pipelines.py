"""Pipelines that versions 2 and 3 of the SDK define, with all simulated steps, conditions, functions and references."""

import itertools
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from stagemaker_support.sdk import BUCKET, INSTANCE, MODEL, ROLE, steps_of, wait_for_execution

OUTPUT = "/opt/ml/processing"
LOSS = ("loss", "loss=([0-9.]+)")
FORMATS = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
INSTANCES = {"inference_instances": [INSTANCE], "transform_instances": [INSTANCE]}
PREPARE_SCRIPT = """
import json, pathlib
pathlib.Path("/opt/ml/processing/rows/rows.csv").write_text("1,2\\n3,4\\n")
metrics = {"rows": 2, "parts": [{"name": "first", "share": 0.25}]}
pathlib.Path("/opt/ml/processing/metrics/metrics.json").write_text(json.dumps(metrics))
"""
WORD = f"s3://{BUCKET}/endings/word"
# The script of the step Middle, which runs after First and passes its output to After.
MIDDLE_SCRIPT = f"""
import pathlib, sys, time
word = pathlib.Path("{OUTPUT}/in/word").read_text()
while word == "wait":
    time.sleep(1)
if word == "fail":
    sys.exit("no luck")
pathlib.Path("{OUTPUT}/out/result").write_text("done")
"""
SCRIPTS = {
    "prepare": PREPARE_SCRIPT,
    "model": MODEL,
    "middle": MIDDLE_SCRIPT,
    "other": "print('done')",
    "fail": "raise SystemExit('no luck')",
}
counter = itertools.count()


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    scripts = {}
    for name, script in SCRIPTS.items():
        scripts[name] = tmp_path_factory.mktemp(name) / f"{name}.py"
        scripts[name].write_text(script)
    return scripts


def make_pipeline(sdk: ModuleType, steps: list[Any], parameters: list[Any] | None = None, name: str = "") -> Any:
    pipeline = sdk.Pipeline(
        name=name or f"pipeline-{next(counter)}",
        parameters=parameters or [],
        steps=steps,
        sagemaker_session=sdk.PipelineSession(),
    )
    pipeline.upsert(ROLE)
    return pipeline


def check(sdk: ModuleType, name: str, *conditions: Any, **branches: Any) -> Any:
    return sdk.ConditionStep(name=name, conditions=list(conditions), **{"if_steps": [], "else_steps": []} | branches)


def outcome(step: dict[str, Any]) -> str:
    return step["Metadata"]["Condition"]["Outcome"]


def make_every_step(sdk: ModuleType, scripts: dict[str, Path]) -> tuple[list[Any], list[Any]]:
    """Return parameters and steps, with each step type that creates a resource and each kind of reference."""
    variables, script, makes = sdk.ExecutionVariables, scripts["model"], sdk.Steps()
    parameters = [
        sdk.ParameterFloat("Factor", default_value=2.5),
        sdk.ParameterInteger("Epochs", default_value=3),
        sdk.ParameterBoolean("Flag", default_value=True),
        sdk.ParameterString("Mode", default_value="quick", enum_values=["quick", "full"]),
        sdk.ParameterFloat("Least", default_value=0.2),
    ]
    factor, epochs, _, mode, minimum = parameters
    file = sdk.PropertyFile("Metrics", output_name="metrics", path="metrics.json")
    cache = sdk.CacheConfig(enable_caching=True, expire_after="P1D")

    def join(separator: str, *values: Any) -> Any:
        return sdk.Join(on=separator, values=list(values))

    rows = join("/", f"s3://{BUCKET}", variables.PIPELINE_NAME, "rows")
    outputs = [("rows", f"{OUTPUT}/rows", rows), ("metrics", f"{OUTPUT}/metrics", None)]
    step_args = makes.process(scripts["prepare"], ["--mode", mode], outputs=outputs)
    prepare = sdk.ProcessingStep("Prepare", step_args=step_args, property_files=[file], cache_config=cache)

    outputs = prepare.properties.ProcessingOutputConfig.Outputs
    channels = {"named": outputs["rows"].S3Output.S3Uri, "counted": outputs[1].S3Output.S3Uri}
    settings = {
        "factor": factor,
        "epochs": epochs,
        "mode": join("-", mode, join("", "n", epochs)),
        "pipeline": variables.PIPELINE_NAME,
        "execution": variables.PIPELINE_EXECUTION_ID,
    }
    retries = sdk.StepRetryPolicy([sdk.StepExceptionTypeEnum.THROTTLING], interval_seconds=1, max_attempts=2)
    step_args = makes.train(script, settings, LOSS, channels)
    train = sdk.TrainingStep("Train", step_args=step_args, retry_policies=[retries], cache_config=cache)
    step_args = makes.train(script, {"factor": factor}, LOSS, {"rows": channels["named"]})
    cached_step = sdk.TrainingStep("Again", step_args=step_args, depends_on=[prepare], cache_config=cache)
    limits = {"strategy": "Grid", "objective_type": "Minimize", "max_parallel_jobs": 2}
    ranges = {"factor": sdk.CategoricalParameter([5, 2])}
    tuner = makes.tuner(script, {}, LOSS, ranges, f"s3://{BUCKET}/tuned", max_jobs=2, **limits)
    step_args = sdk.start_tuning(tuner, {"rows": channels["named"]})
    tune = sdk.TuningStep("Tune", step_args=step_args, cache_config=cache)

    data = train.properties.ModelArtifacts.S3ModelArtifacts
    models = {"Create": data} | {
        name: tune.get_top_model_s3_uri(index, BUCKET, "tuned") for index, name in enumerate(("Best", "Second"))
    }
    create, best, second = (sdk.ModelStep(name, step_args=makes.create(script, uri)) for name, uri in models.items())
    register_args = makes.register(
        script,
        data,
        model_package_group_name="EveryStep",
        approval_status="Approved",
        customer_metadata_properties={"mode": mode, "run": variables.PIPELINE_EXECUTION_ID},
        **FORMATS,
        **INSTANCES,
    )
    register = sdk.ModelStep("Register", step_args=register_args)

    def transform(name: str, model: Any, folder: Any, **members: Any) -> Any:
        transformer = sdk.Transformer(
            model_name=model.properties.ModelName,
            instance_count=1,
            instance_type=INSTANCE,
            accept="text/csv",
            output_path=join("/", f"s3://{BUCKET}/transformed", folder),
            sagemaker_session=makes.session,
        )
        rows = train.properties.InputDataConfig[0].DataSource.S3DataSource.S3Uri
        step_args = transformer.transform(rows, content_type="text/csv", split_type="Line")
        return sdk.TransformStep(name, step_args=step_args, **members)

    metrics = join("/", outputs["metrics"].S3Output.S3Uri, "metrics.json")
    trained, tuned_best = train.properties, tune.properties.BestTrainingJob
    references = {
        "Rows": (sdk.JsonGet(step_name="Prepare", property_file=file, json_path="rows"), 2),
        "File": (sdk.JsonGet(s3_uri=metrics, json_path="parts[0]['name']", step=prepare), "first"),
        "Metric": (trained.FinalMetricDataList["loss"].Value, 0.4),
        "Key": (trained.HyperParameters["epochs"], "3"),
        "Joined": (join("", trained.HyperParameters["epochs"]), "3"),
        "Channel": (trained.InputDataConfig[0].ChannelName, "named"),
        "Objective": (tuned_best.FinalHyperParameterTuningJobObjectiveMetric.Value, 0.2),
        "Summary": (tune.properties.TrainingJobSummaries[1].TunedHyperParameters["factor"], sdk.TUNED.format(5)),
        "Variable": (join("", variables.PIPELINE_NAME), "every-step"),
    }
    checks = [
        check(sdk, name, sdk.ConditionEquals(left=left, right=right)) for name, (left, right) in references.items()
    ]
    share = sdk.JsonGet(step_name="Prepare", property_file="Metrics", json_path="parts[0].share")
    conditions = [
        sdk.ConditionGreaterThanOrEqualTo(left=share, right=minimum),
        sdk.ConditionNot(sdk.ConditionEquals(left=trained.TrainingJobStatus, right="Failed")),
    ]
    reject = sdk.FailStep("Refuse", error_message=join(" ", "the share", share, "is below", minimum))
    branches = [create, register, transform("Transform", create, variables.PIPELINE_EXECUTION_ID)]
    decide = check(sdk, "Check", *conditions, if_steps=branches, else_steps=[reject])
    transform_best = transform("TransformBest", best, "best", cache_config=cache)
    return parameters, [*checks, transform_best, decide, second, best, tune, cached_step, train, prepare]


@pytest.fixture(scope="module")
def executions(sdk: ModuleType, scripts: dict[str, Path], sandbox: None) -> list[Any]:
    """Run a pipeline twice, uploading its sources each time; return both executions. The second's step Refuse fails."""
    parameters, steps = make_every_step(sdk, scripts)
    executions = []
    for minimum in (0.2, 0.8):
        pipeline = make_pipeline(sdk, steps, parameters, "every-step")
        executions.append(pipeline.start({"Factor": 4.0, "Least": minimum}))
        wait_for_execution(executions[-1])
    assert len(pipeline.list_executions()["PipelineExecutionSummaries"]) == 2
    return executions


def test_every_step_and_reference_succeeds(executions: list[Any]) -> None:
    steps = steps_of(executions[0])
    assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"}
    outcomes = {name: outcome(step) for name, step in steps.items() if "Condition" in step["Metadata"]}
    assert list(outcomes.values()) == 10 * ["True"]
    created = {
        "Prepare",
        "Train",
        "Again",
        "Tune",
        "Create",
        "Best",
        "Second",
        "Register",
        "Transform",
        "TransformBest",
    }
    assert steps.keys() - outcomes.keys() == created
    values = {item["Name"]: item["Value"] for item in executions[0].list_parameters()["PipelineParameters"]}
    assert values == {"Factor": "4.0", "Epochs": "3", "Flag": "true", "Mode": "quick", "Least": "0.2"}


def test_expressions_are_replaced_by_their_values(executions: list[Any], s3: Any) -> None:
    client = boto3.client("sagemaker")
    steps = {name: step["Metadata"] for name, step in steps_of(executions[0]).items()}
    job = client.describe_training_job(TrainingJobName=steps["Train"]["TrainingJob"]["Arn"].rpartition("/")[2])
    identifier = executions[0].arn.rpartition("/")[2]
    settings = {name: value for name, value in job["HyperParameters"].items() if not name.startswith("sagemaker_")}
    assert settings.pop("factor") == "4.0"
    assert settings == {"epochs": "3", "mode": "quick-n3", "pipeline": "every-step", "execution": identifier}
    uris = {item["ChannelName"]: item["DataSource"]["S3DataSource"]["S3Uri"] for item in job["InputDataConfig"]}
    assert uris["named"] == f"s3://{BUCKET}/every-step/rows"
    assert uris["counted"].endswith("/output/metrics")
    package = client.describe_model_package(ModelPackageName=steps["Register"]["RegisterModel"]["Arn"])
    assert package["CustomerMetadataProperties"] == {"mode": "quick", "run": identifier}
    assert transformed(s3, identifier) == [12.0, 28.0]


def transformed(s3: Any, folder: str) -> list[float]:
    body = s3.get_object(Bucket=BUCKET, Key=f"transformed/{folder}/rows.csv.out")["Body"].read()
    return [float(line) for line in body.split()]


def test_the_best_models_of_a_tuning_job_are_used(executions: list[Any], s3: Any) -> None:
    client, steps = boto3.client("sagemaker"), steps_of(executions[0])
    for name, factor in (("Best", "2"), ("Second", "5")):
        model = steps[name]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
        uri = client.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"]
        job = client.describe_training_job(TrainingJobName=uri.split("/")[-3])
        assert job["ModelArtifacts"]["S3ModelArtifacts"] == uri
        assert job["HyperParameters"]["factor"].strip('"') == factor
    assert transformed(s3, "best") == [6.0, 14.0]


def test_a_second_execution_has_cache_hits_and_fails_with_its_message(executions: list[Any]) -> None:
    """Train has caching enabled, but is never a cache hit: its hyperparameters contain the execution's ID."""
    first, second = map(steps_of, executions)
    assert not any("CacheHitResult" in step for step in first.values())
    hits = {name: step["CacheHitResult"] for name, step in second.items() if "CacheHitResult" in step}
    source = {"SourcePipelineExecutionArn": executions[0].arn}
    assert hits == dict.fromkeys(("Prepare", "Again", "Tune", "TransformBest"), source)
    assert second["Tune"]["Metadata"] == first["Tune"]["Metadata"]
    assert executions[1].describe()["PipelineExecutionStatus"] == "Failed"
    assert second["Refuse"]["FailureReason"] == "the share 0.25 is below 0.8"
    assert not {"Create", "Register", "Transform"} & second.keys()


def test_every_condition_has_the_expected_outcome(sdk: ModuleType) -> None:
    number, text = sdk.ParameterInteger("Number", default_value=5), sdk.ParameterString("Text", default_value="b")
    flag, joined = sdk.ParameterBoolean("Flag", default_value=True), sdk.Join(on="-", values=[text, number])
    is_b = sdk.ConditionEquals(left=text, right="b")
    cases = {
        "Equals": (sdk.ConditionEquals(left=number, right=5), True),
        "Greater": (sdk.ConditionGreaterThan(left=number, right=5.0), False),
        "GreaterEqual": (sdk.ConditionGreaterThanOrEqualTo(left=number, right=5), True),
        "Less": (sdk.ConditionLessThan(left=number, right=6), True),
        "LessEqual": (sdk.ConditionLessThanOrEqualTo(left=number, right=4), False),
        "In": (sdk.ConditionIn(value=text, in_values=["a", "b"]), True),
        "Not": (sdk.ConditionNot(is_b), False),
        "Or": (sdk.ConditionOr([sdk.ConditionLessThan(left=number, right=1), is_b]), True),
        "Join": (sdk.ConditionEquals(left=joined, right="b-5"), True),
        "Flag": (sdk.ConditionEquals(left=flag, right=True), True),
    }
    steps = [check(sdk, name, condition) for name, (condition, _) in cases.items()]
    execution = make_pipeline(sdk, steps, [number, text, flag]).start()
    execution.wait(delay=1, max_attempts=60)
    outcomes = {item["StepName"]: outcome(item) for item in execution.list_steps()}
    assert outcomes == {name: str(expected) for name, (_, expected) in cases.items()}


def test_a_pipeline_is_updated_fails_with_its_message_and_is_deleted(sdk: ModuleType) -> None:
    mode = sdk.ParameterString("Mode", default_value="quick")
    reject = sdk.FailStep("Refuse", error_message=sdk.Join(on=" ", values=["not good enough:", mode]))
    decide = check(sdk, "Check", sdk.ConditionEquals(left=mode, right="full"), else_steps=[reject])
    pipeline = make_pipeline(sdk, [decide], [mode], "failing")
    assert pipeline.upsert(ROLE, description="again")["PipelineArn"].endswith(":pipeline/failing")
    execution = pipeline.start()
    with pytest.raises(WaiterError, match="terminal failure state"):
        execution.wait(delay=1, max_attempts=60)
    assert steps_of(execution)["Refuse"]["FailureReason"] == "not good enough: quick"
    second_execution = pipeline.start({"Mode": "full"})
    second_execution.wait(delay=1, max_attempts=60)
    assert steps_of(second_execution).keys() == {"Check"}
    pipeline.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        pipeline.describe()


@pytest.mark.usefixtures("sandbox")
def test_an_execution_that_is_stopped_and_one_that_fails_are_retried(
    sdk: ModuleType, scripts: dict[str, Path], s3: Any
) -> None:
    """A retry runs unsuccessful steps again, with the current S3 objects. No retry policy covers a script's error."""
    makes = sdk.Steps()
    policies = [
        sdk.StepRetryPolicy(exception_types=[sdk.StepExceptionTypeEnum.THROTTLING], expire_after_mins=5),
        sdk.SageMakerJobStepRetryPolicy(
            exception_types=[sdk.SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], interval_seconds=1, max_attempts=2
        ),
    ]
    first = sdk.ProcessingStep("First", step_args=makes.process(scripts["other"]))
    files = {"inputs": [(WORD, f"{OUTPUT}/in")], "outputs": [("result", f"{OUTPUT}/out", None)]}
    step_args = makes.process(scripts["middle"], **files)
    middle_step = sdk.ProcessingStep("Middle", step_args=step_args, depends_on=[first], retry_policies=policies)
    result = middle_step.properties.ProcessingOutputConfig.Outputs["result"].S3Output.S3Uri
    step_args = makes.process(scripts["other"], inputs=[(result, f"{OUTPUT}/in")])
    steps = [sdk.ProcessingStep("After", step_args=step_args), middle_step, first]
    execution, first_step = None, {}
    endings = {
        "wait": ("Stopped", {"First": "Succeeded", "Middle": "Stopped"}),
        "fail": ("Failed", {"First": "Succeeded", "Middle": "Failed"}),
        "go": ("Succeeded", dict.fromkeys(("First", "Middle", "After"), "Succeeded")),
    }
    for attempt, (word, (ending, statuses)) in enumerate(endings.items(), start=1):
        s3.put_object(Bucket=BUCKET, Key="endings/word", Body=word.encode())
        if execution is None:
            execution = make_pipeline(sdk, steps, name="endings").start()
        else:
            boto3.client("sagemaker").retry_pipeline_execution(PipelineExecutionArn=execution.arn)
        if word == "wait":
            wait_for_middle(execution)
            execution.stop()
        description = wait_for_execution(execution)
        assert description["PipelineExecutionStatus"] == ending
        new_steps = steps_of(execution)
        assert {name: step["StepStatus"] for name, step in new_steps.items()} == statuses
        assert new_steps["Middle"]["AttemptCount"] == attempt
        assert first_step.setdefault("First", new_steps["First"]) == new_steps["First"]
        if word == "fail":
            assert description["FailureReason"] == "Step failure: One or multiple steps failed."
            reason = new_steps["Middle"]["FailureReason"]
            assert reason.startswith("AlgorithmError: ")
            assert "no luck" in reason


def wait_for_middle(execution: Any) -> None:
    deadline = time.monotonic() + 120
    while (steps := steps_of(execution)).get("Middle", {}).get("StepStatus") != "Executing":
        assert time.monotonic() < deadline, steps
        time.sleep(0.2)


@pytest.mark.usefixtures("sandbox")
def test_a_step_can_run_because_another_one_failed(sdk: ModuleType, scripts: dict[str, Path]) -> None:
    if not hasattr(sdk, "StepDependency"):
        pytest.skip("version 2 of the SDK has no such dependencies")
    makes, outputs = sdk.Steps(), [(name, f"{OUTPUT}/{name}", None) for name in ("rows", "metrics")]
    fail_step = sdk.ProcessingStep("Fails", step_args=makes.process(scripts["fail"]))
    next_steps = [
        sdk.ProcessingStep(
            trigger.value,
            step_args=makes.process(scripts["prepare"], outputs=outputs),
            depends_on=[sdk.StepDependency(fail_step, trigger)],
        )
        for trigger in sdk.TriggerCondition
    ]
    execution = make_pipeline(sdk, [*next_steps, fail_step]).start()
    description = wait_for_execution(execution)
    assert description["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert description["FailureReason"] == "Step failure: One or multiple steps failed."
    statuses = {name: step["StepStatus"] for name, step in steps_of(execution).items()}
    assert statuses == {"Fails": "Failed", "Failed": "Succeeded", "Any": "Succeeded"}


def test_unsupported_or_invalid_members_are_rejected_by_name(sdk: ModuleType) -> None:
    function = sdk.Lambda(function_arn="arn:aws:lambda:us-east-1:123456789012:function:f")
    flag = sdk.ParameterBoolean("Flag", default_value=True)
    steps = {
        "the type Callback is not simulated": sdk.CallbackStep("Ask", "https://example.com/queue", {}, []),
        "the type EMR is not simulated": sdk.EMRStep("Ask", "", "", "j-1", sdk.EMRStepConfig("s3://bucket/a.jar")),
        "the type Lambda is not simulated": sdk.LambdaStep("Ask", function),
        "LessThan: a boolean cannot be compared": check(sdk, "Ask", sdk.ConditionLessThan(left=flag, right=1)),
    }
    for message, step in steps.items():
        with pytest.raises(ClientError, match=f"Step Ask: {message}"):
            make_pipeline(sdk, [step], [flag])


def test_a_large_definition_is_read_from_s3(sdk: ModuleType, s3: Any) -> None:
    """The SDK stores definitions larger than 100 KiB in S3."""
    text = sdk.ParameterString("Text", default_value="a")
    steps = [check(sdk, f"C{n}", sdk.ConditionEquals(left=text, right="x" * 250)) for n in range(400)]
    pipeline = make_pipeline(sdk, steps, [text], "large")
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="large")["KeyCount"] == 1
    assert len(json.loads(pipeline.describe()["PipelineDefinition"])["Steps"]) == 400
    pipeline.start().wait(delay=1, max_attempts=60)
