"""A pipeline of two models in series: preprocessing, training, registration, batch transform, a cached execution."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker import PipelineModel, Session
from sagemaker.inputs import TrainingInput
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel
from sagemaker.transformer import Transformer
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline, _PipelineExecution
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from stagemaker_support.sdk import INSTANCE, ROLE
from stagemaker_support.serial_inference import FEATURES, MODEL, check_joined, make_table

BUCKET, PREFIX, GROUP = "serial-inference", "serial", "SerialModels"
VERSION = "1.2-1"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(default_bucket=BUCKET)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serial")
    (folder / "features.py").write_text(FEATURES)
    (folder / "model.py").write_text(MODEL)
    (folder / "rows.csv").write_text(make_table())
    return folder


def preprocessing_step(source: Path, data: Any, count: Any, session: PipelineSession) -> ProcessingStep:
    """Return the preprocessing step, which is the only step with a cache."""
    processor = FrameworkProcessor(
        SKLearn,
        VERSION,
        role=ROLE,
        instance_type=INSTANCE,
        instance_count=count,
        sagemaker_session=session,
        code_location=f"s3://{BUCKET}/{PREFIX}/processing",
    )
    base = "/opt/ml/processing"
    outputs = [("scaler_model", "processing"), ("train", "train"), ("test", "test")]
    step_args = processor.run(
        inputs=[ProcessingInput(source=data, destination=f"{base}/input")],
        outputs=[
            ProcessingOutput(
                output_name=name, source=f"{base}/{name}", destination=f"s3://{BUCKET}/{PREFIX}/{file_source}"
            )
            for name, file_source in outputs
        ],
        code=str(source / "features.py"),
    )
    return ProcessingStep("Preprocess", step_args=step_args, cache_config=CacheConfig(True, "30d"))


def training_step(source: Path, preparation: ProcessingStep, session: PipelineSession) -> TrainingStep:
    estimator = SKLearn(
        str(source / "model.py"),
        framework_version=VERSION,
        instance_type=INSTANCE,
        role=ROLE,
        sagemaker_session=session,
    )
    outputs = preparation.properties.ProcessingOutputConfig.Outputs
    channel = TrainingInput(s3_data=outputs["train"].S3Output.S3Uri, content_type="text/csv")
    return TrainingStep("TrainModel", step_args=estimator.fit({"train": channel}))


@pytest.fixture(scope="module")
def pipeline(session: Session, source: Path) -> Pipeline:
    pipeline_session = PipelineSession(default_bucket=BUCKET)
    data = ParameterString("InputData", default_value=session.upload_data(str(source / "rows.csv"), key_prefix="raw"))
    count = ParameterInteger("ProcessingInstanceCount", default_value=1)
    approval = ParameterString("ModelApprovalStatus", default_value="Approved")
    preparation = preprocessing_step(source, data, count, pipeline_session)
    train = training_step(source, preparation, pipeline_session)
    scaler = preparation.arguments["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] + "/model.tar.gz"
    sources = {"features.py": scaler, "model.py": train.properties.ModelArtifacts.S3ModelArtifacts}
    models = [
        SKLearnModel(file_source, ROLE, str(source / name), VERSION, sagemaker_session=pipeline_session)
        for name, file_source in sources.items()
    ]
    serial = PipelineModel(models, ROLE, sagemaker_session=pipeline_session)
    create = ModelStep("CreateSerialModel", step_args=serial.create(instance_type=INSTANCE))
    register = ModelStep(
        "RegisterSerialModel",
        step_args=serial.register(
            content_types=["text/csv"],
            response_types=["text/csv"],
            inference_instances=[INSTANCE],
            transform_instances=[INSTANCE],
            model_package_group_name=GROUP,
            approval_status=approval,
        ),
    )
    steps = [preparation, train, create, register]
    return Pipeline("serial-inference", [data, count, approval], steps=steps, sagemaker_session=session)


@pytest.fixture(scope="module")
def executions(pipeline: Pipeline) -> list[_PipelineExecution]:
    """Run two executions of the pipeline, one after the other, with the role from the settings."""
    pipeline.upsert()
    executions = []
    for _ in range(2):
        executions.append(pipeline.start())
        executions[-1].wait(delay=1, max_attempts=600)
    return executions


def test_a_second_execution_reuses_only_the_step_with_caching_enabled(executions: list[_PipelineExecution]) -> None:
    first, second = ({step["StepName"]: step for step in execution.list_steps()} for execution in executions)
    assert len(first) == len(second) == 4
    assert {step["StepStatus"] for step in [*first.values(), *second.values()]} == {"Succeeded"}
    hits = [name for steps in (first, second) for name, step in steps.items() if "CacheHitResult" in step]
    assert hits == ["Preprocess"]
    assert second["Preprocess"]["CacheHitResult"] == {"SourcePipelineExecutionArn": executions[0].arn}
    assert first["TrainModel"]["Metadata"] != second["TrainModel"]["Metadata"]


def test_the_models_are_registered_and_named_after_their_steps(
    executions: list[_PipelineExecution], session: Session
) -> None:
    client = session.sagemaker_client
    packages = client.list_model_packages(
        ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", SortOrder="Descending"
    )
    versions = [package["ModelPackageVersion"] for package in packages["ModelPackageSummaryList"]]
    assert versions == [2, 1]
    arn = packages["ModelPackageSummaryList"][0]["ModelPackageArn"]
    containers = client.describe_model_package(ModelPackageName=arn)["InferenceSpecification"]["Containers"]
    assert [container["Environment"]["SAGEMAKER_PROGRAM"] for container in containers] == ["features.py", "model.py"]
    assert len(client.list_models(NameContains="CreateSerialModel")["Models"]) == 2


def test_predictions_are_joined_row_by_row(executions: list[_PipelineExecution], session: Session) -> None:
    model = session.sagemaker_client.list_models()["Models"][0]["ModelName"]
    output = f"s3://{BUCKET}/{PREFIX}/batch-transform"
    transformer = Transformer(
        model,
        1,
        INSTANCE,
        strategy="MultiRecord",
        assemble_with="Line",
        output_path=output,
        accept="text/csv",
        sagemaker_session=session,
    )
    test = f"s3://{BUCKET}/{PREFIX}/test/test.csv"
    transformer.transform(test, content_type="text/csv", split_type="Line", join_source="Input", wait=False)
    session.wait_for_transform_job(transformer.latest_transform_job.name, poll=1)
    inputs = session.read_s3_file(BUCKET, f"{PREFIX}/test/test.csv")
    check_joined(inputs, session.read_s3_file(BUCKET, f"{PREFIX}/batch-transform/test.csv.out"))
