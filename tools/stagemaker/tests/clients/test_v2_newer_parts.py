"""Version 2 of the SDK: experiment runs, multi-model and serverless endpoints, and selective executions."""

import tarfile
from pathlib import Path
from typing import Any

import numpy
import pytest
from sagemaker import Session
from sagemaker.analytics import ExperimentAnalytics
from sagemaker.experiments import Run, list_runs, load_run
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.serverless import ServerlessInferenceConfig
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig
from sagemaker.workflow.steps import ProcessingStep
from stagemaker_support.sdk import BUCKET, INSTANCE, MODEL, ROLE, steps_of, wait_for_execution

VERSION = "1.2-1"
ROWS = numpy.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "train.py").write_text(MODEL)
    return str(tmp_path / "train.py")


def model_archive(folder: Path, name: str, factor: float) -> Path:
    (folder / "factor").write_text(str(factor))
    with tarfile.open(folder / name, "w:gz") as archive:
        archive.add(folder / "factor", "factor")
    return folder / name


@pytest.mark.usefixtures("sandbox")
def test_a_run_records_what_a_script_logs_and_the_jobs_in_it(script: str, tmp_path: Path) -> None:
    session = Session()
    (tmp_path / "notes.txt").write_text("three trees")
    with Run(experiment_name="houses", run_name="first", sagemaker_session=session) as run:
        run.log_parameters({"depth": 3, "kind": "tree"})
        for step, loss in enumerate((0.5, 0.25)):
            run.log_metric("loss", loss, step=step)
        run.log_file(str(tmp_path / "notes.txt"), name="notes")
        estimator = SKLearn(
            script, framework_version=VERSION, instance_type=INSTANCE, role=ROLE, hyperparameters={"factor": 2.0}
        )
        estimator.fit()
    with load_run(experiment_name="houses", run_name="first", sagemaker_session=session) as loaded_run:
        loaded_run.log_parameter("checked", "yes")
    description = session.sagemaker_client.describe_trial_component(TrialComponentName="houses-first")
    assert description["Parameters"] == {
        "depth": {"NumberValue": 3.0}, "kind": {"StringValue": "tree"}, "checked": {"StringValue": "yes"},
    }  # fmt: skip
    [metric] = description["Metrics"]
    assert (metric["MetricName"], metric["Min"], metric["Last"], metric["Count"]) == ("loss", 0.25, 0.25, 2)
    assert description["Status"]["PrimaryStatus"] == "Completed"
    assert [run.run_name for run in list_runs("houses", sagemaker_session=session)] == ["first"]
    job = estimator.latest_training_job.name
    frame = ExperimentAnalytics(experiment_name="houses", sagemaker_session=session).dataframe()
    assert set(frame["TrialComponentName"]) == {"houses-first", f"{job}-aws-training-job"}


@pytest.mark.usefixtures("sandbox")
def test_a_multi_model_endpoint_serves_models_that_are_added_later(script: str, tmp_path: Path) -> None:
    session = Session()
    model = SKLearnModel(
        model_data=None, role=ROLE, entry_point=script, framework_version=VERSION, sagemaker_session=session
    )
    multi_model = MultiDataModel("factors", f"s3://{BUCKET}/factors/", model=model, sagemaker_session=session)
    predictor = multi_model.deploy(1, INSTANCE, endpoint_name="factors", wait=False)
    session.wait_for_endpoint("factors", poll=1)
    for name, factor in (("two.tar.gz", 2.0), ("three.tar.gz", 3.0)):
        multi_model.add_model(str(model_archive(tmp_path, name, factor)), name)
    assert sorted(multi_model.list_models()) == ["three.tar.gz", "two.tar.gz"]
    for name, factor in (("two.tar.gz", 2.0), ("three.tar.gz", 3.0)):
        assert numpy.allclose(predictor.predict(ROWS, target_model=name), factor * ROWS.sum(axis=1))
    predictor.delete_endpoint()


@pytest.mark.usefixtures("sandbox")
def test_a_model_is_served_without_an_instance_type(script: str, tmp_path: Path) -> None:
    session = Session()
    address = session.upload_data(str(model_archive(tmp_path, "model.tar.gz", 2.0)), BUCKET, "serverless")
    model = SKLearnModel(address, ROLE, script, framework_version=VERSION, sagemaker_session=session)
    config = ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=3)
    predictor = model.deploy(serverless_inference_config=config, endpoint_name="serverless", wait=False)
    session.wait_for_endpoint("serverless", poll=1)
    assert numpy.allclose(predictor.predict(ROWS), 2 * ROWS.sum(axis=1))
    predictor.delete_endpoint()


@pytest.mark.usefixtures("sandbox")
def test_a_selected_step_uses_the_latest_execution(tmp_path: Path, s3: Any) -> None:
    session = Session()
    (tmp_path / "step.py").write_text("print('done')")
    processor = SKLearnProcessor(VERSION, ROLE, instance_type=INSTANCE, instance_count=1, sagemaker_session=session)
    code = str(tmp_path / "step.py")
    first = ProcessingStep("First", processor=processor, code=code)
    second = ProcessingStep("Second", processor=processor, code=code, depends_on=[first])
    pipeline = Pipeline("selective", steps=[first, second], sagemaker_session=session)
    pipeline.upsert(ROLE)
    wait_for_execution(pipeline.start())
    execution = pipeline.start(selective_execution_config=SelectiveExecutionConfig(selected_steps=["Second"]))
    wait_for_execution(execution)
    steps = steps_of(execution)
    assert set(steps) == {"First", "Second"}
    assert "SelectiveExecutionResult" in steps["First"]
