"""Pipelines of all step types, conditions, functions and references that version 2 of the SDK writes."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from sagemaker import Session
from sagemaker.inputs import TrainingInput
from sagemaker.processing import ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.transformer import Transformer
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
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline, _PipelineExecution
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy
from sagemaker.workflow.steps import ProcessingStep, TrainingStep, TransformStep

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
mode = ParameterString("Mode", default_value="quick", enum_values=["quick", "full"])
METRICS = PropertyFile("Metrics", output_name="metrics", path="metrics.json")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steps")
    (folder / "prepare.py").write_text(PREPARE)
    (folder / "train.py").write_text(TRAIN)
    return folder


def prepare(source: Path, session: PipelineSession) -> ProcessingStep:
    processor = SKLearnProcessor(VERSION, ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=session)
    place = Join("/", [f"s3://{BUCKET}", ExecutionVariables.PIPELINE_NAME, "rows"])
    outputs = [
        ProcessingOutput(output_name="rows", source=f"{OUTPUT}/rows", destination=place),
        ProcessingOutput(output_name="metrics", source=f"{OUTPUT}/metrics"),
    ]
    step_args = processor.run(code=str(source / "prepare.py"), outputs=outputs, arguments=["--mode", mode])
    return ProcessingStep("Prepare", step_args=step_args, property_files=[METRICS])


def train(source: Path, prepared: ProcessingStep, session: PipelineSession) -> TrainingStep:
    estimator = SKLearn(
        str(source / "train.py"),
        framework_version=VERSION,
        instance_type=INSTANCE,
        role=ROLE,
        sagemaker_session=session,
        hyperparameters={
            "factor": factor,
            "epochs": epochs,
            "mode": Join("-", [mode, Join("", ["n", epochs])]),
            "pipeline": ExecutionVariables.PIPELINE_NAME,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ID,
        },
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
    )
    outputs = prepared.properties.ProcessingOutputConfig.Outputs
    channels = {"named": outputs["rows"], "counted": outputs[1]}
    inputs = {name: TrainingInput(output.S3Output.S3Uri) for name, output in channels.items()}
    retries = StepRetryPolicy([StepExceptionTypeEnum.THROTTLING], interval_seconds=1, max_attempts=2)
    return TrainingStep("Train", step_args=estimator.fit(inputs), retry_policies=[retries])


def conditions(prepared: ProcessingStep, trained: TrainingStep) -> list[Condition]:
    """Of every class; all of them are true."""
    rows = JsonGet(step_name="Prepare", property_file=METRICS, json_path="rows")
    share = JsonGet(step_name="Prepare", property_file="Metrics", json_path="parts[0].share")
    metrics = prepared.properties.ProcessingOutputConfig.Outputs["metrics"].S3Output.S3Uri
    name = JsonGet(s3_uri=Join("/", [metrics, "metrics.json"]), json_path="parts[0].name", step=prepared)
    loss = trained.properties.FinalMetricDataList["loss"].Value
    return [
        ConditionEquals(rows, 2),
        ConditionGreaterThan(share, 0.2),
        ConditionGreaterThanOrEqualTo(loss, 0.25),
        ConditionLessThan(loss, factor),
        ConditionLessThanOrEqualTo(epochs, 3),
        ConditionIn(name, ["first", "second"]),
        ConditionNot(ConditionEquals(trained.properties.TrainingJobStatus, "Failed")),
        ConditionOr(
            [ConditionEquals(mode, "full"), ConditionEquals(trained.properties.HyperParameters["epochs"], "3")]
        ),
    ]


def deployment(source: Path, trained: TrainingStep, session: PipelineSession) -> list[Any]:
    """Steps that create a model, register it, and transform with it."""
    data = trained.properties.ModelArtifacts.S3ModelArtifacts
    model = SKLearnModel(data, ROLE, str(source / "train.py"), VERSION, sagemaker_session=session)
    create = ModelStep("Create", step_args=model.create(INSTANCE))
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
    output = f"s3://{BUCKET}/every-step/out"
    transformer = Transformer(
        create.properties.ModelName, 1, INSTANCE, accept="text/csv", output_path=output, sagemaker_session=session
    )
    rows = trained.properties.InputDataConfig[0].DataSource.S3DataSource.S3Uri
    step_args = transformer.transform(rows, content_type="text/csv", split_type="Line")
    return [create, register, TransformStep("Transform", step_args=step_args)]


@pytest.fixture(scope="module")
def execution(source: Path, sandbox: None) -> _PipelineExecution:
    """Of a pipeline with every type of step that creates a resource, run to its end, with a parameter's value."""
    session = PipelineSession()
    prepared = prepare(source, session)
    trained = train(source, prepared, session)
    failing = FailStep("Refuse", error_message=Join(" ", ["not good enough:", mode]))
    check = ConditionStep(
        "Check",
        conditions=conditions(prepared, trained),
        if_steps=deployment(source, trained, session),
        else_steps=[failing],
    )
    parameters = [factor, epochs, mode]
    pipeline = Pipeline("every-step", parameters, steps=[prepared, trained, check], sagemaker_session=Session())
    pipeline.upsert()
    execution = pipeline.start({"Factor": 4.0})
    execution.wait(delay=1, max_attempts=600)
    return execution


def test_every_step_runs_to_its_end(execution: _PipelineExecution) -> None:
    steps = {step["StepName"]: step for step in execution.list_steps()}
    expected = {"Prepare", "Train", "Check", "Create-CreateModel", "Register-RegisterModel", "Transform"}
    assert {name for name, step in steps.items() if step["StepStatus"] == "Succeeded"} == expected
    assert steps["Check"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    values = {parameter["Name"]: parameter["Value"] for parameter in execution.list_parameters()["PipelineParameters"]}
    assert values == {"Factor": "4.0", "Epochs": "3", "Mode": "quick"}


def test_expressions_have_their_values(execution: _PipelineExecution) -> None:
    client = execution.sagemaker_session.sagemaker_client
    steps = {step["StepName"]: step["Metadata"] for step in execution.list_steps()}
    job = client.describe_training_job(TrainingJobName=steps["Train"]["TrainingJob"]["Arn"].rpartition("/")[2])
    identifier = execution.arn.rpartition("/")[2]
    given = {name: value for name, value in job["HyperParameters"].items() if not name.startswith("sagemaker_")}
    assert given == {
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
    text = execution.sagemaker_session.read_s3_file(BUCKET, "every-step/out/rows.csv.out")
    assert [float(line) for line in text.split()] == [12.0, 28.0]


def test_the_other_branch_fails_with_its_message() -> None:
    """Neither branch has a job: the message is there at once."""
    failing = FailStep("Refuse", error_message=Join(" ", ["not good enough:", mode]))
    check = ConditionStep("Check", conditions=[ConditionEquals(mode, "full")], if_steps=[], else_steps=[failing])
    pipeline = Pipeline("failing", [mode], steps=[check], sagemaker_session=Session())
    pipeline.upsert(ROLE)
    assert pipeline.upsert(ROLE, description="again")["PipelineArn"].endswith(":pipeline/failing")
    execution = pipeline.start()
    with pytest.raises(WaiterError, match="terminal failure state"):
        execution.wait(delay=1, max_attempts=60)
    steps = {step["StepName"]: step for step in execution.list_steps()}
    assert steps["Refuse"]["FailureReason"] == "not good enough: quick"
    passing = pipeline.start({"Mode": "full"})
    passing.wait(delay=1, max_attempts=60)
    assert [step["StepName"] for step in passing.list_steps()] == ["Check"]
    pipeline.delete()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        pipeline.describe()


def test_a_step_of_another_type_is_refused_by_name() -> None:
    callback = CallbackStep("Ask", sqs_queue_url="https://example.com/queue", inputs={}, outputs=[])
    pipeline = Pipeline("refused", steps=[callback], sagemaker_session=Session())
    with pytest.raises(ClientError, match=r"Ask.*Callback"):
        pipeline.upsert(ROLE)
