"""Pipelines with all types of steps, conditions, functions and references that version 2 of the SDK writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from sagemaker import Session
from sagemaker.inputs import TrainingInput
from sagemaker.lambda_helper import Lambda
from sagemaker.processing import ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner
from sagemaker.workflow.callback_step import CallbackStep
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import (
    Condition,
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
)
from sagemaker.workflow.emr_step import EMRStep, EMRStepConfig
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.lambda_step import LambdaStep
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline, _PipelineExecution
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep, TuningStep
from stagemaker_support.sdk_executions import steps_of

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
VERSION, INSTANCE = "1.2-1", "ml.m5.large"
OUTPUT = "/opt/ml/processing"

PREPARE = """
import json, pathlib
pathlib.Path("/opt/ml/processing/rows/rows.csv").write_text("1,2\\n3,4\\n")
metrics = {"rows": 2, "parts": [{"name": "first", "share": 0.25}]}
pathlib.Path("/opt/ml/processing/metrics/metrics.json").write_text(json.dumps(metrics))
"""
TRAIN = """
import argparse, os, pathlib

def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "factor").read_text())

def predict_fn(rows, factor):
    return factor * rows.sum(axis=1)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float)
    factor = parser.parse_known_args()[0].factor
    print(f"loss={factor / 10}")
    pathlib.Path(os.environ["SM_MODEL_DIR"], "factor").write_text(str(factor))
"""
factor = ParameterFloat("Factor", default_value=2.5)
epochs = ParameterInteger("Epochs", default_value=3)
flag = ParameterBoolean("Flag", default_value=True)
mode = ParameterString("Mode", default_value="quick", enum_values=["quick", "full"])
METRICS = PropertyFile("Metrics", output_name="metrics", path="metrics.json")
LOSS = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
CACHE = CacheConfig(enable_caching=True, expire_after="P1D")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steps")
    (folder / "prepare.py").write_text(PREPARE)
    (folder / "train.py").write_text(TRAIN)
    return folder


def prepare(source: Path, session: PipelineSession) -> ProcessingStep:
    processor = SKLearnProcessor(VERSION, ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=session)
    destination = Join("/", [f"s3://{BUCKET}", ExecutionVariables.PIPELINE_NAME, "rows"])
    outputs = [
        ProcessingOutput(output_name="rows", source=f"{OUTPUT}/rows", destination=destination),
        ProcessingOutput(output_name="metrics", source=f"{OUTPUT}/metrics"),
    ]
    step_args = processor.run(code=str(source / "prepare.py"), outputs=outputs, arguments=["--mode", mode])
    return ProcessingStep("Prepare", step_args=step_args, property_files=[METRICS], cache_config=CACHE)


def make_estimator(source: Path, session: PipelineSession, **members: Any) -> SKLearn:
    return SKLearn(
        str(source / "train.py"),
        framework_version=VERSION,
        instance_type=INSTANCE,
        role=ROLE,
        sagemaker_session=session,
        **members,
    )


def train(source: Path, prepare_step: ProcessingStep, session: PipelineSession) -> TrainingStep:
    """Return a step that never has a cache hit, because its arguments differ in each execution."""
    settings = {
        "factor": factor,
        "epochs": epochs,
        "mode": Join("-", [mode, Join("", ["n", epochs])]),
        "pipeline": ExecutionVariables.PIPELINE_NAME,
        "execution": ExecutionVariables.PIPELINE_EXECUTION_ID,
    }
    estimator = make_estimator(source, session, hyperparameters=settings, metric_definitions=LOSS)
    outputs = prepare_step.properties.ProcessingOutputConfig.Outputs
    channels = {"named": outputs["rows"], "counted": outputs[1]}
    inputs = {name: TrainingInput(output.S3Output.S3Uri) for name, output in channels.items()}
    retries = StepRetryPolicy([StepExceptionTypeEnum.THROTTLING], interval_seconds=1, max_attempts=2)
    return TrainingStep("Train", step_args=estimator.fit(inputs), retry_policies=[retries], cache_config=CACHE)


def tune(source: Path, prepare_step: ProcessingStep, session: PipelineSession) -> TuningStep:
    estimator = make_estimator(source, session, hyperparameters={"mode": mode}, output_path=f"s3://{BUCKET}/tuned")
    tuner = HyperparameterTuner(
        estimator,
        "loss",
        {"factor": ContinuousParameter(1.0, 5.0)},
        LOSS,
        objective_type="Minimize",
        max_jobs=2,
        max_parallel_jobs=2,
    )
    rows = prepare_step.properties.ProcessingOutputConfig.Outputs["rows"].S3Output.S3Uri
    return TuningStep("Tune", step_args=tuner.fit({"rows": TrainingInput(rows)}), cache_config=CACHE)


def conditions(prepare_step: ProcessingStep, train_step: TrainingStep, tune_step: TuningStep) -> list[Condition]:
    """Return conditions of every class, all of which are true."""
    rows = JsonGet(step_name="Prepare", property_file=METRICS, json_path="rows")
    share = JsonGet(step_name="Prepare", property_file="Metrics", json_path="parts[0].share")
    metrics = prepare_step.properties.ProcessingOutputConfig.Outputs["metrics"].S3Output.S3Uri
    name = JsonGet(s3_uri=Join("/", [metrics, "metrics.json"]), json_path="parts[0].name", step=prepare_step)
    loss = train_step.properties.FinalMetricDataList["loss"].Value
    best = tune_step.properties.BestTrainingJob.FinalHyperParameterTuningJobObjectiveMetric.Value
    return [
        ConditionEquals(rows, 2),
        ConditionGreaterThan(share, 0.2),
        ConditionGreaterThanOrEqualTo(loss, 0.25),
        ConditionLessThan(loss, factor),
        ConditionLessThan(best, 0.5),
        ConditionEquals(flag, True),
        ConditionLessThanOrEqualTo(epochs, 3),
        ConditionIn(name, ["first", "second"]),
        ConditionNot(ConditionEquals(train_step.properties.TrainingJobStatus, "Failed")),
        ConditionOr(
            [ConditionEquals(mode, "full"), ConditionEquals(train_step.properties.HyperParameters["epochs"], "3")]
        ),
    ]


def deployment_steps(
    source: Path, train_step: TrainingStep, tune_step: TuningStep, session: PipelineSession
) -> list[Any]:
    """Return steps that create a model, register it, and transform data with it and the tuning job's best model."""
    data = train_step.properties.ModelArtifacts.S3ModelArtifacts
    model, best = (
        SKLearnModel(destination, ROLE, str(source / "train.py"), VERSION, sagemaker_session=session)
        for destination in (data, tune_step.get_top_model_s3_uri(0, BUCKET, "tuned"))
    )
    create, create_best = (
        ModelStep(name, step_args=source_model.create(INSTANCE))
        for name, source_model in (("Create", model), ("CreateBest", best))
    )
    register = ModelStep(
        "Register",
        step_args=model.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name="EveryStep",
            approval_status="Approved",
            customer_metadata_properties={"mode": mode, "run": ExecutionVariables.PIPELINE_EXECUTION_ID},
        ),
    )
    rows = train_step.properties.InputDataConfig[0].DataSource.S3DataSource.S3Uri
    transforms = [
        transform(name, source_model.properties.ModelName, rows, session, cache_config)
        for name, source_model, cache_config in (("Transform", create, None), ("TransformBest", create_best, CACHE))
    ]
    return [create, create_best, register, *transforms]


def transform(
    name: str, model: Any, rows: Any, session: PipelineSession, cache_config: CacheConfig | None
) -> TransformStep:
    output = f"s3://{BUCKET}/every-step/{name}"
    transformer = Transformer(model, 1, INSTANCE, accept="text/csv", output_path=output, sagemaker_session=session)
    step_args = transformer.transform(rows, content_type="text/csv", split_type="Line")
    return TransformStep(name, step_args=step_args, cache_config=cache_config)


@pytest.fixture(scope="module")
def executions(source: Path, sandbox: None) -> list[_PipelineExecution]:
    """Run a pipeline with each type of step that creates a resource twice, uploading its sources each time."""
    session = PipelineSession()
    prepare_step = prepare(source, session)
    train_step, tune_step = train(source, prepare_step, session), tune(source, prepare_step, session)
    else_step = FailStep("Refuse", error_message=Join(" ", ["not good enough:", mode]))
    check = ConditionStep(
        "Check",
        conditions=conditions(prepare_step, train_step, tune_step),
        if_steps=deployment_steps(source, train_step, tune_step, session),
        else_steps=[else_step],
    )
    parameters, steps = [factor, epochs, flag, mode], [prepare_step, train_step, tune_step, check]
    pipeline = Pipeline("every-step", parameters, steps=steps, sagemaker_session=Session())
    executions = []
    for _ in range(2):
        pipeline.upsert()
        executions.append(pipeline.start({"Factor": 4.0}))
        executions[-1].wait(delay=1, max_attempts=600)
    return executions


@pytest.fixture
def execution(executions: list[_PipelineExecution]) -> _PipelineExecution:
    return executions[0]


def test_every_step_succeeds(execution: _PipelineExecution) -> None:
    steps = steps_of(execution)
    expected = {"Prepare", "Train", "Tune", "Check", "Transform", "TransformBest"}
    expected |= {"Create-CreateModel", "CreateBest-CreateModel", "Register-RegisterModel"}
    assert {name for name, step in steps.items() if step["StepStatus"] == "Succeeded"} == expected
    assert steps["Check"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    values = {parameter["Name"]: parameter["Value"] for parameter in execution.list_parameters()["PipelineParameters"]}
    assert values == {"Factor": "4.0", "Epochs": "3", "Flag": "true", "Mode": "quick"}


def test_expressions_are_replaced_by_their_values(execution: _PipelineExecution) -> None:
    client = execution.sagemaker_session.sagemaker_client
    steps = {name: step["Metadata"] for name, step in steps_of(execution).items()}
    job = client.describe_training_job(TrainingJobName=steps["Train"]["TrainingJob"]["Arn"].rpartition("/")[2])
    identifier = execution.arn.rpartition("/")[2]
    hyperparameters = {
        name: value for name, value in job["HyperParameters"].items() if not name.startswith("sagemaker_")
    }
    assert hyperparameters == {
        "factor": "4.0",
        "epochs": "3",
        "mode": "quick-n3",
        "pipeline": "every-step",
        "execution": identifier,
    }
    channels = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in job["InputDataConfig"]
    }
    assert channels["named"] == f"s3://{BUCKET}/every-step/rows"
    assert channels["counted"].endswith("/output/metrics")
    package = client.describe_model_package(ModelPackageName=steps["Register-RegisterModel"]["RegisterModel"]["Arn"])
    assert package["CustomerMetadataProperties"] == {"mode": "quick", "run": identifier}
    text = execution.sagemaker_session.read_s3_file(BUCKET, "every-step/Transform/rows.csv.out")
    assert [float(line) for line in text.split()] == [12.0, 28.0]


def test_the_best_model_of_a_tuning_job_is_used(execution: _PipelineExecution) -> None:
    client = execution.sagemaker_session.sagemaker_client
    steps = {name: step["Metadata"] for name, step in steps_of(execution).items()}
    tuning = steps["Tune"]["TuningJob"]["Arn"].rpartition("/")[2]
    best = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)["BestTrainingJob"]
    model = client.describe_model(ModelName=steps["CreateBest-CreateModel"]["Model"]["Arn"].rpartition("/")[2])
    destination = f"s3://{BUCKET}/tuned/{best['TrainingJobName']}/output/model.tar.gz"
    assert model["PrimaryContainer"]["ModelDataUrl"] == destination
    best_factor = float(best["TunedHyperParameters"]["factor"])
    text = execution.sagemaker_session.read_s3_file(BUCKET, "every-step/TransformBest/rows.csv.out")
    assert [float(line) for line in text.split()] == pytest.approx([3 * best_factor, 7 * best_factor])


def test_a_second_execution_has_the_cache_hits_that_are_enabled(executions: list[_PipelineExecution]) -> None:
    """Caching is also enabled for Train, but its hyperparameters contain the execution's ID."""
    first, second = map(steps_of, executions)
    assert not any("CacheHitResult" in step for step in first.values())
    hits = {name: step["CacheHitResult"] for name, step in second.items() if "CacheHitResult" in step}
    source = {"SourcePipelineExecutionArn": executions[0].arn}
    assert hits == dict.fromkeys(("Prepare", "Tune", "TransformBest"), source)
    assert second["Tune"]["Metadata"] == first["Tune"]["Metadata"]


def test_the_else_branch_fails_with_its_message() -> None:
    """Neither branch has a job, so the execution ends at once."""
    else_step = FailStep("Refuse", error_message=Join(" ", ["not good enough:", mode]))
    check = ConditionStep("Check", conditions=[ConditionEquals(mode, "full")], if_steps=[], else_steps=[else_step])
    pipeline = Pipeline("failing", [mode], steps=[check], sagemaker_session=Session())
    pipeline.upsert(ROLE)
    assert pipeline.upsert(ROLE, description="again")["PipelineArn"].endswith(":pipeline/failing")
    execution = pipeline.start()
    with pytest.raises(WaiterError, match="terminal failure state"):
        execution.wait(delay=1, max_attempts=60)
    steps = {step["StepName"]: step for step in execution.list_steps()}
    assert steps["Refuse"]["FailureReason"] == "not good enough: quick"
    second_execution = pipeline.start({"Mode": "full"})
    second_execution.wait(delay=1, max_attempts=60)
    assert [step["StepName"] for step in second_execution.list_steps()] == ["Check"]
    pipeline.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        pipeline.describe()


UNSUPPORTED_STEPS = {
    "Callback": lambda: CallbackStep("Ask", sqs_queue_url="https://example.com/queue", inputs={}, outputs=[]),
    "EMR": lambda: EMRStep("Ask", "", "", "j-1", EMRStepConfig("s3://bucket/a.jar")),
    "Lambda": lambda: LambdaStep("Ask", Lambda(function_arn="arn:aws:lambda:us-east-1:123456789012:function:f")),
}


@pytest.mark.parametrize(("kind", "make"), UNSUPPORTED_STEPS.items(), ids=UNSUPPORTED_STEPS)
def test_an_unsupported_step_type_is_refused_by_name(kind: str, make: Callable[[], Any]) -> None:
    pipeline = Pipeline("refused", steps=[make()], sagemaker_session=Session())
    with pytest.raises(ClientError, match=f"Step Ask: the type {kind} is not simulated"):
        pipeline.upsert(ROLE)


def test_a_large_definition_is_read_from_s3(s3: Any) -> None:
    """Version 2 of the SDK stores definitions of more than 100 KiB on S3."""
    text = ParameterString("Text", default_value="a")
    steps = [
        ConditionStep(f"C{n}", conditions=[ConditionEquals(text, "x" * 250)], if_steps=[], else_steps=[])
        for n in range(400)
    ]
    pipeline = Pipeline("large", [text], steps=steps, sagemaker_session=Session())
    pipeline.upsert(ROLE)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="large")["KeyCount"] == 1
    assert len(json.loads(pipeline.describe()["PipelineDefinition"])["Steps"]) == 400
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=60)
