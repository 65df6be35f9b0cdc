"""Estimators, models and inference pipelines are deployed, invoked, updated and deleted."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from botocore.exceptions import ClientError
from sagemaker import Session
from sagemaker.deserializers import CSVDeserializer, JSONDeserializer
from sagemaker.exceptions import UnexpectedStatusException
from sagemaker.iterators import ByteIterator
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnPredictor

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
INSTANCE = "ml.m5.large"
VERSION = "1.2-1"
ROWS = numpy.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])

# Learns the weights of two numbers, and predicts with them.
SCRIPT = """
import argparse, os, pathlib
import joblib, numpy
from sklearn.linear_model import LinearRegression

def model_fn(model_dir):
    return joblib.load(pathlib.Path(model_dir, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--factor", type=float)
    factor = parser.parse_args().factor
    rows = numpy.loadtxt(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), delimiter=",")
    model = LinearRegression().fit(rows[:, 1:], factor * rows[:, 0])
    joblib.dump(model, pathlib.Path(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""
# The first container of a pipeline. It responds with JSON, the default format between containers.
DOUBLE_SCRIPT = """
def model_fn(model_dir):
    return 2

def predict_fn(rows, factor):
    return factor * rows
"""
# The same model with weights ten times as large.
LARGER_SCRIPT = """
import train

def model_fn(model_dir):
    model = train.model_fn(model_dir)
    model.coef_, model.intercept_ = 10 * model.coef_, 10 * model.intercept_
    return model
"""
FAILING_SCRIPT = "def model_fn(model_dir):\n    raise LookupError('no weights here')\n"


def expected_predictions(rows: Any) -> numpy.ndarray:
    """Return the trained model's predictions, which are exact because its training data have no noise."""
    return 4 * (3 * rows[:, 0] - rows[:, 1] + 2)


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for name, text in {
        "train": SCRIPT,
        "double": DOUBLE_SCRIPT,
        "larger": LARGER_SCRIPT,
        "fail": FAILING_SCRIPT,
    }.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def estimator(session: Session, source: Path, tmp_path_factory: pytest.TempPathFactory) -> SKLearn:
    rows = numpy.random.default_rng(0).normal(size=(20, 2))
    data = tmp_path_factory.mktemp("data") / "train.csv"
    numpy.savetxt(data, numpy.column_stack([expected_predictions(rows) / 4, rows]), delimiter=",")
    channel = session.upload_data(str(data), key_prefix="sdk-v2/train")
    estimator = SKLearn(
        "train.py",
        source_dir=str(source),
        instance_type=INSTANCE,
        framework_version=VERSION,
        hyperparameters={"factor": 4.0},
    )
    estimator.fit({"train": channel}, logs=False)  # with logs, the SDK polls only twice a minute
    return estimator


def make_model(estimator: SKLearn, source: Path, entry_point: str, **members: Any) -> SKLearnModel:
    """Return a model of the estimator's artifacts, served by a script, by default with the role from the settings."""
    return SKLearnModel(
        model_data=estimator.model_data,
        entry_point=entry_point,
        source_dir=str(source),
        framework_version=VERSION,
        sagemaker_session=estimator.sagemaker_session,
        **members,
    )


def delete(predictor: Predictor) -> None:
    """Delete an endpoint, its configuration and its models, and check that they are gone."""
    client = predictor.sagemaker_session.sagemaker_client
    config = client.describe_endpoint(EndpointName=predictor.endpoint_name)["EndpointConfigName"]
    [variant] = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    predictor.delete_model()
    predictor.delete_endpoint()
    waiter = client.get_waiter("endpoint_deleted")
    waiter.wait(EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1})
    for describe, request in (
        (client.describe_endpoint_config, {"EndpointConfigName": config}),
        (client.describe_model, {"ModelName": variant["ModelName"]}),
    ):
        with pytest.raises(ClientError, match="Could not find"):
            describe(**request)


@pytest.fixture
def predictors(session: Session) -> Iterator[list[Predictor]]:
    """Return a list for a test's predictors. When the test ends, the endpoints of its predictors are deleted."""
    predictors: list[Predictor] = []
    yield predictors
    names = {predictor.endpoint_name for predictor in predictors}
    for endpoint in session.sagemaker_client.list_endpoints(MaxResults=100)["Endpoints"]:
        if endpoint["EndpointName"] in names and endpoint["EndpointStatus"] in ("InService", "Failed"):
            session.delete_endpoint(endpoint["EndpointName"])


def test_an_estimator_is_deployed(estimator: SKLearn, session: Session, predictors: list[Predictor]) -> None:
    predictor = estimator.deploy(1, INSTANCE, wait=False)
    predictors.append(predictor)
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    assert isinstance(predictor, SKLearnPredictor)
    predictions = predictor.predict(ROWS)  # numpy's format in both directions
    assert isinstance(predictions, numpy.ndarray)
    assert numpy.allclose(predictions, expected_predictions(ROWS))
    delete(predictor)


def test_a_model_is_deployed_and_updated(
    estimator: SKLearn, source: Path, session: Session, predictors: list[Predictor]
) -> None:
    predictor = make_model(estimator, source, "train.py", role=ROLE, model_server_workers=1).deploy(
        1, INSTANCE, endpoint_name="v2-updated", endpoint_logging=True
    )
    predictors.append(predictor)
    assert session.describe_endpoint("v2-updated")["EndpointStatus"] == "InService"
    assert numpy.allclose(predictor.predict(ROWS.tolist()), expected_predictions(ROWS))

    larger_model = make_model(estimator, source, "larger.py", name="v2-larger")
    larger_model.create(instance_type=INSTANCE)
    predictor.update_endpoint(initial_instance_count=2, instance_type=INSTANCE, model_name="v2-larger")
    [variant] = session.describe_endpoint("v2-updated")["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentInstanceCount"]) == ("AllTraffic", 2)
    for _ in range(4):
        assert numpy.allclose(predictor.predict(ROWS), 10 * expected_predictions(ROWS))
    delete(predictor)


def test_serializers_and_request_attributes_are_supported(
    estimator: SKLearn, source: Path, session: Session, predictors: list[Predictor]
) -> None:
    name = make_model(estimator, source, "train.py").deploy(1, INSTANCE, wait=False).endpoint_name
    csv = Predictor(name, session, serializer=CSVSerializer(), deserializer=CSVDeserializer())
    json = Predictor(name, session, serializer=JSONSerializer(), deserializer=JSONDeserializer())
    predictors.append(csv)
    session.wait_for_endpoint(name, poll=1)
    expected = expected_predictions(ROWS)
    assert numpy.allclose(numpy.array(csv.predict(ROWS), dtype=float).ravel(), expected)
    assert numpy.allclose(numpy.array(csv.predict("1,2\n3,4\n"), dtype=float).ravel(), expected[:2])
    assert numpy.allclose(json.predict(ROWS.tolist(), target_variant="AllTraffic", inference_id="one"), expected)
    streamed = io.BytesIO(b"".join(json.predict_stream(ROWS.tolist(), iterator=ByteIterator)))
    assert numpy.allclose(numpy.array(JSONDeserializer().deserialize(streamed, "application/json")), expected)
    delete(csv)


def test_an_inference_pipeline_is_deployed(
    estimator: SKLearn, source: Path, session: Session, predictors: list[Predictor]
) -> None:
    models = [make_model(estimator, source, entry_point) for entry_point in ("double.py", "train.py")]
    pipeline = PipelineModel(models, name="v2-pipeline", predictor_cls=Predictor)
    predictor = pipeline.deploy(
        1, INSTANCE, serializer=CSVSerializer(), deserializer=CSVDeserializer(), endpoint_name="v2-pipe", wait=False
    )
    predictors.append(predictor)
    session.wait_for_endpoint("v2-pipe", poll=1)
    predictions = numpy.array(predictor.predict(ROWS), dtype=float).ravel()
    assert numpy.allclose(predictions, expected_predictions(2 * ROWS))
    predictor.delete_endpoint()
    pipeline.delete_model()
    with pytest.raises(ClientError, match="Could not find model"):
        session.describe_model("v2-pipeline")


def test_an_inference_pipeline_runs_a_batch_transform(
    estimator: SKLearn, source: Path, session: Session, s3: Any
) -> None:
    models = [make_model(estimator, source, entry_point) for entry_point in ("double.py", "train.py")]
    text = "".join(f"{first},{second}\n" for first, second in ROWS)
    s3.put_object(Bucket=session.default_bucket(), Key="sdk-v2/in/rows.csv", Body=text)
    transformer = PipelineModel(models, name="v2-transformed").transformer(
        1,
        INSTANCE,
        strategy="MultiRecord",
        assemble_with="Line",
        accept="text/csv",
        output_path=f"s3://{session.default_bucket()}/sdk-v2/out",
    )
    source_uri = f"s3://{session.default_bucket()}/sdk-v2/in"
    transformer.transform(source_uri, content_type="text/csv", split_type="Line", join_source="Input", logs=False)
    body = s3.get_object(Bucket=session.default_bucket(), Key="sdk-v2/out/rows.csv.out")["Body"].read()
    joined = numpy.loadtxt(io.BytesIO(body), delimiter=",")
    assert numpy.allclose(joined, numpy.column_stack([ROWS, expected_predictions(2 * ROWS)]))
    transformer.delete_model()


def test_the_failure_reason_names_a_model_that_does_not_load(
    estimator: SKLearn, source: Path, session: Session, predictors: list[Predictor]
) -> None:
    predictor = make_model(estimator, source, "fail.py").deploy(1, INSTANCE, wait=False)
    predictors.append(predictor)
    with pytest.raises(UnexpectedStatusException, match="LookupError: no weights here"):
        session.wait_for_endpoint(predictor.endpoint_name, poll=1)
