"""ModelTrainer and ModelBuilder without a session, role or bucket; resources for pipelines and model versions."""

import json
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sagemaker.core.resources import Model, ModelPackage, Pipeline, PipelineExecution
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData, SourceCode
from stagemaker_support.archives import content, make_wheel
from stagemaker_support.sdk import IMAGE, INSTANCE, ROLE, wait_for_execution

SCRIPT = """
import json, os, pathlib, sys
import drilling, numpy
from helper import times
data = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "numbers.csv").read_text()
report = {"arguments": sys.argv[1:], "settings": json.loads(os.environ["SM_HPS"]), "own": os.environ["OWN"]}
report |= {"sum": float(numpy.fromstring(data, sep=",").sum()), "job": os.environ["TRAINING_JOB_NAME"]}
pathlib.Path(os.environ["SM_MODEL_DIR"], "report.json").write_text(json.dumps(report))
print("this line is the script's")
"""
SERVING_SCRIPT = """
import json, pathlib
from helper import times

def model_fn(model_dir):
    return json.loads(pathlib.Path(model_dir, "report.json").read_text())["sum"]

def predict_fn(values, model):
    return times(values, model)
"""


def make_trainer(source: Path, **members: Any) -> ModelTrainer:
    code = SourceCode(source_dir=str(source), entry_script="fit.py", requirements="needs.txt")
    return ModelTrainer(training_image=IMAGE, source_code=code, **members)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a source folder whose requirements include a package that is not installed in the container."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "fit.py").write_text(SCRIPT)
    (folder / "serve.py").write_text(SERVING_SCRIPT)
    (folder / "helper.py").write_text("def times(a, b):\n    return a * b\n")
    (folder / "needs.txt").write_text("scikit-learn\n./drilling-1.0-py3-none-any.whl\n")
    for name, wheel in make_wheel().items():
        (folder / name).write_bytes(wheel)
    return folder


def artifacts(trainer: ModelTrainer, s3: Any) -> dict[str, bytes]:
    """Return the contents of the last job's model.tar.gz."""
    uri = trainer._latest_training_job.model_artifacts.s3_model_artifacts
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return content(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def test_a_model_is_trained_built_and_deployed(
    source: Path, tmp_path: Path, s3: Any, sdk: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("1,2,3")
    settings = {"rate": 0.1, "n": 3, "on": True, "list": [1, 2], "deep": {"a": 1}, "word": "abc", "path": "a b"}
    trainer = make_trainer(source, hyperparameters=settings, environment={"OWN": "value"})
    trainer.train(input_data_config=[InputData(channel_name="training", data_source=str(tmp_path / "data"))])
    job = trainer._latest_training_job
    job.refresh()
    assert job.training_job_status == "Completed"
    assert "this line is the script's" in caplog.text
    report = json.loads(artifacts(trainer, s3)["report.json"])
    arguments = report.pop("arguments")
    assert report == {"settings": settings, "own": "value", "sum": 6.0, "job": job.training_job_name}
    assert dict(zip(arguments[::2], arguments[1::2], strict=True)) == {
        "--rate": "0.1",
        "--n": "3",
        "--on": "true",
        "--list": "[1, 2]",
        "--deep": '{"a": 1}',
        "--word": "abc",
        "--path": "a b",
    }

    builder = sdk.ModelBuilder(
        s3_model_data_url=job.model_artifacts.s3_model_artifacts,
        role_arn=ROLE,
        image_uri=IMAGE,
        source_code=SourceCode(source_dir=str(source), entry_script="serve.py"),
        instance_type=INSTANCE,
    )
    model = builder.build()
    endpoint = builder.deploy(endpoint_name="built", instance_type=INSTANCE)
    assert endpoint.endpoint_status == "InService"
    response = endpoint.invoke(body="[1, 2]", content_type="application/json", accept="application/json")
    assert json.loads(response.body.read()) == [6, 12]
    endpoint.delete()
    model.delete()


def test_the_failure_reason_is_the_exception_of_the_script(source: Path) -> None:
    (source / "fit.py").write_text("print('fitting')\nraise ValueError('the spectra have no columns')\n")
    with pytest.raises(FailedStatusError, match="ValueError: the spectra have no columns"):
        make_trainer(source).train()


def test_the_source_may_be_an_archive(source: Path, tmp_path: Path, s3: Any) -> None:
    (source / "fit.py").write_text("import os\nopen(os.environ['SM_MODEL_DIR'] + '/model', 'w').close()\n")
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as tar:
        for path in source.iterdir():
            tar.add(path, path.name)
    trainer = make_trainer(tmp_path / "source.tar.gz")
    trainer.train()
    assert artifacts(trainer, s3) == {"model": b""}


def test_a_command_may_replace_the_script(source: Path, s3: Any) -> None:
    code = SourceCode(source_dir=str(source), command="python -c \"open('/opt/ml/model/made','w')\"")
    trainer = ModelTrainer(training_image=IMAGE, source_code=code)
    trainer.train()
    assert artifacts(trainer, s3) == {"made": b""}


def test_pipelines_and_versions_are_resources(sdk: ModuleType, source: Path) -> None:
    steps, session = [sdk.FailStep(name="Ends", error_message="wanted")], sdk.Steps().session
    pipeline = sdk.Pipeline(name="resource", steps=steps, sagemaker_session=session)
    pipeline.upsert(role_arn=ROLE)
    execution = pipeline.start()
    wait_for_execution(execution)
    resource = PipelineExecution.get(pipeline_execution_arn=execution.arn)
    assert resource.pipeline_execution_status == "Failed"
    assert [step.step_name for step in resource.get_all_steps()] == ["Ends"]
    assert json.loads(Pipeline.get(pipeline_name="resource").pipeline_definition)["Version"] == "2020-12-01"

    formats = {"content_types": ["text/csv"], "response_types": ["text/csv"]}
    arn = sdk.register(source / "serve.py", model_package_group_name="resources", approval_status="Approved", **formats)
    filters = {"model_package_group_name": "resources", "model_approval_status": "Approved"}
    package = next(iter(ModelPackage.get_all(**filters, sort_by="CreationTime", sort_order="Descending")))
    assert (package.model_package_arn, package.model_package_version) == (arn, 1)
    container = {"model_package_name": arn}
    model = Model.create(model_name="deployed", execution_role_arn=ROLE, primary_container=container)
    assert model.primary_container.model_package_name == arn
