"""The life cycle of a model with version 2 of the SDK, from training to deployment, transform jobs and registration."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from botocore.exceptions import ClientError
from sagemaker import Session
from sagemaker.analytics import TrainingJobAnalytics
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.iterators import ByteIterator
from sagemaker.model import ModelPackage
from sagemaker.model_card import model_card
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.pytorch import PyTorch
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnPredictor
from stagemaker_support.sdk import BUCKET, INSTANCE, MODEL, ROLE

VERSION = "1.2-1"
ROWS = numpy.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
EXPECTED = 3 * ROWS.sum(axis=1)
IDENTITY = """
import json
from sagemaker import Session, get_execution_role
session = Session()
print(json.dumps({
    "role": get_execution_role(),
    "default": get_execution_role(session, use_default=True),
    "caller": session.get_caller_identity_arn(),
    "account": session.account_id(),
    "bucket": session.default_bucket(),
    "expanded": session.expand_role("SageMakerRole"),
}))
"""
SCRIPTS = {
    "train": MODEL,
    # the first container of a pipeline; it responds with JSON, the default format between containers
    "double": "def model_fn(model_dir): return 2\ndef predict_fn(rows, factor): return factor * rows\n",
    "larger": "import train\ndef model_fn(d): return 10 * train.model_fn(d)\npredict_fn = train.predict_fn\n",
    "fail": "def model_fn(model_dir): raise LookupError('no weights here')\n",
}

TORCH_SCRIPT = """
import os
import torch

def model_fn(model_dir):
    model = torch.nn.Linear(2, 1)
    model.load_state_dict(torch.load(os.path.join(model_dir, "weights.pth")))
    return model

if __name__ == "__main__":
    weights = {"weight": torch.tensor([[2.0, 1.0]]), "bias": torch.tensor([0.5])}
    torch.save(weights, os.path.join(os.environ["SM_MODEL_DIR"], "weights.pth"))
"""


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for name, content in SCRIPTS.items():
        (folder / f"{name}.py").write_text(content)
    return folder


@pytest.fixture(scope="module")
def estimator(session: Session, source: Path) -> SKLearn:
    """Return an estimator that was trained on spot instances, with checkpoints."""
    estimator = SKLearn(
        "train.py",
        source_dir=str(source),
        instance_type=INSTANCE,
        framework_version=VERSION,
        hyperparameters={"factor": 3.0},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+)"}],
        use_spot_instances=True,
        max_run=60,
        max_wait=120,
        checkpoint_s3_uri=f"s3://{BUCKET}/checkpoints",
    )
    estimator.fit(wait=False)
    session.wait_for_job(estimator.latest_training_job.name, poll=1)
    return estimator


def make_model(estimator: SKLearn, source: Path, entry_point: str, **members: Any) -> SKLearnModel:
    """Return a model that serves an estimator's artifacts with a script. Its role comes from the SDK's defaults."""
    return SKLearnModel(
        model_data=estimator.model_data,
        entry_point=entry_point,
        source_dir=str(source),
        framework_version=VERSION,
        sagemaker_session=estimator.sagemaker_session,
        **members,
    )


def delete(predictor: Predictor) -> None:
    """Delete an endpoint, its configuration and its models, and check that they no longer exist."""
    client = predictor.sagemaker_session.sagemaker_client
    config = client.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointConfigName"]
    [variant] = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    predictor.delete_model()
    predictor.delete_endpoint()
    waiter = client.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="Could not find"):
        client.describe_endpoint_config(EndpointConfigName=config)
    with pytest.raises(ClientError, match="Could not find"):
        client.describe_model(ModelName=variant["ModelName"])


def test_a_program_gets_its_role_account_and_bucket(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IDENTITY]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    identity = json.loads(process.stdout.splitlines()[-1])
    assert (identity.pop("account"), identity.pop("bucket")) == ("123456789012", BUCKET)
    assert identity == dict.fromkeys(("role", "default", "caller", "expanded"), ROLE)


def test_files_are_stored_in_a_separate_bucket(tmp_path: Path) -> None:
    session = Session(default_bucket="sdk-v2-own")
    (tmp_path / "rows.csv").write_text("1,2\n")
    uri = session.upload_data(str(tmp_path / "rows.csv"), key_prefix="rows")
    assert uri == "s3://sdk-v2-own/rows/rows.csv"
    assert session.default_bucket() == "sdk-v2-own"
    uri2 = S3Uploader.upload_string_as_file_body("3,4\n", "s3://sdk-v2-own/rows/more.csv", sagemaker_session=session)
    assert sorted(S3Downloader.list("s3://sdk-v2-own/rows", sagemaker_session=session)) == [uri2, uri]
    S3Downloader.download("s3://sdk-v2-own/rows", str(tmp_path / "copy"), sagemaker_session=session)
    assert (tmp_path / "copy/more.csv").read_text() == session.read_s3_file("sdk-v2-own", "rows/more.csv") == "3,4\n"


def test_a_training_job_is_analysed_and_attached(estimator: SKLearn, session: Session) -> None:
    name = estimator.latest_training_job.name
    for analytics in (estimator.training_job_analytics, TrainingJobAnalytics(name, ["loss"])):
        frame = analytics.dataframe(force_refresh=True)
        assert set(frame["metric_name"]) == {"loss"}
        assert frame["value"].min() == pytest.approx(0.3)
    assert session.describe_training_job(name)["FinalMetricDataList"][0]["Value"] == pytest.approx(0.3)
    same_estimator = SKLearn.attach(name)
    assert same_estimator.model_data == estimator.model_data
    assert same_estimator.hyperparameters()["factor"] == "3.0"
    assert same_estimator.role == ROLE


def test_the_log_lists_settings_that_have_no_effect(estimator: SKLearn, session: Session) -> None:
    stream = f"{estimator.latest_training_job.name}/"
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs", "logStreamNamePrefix": stream}
    events = session.boto_session.client("logs").filter_log_events(**group)["events"]
    content = "\n".join(event["message"] for event in events)
    for setting in ("EnableManagedSpotTraining", "CheckpointConfig"):
        assert f"{setting} has no effect here: " in content


def test_an_estimator_is_deployed_for_each_serializer(estimator: SKLearn, session: Session) -> None:
    predictor = estimator.deploy(1, INSTANCE, wait=False)
    name = predictor.endpoint_name
    session.wait_for_endpoint(name, poll=1)
    assert isinstance(predictor, SKLearnPredictor)
    predictions = predictor.predict(ROWS)  # numpy's format in both directions
    assert isinstance(predictions, numpy.ndarray)
    assert predictions.tolist() == EXPECTED.tolist()
    csv = Predictor(name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer())
    json = Predictor(name, session, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    assert numpy.array(csv.predict(ROWS), dtype=float).ravel().tolist() == EXPECTED.tolist()
    assert numpy.array(csv.predict("1,2\n3,4\n"), dtype=float).ravel().tolist() == EXPECTED[:2].tolist()
    assert json.predict(ROWS.tolist(), target_variant="AllTraffic", inference_id="one") == EXPECTED.tolist()
    stream = io.BytesIO(b"".join(json.predict_stream(ROWS.tolist(), iterator=ByteIterator)))
    assert JSONDeserializer().deserialize(stream, "application/json") == EXPECTED.tolist()
    delete(predictor)


def test_a_model_is_deployed_and_updated(estimator: SKLearn, source: Path, session: Session) -> None:
    model = make_model(estimator, source, "train.py", role=ROLE, model_server_workers=1)
    predictor = model.deploy(1, INSTANCE, endpoint_name="v2-updated", endpoint_logging=True)
    assert session.describe_endpoint("v2-updated")["EndpointStatus"] == "InService"
    assert predictor.predict(ROWS.tolist()).tolist() == EXPECTED.tolist()
    make_model(estimator, source, "larger.py", name="v2-larger").create(instance_type=INSTANCE)
    predictor.update_endpoint(initial_instance_count=2, instance_type=INSTANCE, model_name="v2-larger")
    [variant] = session.describe_endpoint("v2-updated")["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("AllTraffic", 2)
    for _ in range(4):
        assert predictor.predict(ROWS).tolist() == (10 * EXPECTED).tolist()
    delete(predictor)


@pytest.fixture(scope="module")
def rows(session: Session) -> str:
    """Upload a file of rows, and return its URI."""
    content = "".join(f"{first},{second}\n" for first, second in ROWS)
    return S3Uploader.upload_string_as_file_body(content, f"s3://{BUCKET}/v2/in/rows.csv", sagemaker_session=session)


def transform(model: Any, name: str, rows: str, session: Session, **members: Any) -> numpy.ndarray:
    """Run a transform job, and return its output as an array with one row per line."""
    output = f"s3://{BUCKET}/v2/{name}"
    transformer = model.transformer(
        1, INSTANCE, strategy="MultiRecord", assemble_with="Line", accept="text/csv", output_path=output
    )
    transformer.transform(rows, content_type="text/csv", split_type="Line", wait=False, **members)
    session.wait_for_transform_job(transformer.latest_transform_job.name, poll=1)
    transformer.delete_model()
    content = S3Downloader.read_file(f"{output}/rows.csv.out", sagemaker_session=session)
    return numpy.loadtxt(io.StringIO(content), delimiter=",")


def test_an_estimator_and_an_inference_pipeline_are_deployed_and_transform_data(
    estimator: SKLearn, source: Path, session: Session, rows: str
) -> None:
    def make_pipeline(name: str) -> PipelineModel:
        models = [make_model(estimator, source, entry_point) for entry_point in ("double.py", "train.py")]
        return PipelineModel(models, name=name, predictor_cls=Predictor)

    pipeline, formats = make_pipeline("v2-pipe"), {"serializer": CSVSerializer(), "deserializer": CSVDeserializer()}
    predictor = pipeline.deploy(1, INSTANCE, endpoint_name="v2-pipe", wait=False, **formats)
    session.wait_for_endpoint("v2-pipe", poll=1)
    assert numpy.array(predictor.predict(ROWS), dtype=float).ravel().tolist() == (2 * EXPECTED).tolist()
    predictor.delete_endpoint()
    pipeline.delete_model()
    with pytest.raises(ClientError, match="Could not find model"):
        session.describe_model("v2-pipe")
    joined_rows = transform(make_pipeline("v2-transformed"), "pipeline", rows, session, join_source="Input")
    assert joined_rows.tolist() == numpy.column_stack([ROWS, 2 * EXPECTED]).tolist()
    assert transform(estimator, "estimator", rows, session).tolist() == EXPECTED.tolist()


def test_the_failure_reason_mentions_a_model_that_does_not_load(
    estimator: SKLearn, source: Path, session: Session
) -> None:
    predictor = make_model(estimator, source, "fail.py").deploy(1, INSTANCE, wait=False)
    with pytest.raises(UnexpectedStatusException, match="LookupError: no weights here"):
        session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    predictor.delete_endpoint()


def test_a_registered_version_is_changed_deployed_and_replaced(
    estimator: SKLearn, source: Path, session: Session
) -> None:
    """Deploying a version also approves it."""
    client = session.sagemaker_client

    def register(entry_point: str, **members: Any) -> Any:
        formats, instances = ["text/csv"], [INSTANCE]
        return make_model(estimator, source, entry_point, role=ROLE).register(
            formats, formats, instances, instances, model_package_group_name="v2-versions", **members
        )

    package = register(
        "train.py", customer_metadata_properties={"team": "core", "score": "0.7"}, source_uri=f"s3://{BUCKET}/v2"
    )
    arn = package.model_package_arn

    def describe() -> dict[str, Any]:
        return client.describe_model_package(ModelPackageName=arn)

    assert describe()["SourceUri"] == f"s3://{BUCKET}/v2"
    package.update_approval_status("Rejected", approval_description="not yet")
    package.update_customer_metadata({"score": "0.8"})
    package.remove_customer_metadata_properties(["team"])
    assert describe()["CustomerMetadataProperties"] == {"score": "0.8"}
    assert (describe()["ModelApprovalStatus"], describe()["ApprovalDescription"]) == ("Rejected", "not yet")
    ModelPackage(role=ROLE, model_package_arn=arn, sagemaker_session=session).deploy(
        1, INSTANCE, endpoint_name="v2-versions", wait=False
    )
    session.wait_for_endpoint("v2-versions", poll=1)
    assert describe()["ModelApprovalStatus"] == "Approved"
    predictor = Predictor("v2-versions", session, serializer=CSVSerializer(), deserializer=CSVDeserializer())
    assert numpy.array(predictor.predict(ROWS), dtype=float).ravel().tolist() == EXPECTED.tolist()
    second = register("larger.py", approval_status="Approved").model_package_arn
    model = ModelPackage(role=ROLE, model_package_arn=second, sagemaker_session=session)
    model.create(INSTANCE)
    predictor.update_endpoint(1, INSTANCE, model_name=model.name, wait=False)
    session.wait_for_endpoint("v2-versions", poll=1)
    assert numpy.array(predictor.predict(ROWS), dtype=float).ravel().tolist() == (10 * EXPECTED).tolist()
    predictor.delete_endpoint()

    image = describe()["InferenceSpecification"]["Containers"][0]["Image"]
    package.update_inference_specification(image_uris=[image], content_types=["text/csv", "text/plain"])
    package.add_inference_specification("other", image_uris=[image])
    package.update_source_uri(arn)
    life_cycle = {"Stage": "Development", "StageStatus": "Pending", "StageDescription": "first"}
    package.update_model_life_cycle(life_cycle)
    assert describe()["InferenceSpecification"]["SupportedContentTypes"] == ["text/csv", "text/plain"]
    assert [item["Name"] for item in describe()["AdditionalInferenceSpecifications"]] == ["other"]
    assert (describe()["SourceUri"], describe()["ModelLifeCycle"]) == (arn, life_cycle)
    # the SDK asks whether the package exists and whether it already has a card
    assert model_card.ModelPackage.from_model_package_arn(arn, session).model_package_version == 1
    with pytest.raises(ValueError, match="could not be found"):
        model_card.ModelPackage.from_model_package_arn(f"{arn}0", session)


def test_a_pytorch_model_is_deployed_with_the_script_next_to_it(tmp_path: Path, session: Session) -> None:
    (tmp_path / "job.py").write_text(TORCH_SCRIPT)
    versions = {"framework_version": "2.6.0", "py_version": "py312"}
    estimator = PyTorch(str(tmp_path / "job.py"), role=ROLE, instance_count=1, instance_type=INSTANCE, **versions)
    try:
        estimator.fit(wait=False)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if "with venv, which was not found" not in message:
            raise
        pytest.skip(message)
    session.wait_for_job(estimator.latest_training_job.name, poll=1)
    formats = {"serializer": JSONSerializer(), "deserializer": JSONDeserializer()}
    predictor = estimator.deploy(1, INSTANCE, wait=False, **formats)
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    assert predictor.predict([[1.0, 2.0], [3.0, 4.0]]) == [[4.5], [10.5]]
    predictor.delete_endpoint()
