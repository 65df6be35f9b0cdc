"""A model of SageMaker's XGBoost image, trained by an Estimator without a script: from training to endpoint updates.

To the last digit, the predictions equal those of xgboost in a separate process with the same hyperparameters.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import numpy
import pytest
from sagemaker import Session, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import CSVSerializer
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter
from stagemaker_support.sdk import PYTHON, ROOT

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
PREFIX, INSTANCE = "houses-xgboost", "ml.m4.xlarge"
SETTINGS = {"max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6, "subsample": 0.8}
ROUNDS, PATIENCE = 100, 10
XGBOOST_PROGRAM = """
import json, sys
import numpy, xgboost
folder, settings, rounds, patience = sys.argv[1], *map(json.loads, sys.argv[2:])
tables = {name: numpy.loadtxt(f"{folder}/{name}.csv", delimiter=",") for name in ("train", "validation", "test")}
test = xgboost.DMatrix(tables.pop("test"))
data = {name: xgboost.DMatrix(table[:, 1:], label=table[:, 0]) for name, table in tables.items()}
evaluations = [(matrix, name) for name, matrix in data.items()]
stopping = xgboost.callback.EarlyStopping(patience, save_best=True)
booster = xgboost.train(settings, data["train"], rounds, evaluations, callbacks=[stopping], verbose_eval=False)
print(json.dumps(booster.predict(test).tolist()))
"""


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with CSV files without headers: train and validation have labels first; test has no labels."""
    folder, rng = tmp_path_factory.mktemp("houses"), numpy.random.default_rng(0)
    for name, rows in (("train", 300), ("validation", 100), ("test", 40)):
        features = rng.normal(size=(rows, 5)).round(5)
        labels = 20 + 5 * features[:, 0] - 3 * numpy.abs(features[:, 1]) + rng.normal(size=rows)
        table = features if name == "test" else numpy.column_stack([labels.round(5), features])
        numpy.savetxt(folder / f"{name}.csv", table, delimiter=",", fmt="%.5f")
    return folder


@pytest.fixture(scope="module")
def channels(session: Session, folder: Path) -> dict[str, TrainingInput]:
    return {
        name: TrainingInput(session.upload_data(str(folder / f"{name}.csv"), key_prefix=PREFIX), content_type="csv")
        for name in ("train", "validation")
    }


@pytest.fixture(scope="module")
def input_uri(session: Session, folder: Path) -> str:
    return session.upload_data(str(folder / "test.csv"), key_prefix=PREFIX)


def predictions(folder: Path, **settings: Any) -> list[float]:
    """Return the predictions of xgboost, in the project's environment, for test.csv with these settings."""
    command = [PYTHON, "-c", XGBOOST_PROGRAM, folder, *map(json.dumps, (SETTINGS | settings, ROUNDS, PATIENCE))]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def make_estimator(session: Session, **settings: Any) -> Estimator:
    estimator = Estimator(
        image_uris.retrieve("xgboost", session.boto_region_name, "1"),
        ROLE,
        instance_count=1,
        instance_type=INSTANCE,
        output_path=f"s3://{session.default_bucket()}/{PREFIX}/output",
        sagemaker_session=session,
    )
    values = SETTINGS | {"objective": "reg:squarederror", "num_round": ROUNDS}
    estimator.set_hyperparameters(**values, **(settings or {"early_stopping_rounds": PATIENCE}))
    return estimator


@pytest.fixture(scope="module")
def estimator(session: Session, channels: dict[str, TrainingInput]) -> Estimator:
    estimator = make_estimator(session)
    estimator.fit(channels)
    return estimator


def transform_predictions(estimator: Estimator, input_uri: str, session: Session) -> list[float]:
    """Return the predictions of a transform job with the estimator's model."""
    transformer = estimator.transformer(instance_count=1, instance_type=INSTANCE)
    transformer.transform(input_uri, content_type="text/csv", split_type="Line")
    transformer.wait()
    text = S3Downloader.read_file(f"{transformer.output_path}/test.csv.out", sagemaker_session=session)
    return [float(line) for line in text.split()]


def test_metrics_need_no_definitions(estimator: Estimator) -> None:
    frame = estimator.training_job_analytics.dataframe()
    assert {"train:rmse", "validation:rmse"} <= set(frame["metric_name"])


def test_a_batch_transform_returns_the_expected_predictions(
    estimator: Estimator, folder: Path, input_uri: str, session: Session
) -> None:
    assert transform_predictions(estimator, input_uri, session) == predictions(folder)


def test_an_endpoint_responds_to_a_web_functions_requests(estimator: Estimator, folder: Path, session: Session) -> None:
    predictor = estimator.deploy(initial_instance_count=1, instance_type=INSTANCE, wait=False)
    session.wait_for_endpoint(predictor.endpoint_name, poll=1)
    predictor.serializer = CSVSerializer()
    rows, expected = numpy.loadtxt(folder / "test.csv", delimiter=","), predictions(folder)
    assert [float(value) for value in predictor.predict(rows).decode().split(",")] == expected
    runtime = boto3.Session().client("sagemaker-runtime")
    line = (folder / "test.csv").read_text().splitlines()[0]
    response = runtime.invoke_endpoint(EndpointName=predictor.endpoint_name, ContentType="text/csv", Body=line)
    assert float(response["Body"].read().decode("utf-8")) == expected[0]
    predictor.delete_endpoint()


def test_tuning_uses_one_of_the_images_metrics(
    session: Session, channels: dict[str, TrainingInput], folder: Path, input_uri: str
) -> None:
    tuner = HyperparameterTuner(
        make_estimator(session),
        objective_metric_name="validation:rmse",
        objective_type="Minimize",
        max_jobs=4,
        max_parallel_jobs=2,
        hyperparameter_ranges={
            "max_depth": IntegerParameter(3, 12),
            "eta": ContinuousParameter(0.05, 0.5),
            "min_child_weight": IntegerParameter(2, 8),
            "subsample": ContinuousParameter(0.5, 0.9),
            "gamma": ContinuousParameter(0, 10),
        },
    )
    tuner.fit(channels, wait=False)
    tuner.wait()
    frame = tuner.analytics().dataframe()
    assert len(frame) == 4
    best = frame.sort_values("FinalObjectiveValue").iloc[0]
    assert tuner.best_training_job() == best["TrainingJobName"]
    assert HyperparameterTuner.attach(tuner.latest_tuning_job.name).best_training_job() == best["TrainingJobName"]
    attached = Estimator.attach(tuner.best_training_job())
    best_settings = {name: float(best[name]) for name in ("eta", "subsample", "gamma")}
    best_settings |= {name: int(best[name]) for name in ("max_depth", "min_child_weight")}
    assert transform_predictions(attached, input_uri, session) == predictions(folder, **best_settings)


def test_an_endpoint_serves_an_ab_test_and_is_updated(
    estimator: Estimator, channels: dict[str, TrainingInput], folder: Path, session: Session
) -> None:
    """Both models are XGBoost's, one of them linear, so that a client can read both kinds of responses as CSV."""
    linear = make_estimator(session, booster="gblinear")
    linear.fit(channels, logs=False)
    client, variants = session.sagemaker_client, []
    for name, model_estimator in (("Linear-Model", linear), ("XGB-Model", estimator)):
        model = model_estimator.create_model()
        model.name = f"houses-{name.lower()}"
        model._create_sagemaker_model(INSTANCE)
        variants.append(
            {
                "InstanceType": INSTANCE,
                "InitialVariantWeight": 1,
                "InitialInstanceCount": 1,
                "ModelName": model.name,
                "VariantName": name,
            }
        )
    endpoint = "houses-update-endpoint"
    client.create_endpoint_config(EndpointConfigName="houses-combined", ProductionVariants=variants)
    client.create_endpoint_config(EndpointConfigName="houses-linear", ProductionVariants=variants[:1])
    client.create_endpoint(EndpointName=endpoint, EndpointConfigName="houses-combined")
    session.wait_for_endpoint(endpoint, poll=1)
    predictor = Predictor(endpoint, session, CSVSerializer())
    rows = numpy.loadtxt(folder / "test.csv", delimiter=",")
    by_variant = {name: predictor.predict(rows, target_variant=name).decode() for name in ("Linear-Model", "XGB-Model")}
    assert [float(value) for value in by_variant["XGB-Model"].split(",")] == predictions(folder)
    responses = {predictor.predict(rows).decode() for _ in range(20)}
    assert responses == set(by_variant.values())
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName="houses-linear")
    session.wait_for_endpoint(endpoint, poll=1)
    assert {predictor.predict(rows).decode() for _ in range(5)} == {by_variant["Linear-Model"]}
    client.delete_endpoint(EndpointName=endpoint)
