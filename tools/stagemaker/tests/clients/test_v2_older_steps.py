"""A pipeline that uses deprecated classes of version 2 of the SDK, which many programs still use."""

from pathlib import Path
from typing import Any

import pytest
from sagemaker import Session
from sagemaker.inputs import CreateModelInput, TrainingInput, TransformInput
from sagemaker.processing import ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.step_collections import EstimatorTransformer, RegisterModel
from sagemaker.workflow.steps import CreateModelStep, ProcessingStep, TrainingStep, TransformStep
from stagemaker_support.sdk import BUCKET, INSTANCE, MODEL, ROLE, steps_of, wait_for_execution

VERSION = "1.2-1"
ROWS = "/opt/ml/processing/rows"
PREPARE_SCRIPT = f"open('{ROWS}/rows.csv', 'w').write('1,2\\n3,4\\n')"
FORMATS = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
INSTANCES = {"inference_instances": [INSTANCE], "transform_instances": [INSTANCE]}


@pytest.mark.usefixtures("sandbox")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_pipeline_of_older_classes_succeeds(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "prepare.py").write_text(PREPARE_SCRIPT)
    (tmp_path / "train.py").write_text(MODEL)
    (tmp_path / "inference.py").write_text(MODEL)
    session = Session()
    processor = SKLearnProcessor(VERSION, ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=session)
    prepare = ProcessingStep(
        "Prepare",
        processor=processor,
        outputs=[ProcessingOutput(output_name="rows", source=ROWS)],
        code=str(tmp_path / "prepare.py"),
    )
    rows = prepare.properties.ProcessingOutputConfig.Outputs["rows"].S3Output.S3Uri
    source = {"entry_point": str(tmp_path / "train.py"), "role": ROLE, "sagemaker_session": session}
    settings = {"factor": 2.0}
    estimator = SKLearn(framework_version=VERSION, instance_type=INSTANCE, hyperparameters=settings, **source)
    train = TrainingStep("Train", estimator=estimator, inputs={"rows": TrainingInput(rows)})
    data = train.properties.ModelArtifacts.S3ModelArtifacts
    register = RegisterModel(
        "Register", estimator=estimator, model_data=data, model_package_group_name="older", **FORMATS, **INSTANCES
    )
    model = SKLearnModel(data, framework_version=VERSION, **source)
    create = CreateModelStep("Create", model=model, inputs=CreateModelInput(INSTANCE))
    output = f"s3://{BUCKET}/older/transformed"
    transformer = Transformer(
        create.properties.ModelName, 1, INSTANCE, accept="text/csv", output_path=output, sagemaker_session=session
    )
    transform_input = TransformInput(rows, content_type="text/csv", split_type="Line")
    transform = TransformStep("Transform", transformer=transformer, inputs=transform_input)
    repack_and_transform = EstimatorTransformer(
        "Both",
        estimator=estimator,
        model_data=data,
        model_inputs=CreateModelInput(INSTANCE),
        transform_inputs=transform_input,
        instance_count=1,
        instance_type=INSTANCE,
        accept="text/csv",
        output_path=f"s3://{BUCKET}/older/both",
        entry_point=str(tmp_path / "inference.py"),  # a step puts this script next to the model
    )
    steps = [prepare, train, register, create, transform, repack_and_transform]
    pipeline = Pipeline("older", steps=steps, sagemaker_session=session)
    pipeline.upsert(ROLE)
    execution = pipeline.start()
    description = wait_for_execution(execution)
    assert description["PipelineExecutionStatus"] == "Succeeded", description["FailureReason"]
    types = {name: next(iter(step["Metadata"])) for name, step in steps_of(execution).items()}
    assert types["Register"] == "RegisterModel"
    assert types["BothRepackModel"] == "TrainingJob"
    for folder in ("transformed", "both"):
        content = s3.get_object(Bucket=BUCKET, Key=f"older/{folder}/rows.csv.out")["Body"].read().decode()
        assert [float(value) for value in content.split()] == [6.0, 14.0]
    [package] = session.sagemaker_client.list_model_packages(ModelPackageGroupName="older")["ModelPackageSummaryList"]
    assert package["ModelPackageVersion"] == 1
