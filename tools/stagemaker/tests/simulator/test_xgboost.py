"""XGBoost through low-level requests: a model's life cycle (training, transform, endpoint, tuning), and script mode.

Predictions are identical to those that XGBoost makes in this process with the same hyperparameters.
"""

import json
import re
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from botocore.exceptions import ClientError
from stagemaker_support.archives import content
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client
from stagemaker_support.training_jobs import channel, train
from stagemaker_support.transform_jobs import completed, create_model
from stagemaker_support.tuning_jobs import Tuning, tuning_request
from stagemaker_support.xgboost_data import IMAGE, SETTINGS, csv_of, hyperparameters, libsvm_of, matrix, table

pytestmark = pytest.mark.slow

TRAIN, VALIDATION, TEST = table(300, 1), table(80, 2), table(40, 3)
ROUNDS = 10
ALGORITHM = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
SCRIPT = """
import argparse, os
import xgboost
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(os.path.join(model_dir, "mine.json"))
    return booster

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--num_round", type=int)
    arguments, _ = parser.parse_known_args()
    data = get_dmatrix(os.environ["SM_CHANNEL_TRAIN"], "text/csv")
    evaluations = [(data, "train")]
    booster = xgboost.train({"nthread": 1}, data, num_boost_round=arguments.num_round, evals=evaluations)
    booster.save_model(os.path.join(os.environ["SM_MODEL_DIR"], "mine.json"))
"""


@pytest.fixture(scope="module")
def expected() -> xgb.Booster:
    return xgb.train(SETTINGS, matrix(TRAIN), ROUNDS)


@pytest.fixture(scope="module")
def channels(client: Client) -> list[dict[str, Any]]:
    return [
        channel(name, client.put(f"boston/{name}.csv", csv_of(values)), ContentType="text/csv")
        for name, values in {"train": TRAIN, "validation": VALIDATION}.items()
    ]


@pytest.fixture(scope="module")
def job(client: Client, channels: list[dict[str, Any]]) -> dict[str, Any]:
    settings = hyperparameters(num_round=ROUNDS, early_stopping_rounds=ROUNDS)
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=channels)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def model_of(client: Client, uri: str, **variables: str) -> str:
    return create_model(client, {"Image": IMAGE, "ModelDataUrl": uri, "Environment": variables})


@pytest.fixture(scope="module")
def model(client: Client, job: dict[str, Any]) -> str:
    variables = {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_SUBMIT_DIRECTORY": ""}  # as in the SDK's models
    return model_of(client, job["ModelArtifacts"]["S3ModelArtifacts"], **variables)


def predictions_in(response: dict[str, Any]) -> np.ndarray:
    assert response["ContentType"] == "text/csv; charset=utf-8"
    return np.fromstring(response["Body"].read().decode(), sep="\n", dtype=np.float32)


def test_a_training_job_produces_a_model_a_log_and_metrics(
    client: Client, job: dict[str, Any], expected: xgb.Booster
) -> None:
    [(name, model)] = content(client.get(job["ModelArtifacts"]["S3ModelArtifacts"])).items()
    assert name == "xgboost-model"
    booster = xgb.Booster()
    booster.load_model(bytearray(model))
    np.testing.assert_array_equal(booster.predict(matrix(TEST)), expected.predict(matrix(TEST)))
    log = client.log(job)
    last_line = next(line for line in log.splitlines() if line.startswith(f"[{ROUNDS - 1}]"))
    _, train_metric, validation_metric = last_line.split("#011")
    assert train_metric.startswith("train-rmse:")
    assert "The image " in log
    assert "has XGBoost 1.7, but this job runs with " in log
    final_metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    definitions = {item["Name"]: item["Regex"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]}
    assert float(re.search(definitions["train:rmse"], last_line)[1]) == float(train_metric.partition(":")[2])
    assert final_metrics == {
        "train:rmse": pytest.approx(float(train_metric.partition(":")[2])),
        "validation:rmse": pytest.approx(float(validation_metric.partition(":")[2])),
    }


def test_batch_transform_writes_one_prediction_per_line(client: Client, model: str, expected: xgb.Booster) -> None:
    members = {"Input": {"ContentType": "text/csv", "SplitType": "Line"}, "Output": {"AssembleWith": "Line"}}
    [result] = completed(client, model, {"test.csv": csv_of(TEST[:, 1:])}, **members)
    lines = [line for line in result.decode().splitlines() if line]
    np.testing.assert_array_equal(np.array(lines, dtype=np.float32), expected.predict(matrix(TEST)))


def test_an_endpoint_accepts_csv_and_libsvm(endpoints: Endpoints, model: str, expected: xgb.Booster) -> None:
    name = endpoints.create(endpoints.config(variant(model)))
    predictions = expected.predict(matrix(TEST))
    features = TEST[:, 1:]
    for body, kind in ((csv_of(features), "text/csv"), (libsvm_of(TEST), "text/libsvm")):
        response = endpoints.invoke(name, body, ContentType=kind)
        np.testing.assert_array_equal(predictions_in(response), predictions)
    response = endpoints.invoke(name, csv_of(features[:2]), ContentType="text/csv", Accept="application/json")
    assert response["ContentType"] == "application/json"
    scores = json.loads(response["Body"].read())["predictions"]
    assert scores == [{"score": float(value)} for value in predictions[:2]]
    with pytest.raises(ClientError, match="Accept application/x-npy is not simulated"):
        endpoints.invoke(name, csv_of(features), ContentType="text/csv", Accept="application/x-npy")
    with pytest.raises(ClientError) as caught:
        endpoints.invoke(name, "1,2,3,4,deep", ContentType="text/csv")
    assert caught.value.response["OriginalStatusCode"] == 415
    assert "invalid value 'deep'" in caught.value.response["OriginalMessage"]


def test_tuning_can_use_a_metric_that_the_image_defines(client: Client, channels: list[dict[str, Any]]) -> None:
    tuning = Tuning(client.sagemaker)
    request = tuning_request(
        "",
        jobs=2,
        HyperParameterTuningJobObjective={"Type": "Minimize", "MetricName": "validation:rmse"},
        ParameterRanges={"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "6"}]},
    )
    static_hyperparameters = hyperparameters(num_round=ROUNDS)
    del static_hyperparameters["max_depth"]
    request["TrainingJobDefinition"] |= {
        "StaticHyperParameters": static_hyperparameters,
        "AlgorithmSpecification": ALGORITHM,
        "InputDataConfig": channels,
    }
    tuning_job = tuning.run(request)
    assert tuning_job["HyperParameterTuningJobStatus"] == "Completed", tuning_job.get("FailureReason")
    jobs = tuning.jobs(tuning_job["HyperParameterTuningJobName"])
    errors = {}
    for depth in (int(item["TunedHyperParameters"]["max_depth"]) for item in jobs):
        predictions = xgb.train(SETTINGS | {"max_depth": depth}, matrix(TRAIN), ROUNDS).predict(matrix(VALIDATION))
        errors[depth] = float(np.sqrt(np.mean((predictions - VALIDATION[:, 0]) ** 2)))
    best = tuning_job["BestTrainingJob"]
    assert int(best["TunedHyperParameters"]["max_depth"]) == min(errors, key=errors.__getitem__)
    metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
    assert metric["MetricName"] == "validation:rmse"
    assert metric["Value"] == pytest.approx(min(errors.values()), abs=1e-4)


def test_a_script_trains_and_serves_a_model(
    client: Client, endpoints: Endpoints, channels: list[dict[str, Any]]
) -> None:
    source = client.source(abalone=SCRIPT)
    settings = {"sagemaker_program": "abalone.py", "sagemaker_submit_directory": source, "num_round": "4"}
    data = channels[0]
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=[data])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [metric["MetricName"] for metric in job["FinalMetricDataList"]] == ["train:rmse"]
    variables = {"SAGEMAKER_PROGRAM": "abalone.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    name = model_of(client, job["ModelArtifacts"]["S3ModelArtifacts"], SAGEMAKER_MODEL_SERVER_WORKERS="1", **variables)
    endpoint = endpoints.create(endpoints.config(variant(name)))
    response = endpoints.invoke(endpoint, csv_of(TEST[:, 1:]), ContentType="text/csv", Accept="application/json")
    expected = xgb.train({"nthread": 1}, matrix(TRAIN), 4).predict(matrix(TEST))
    np.testing.assert_array_equal(np.array(json.loads(response["Body"].read()), dtype=np.float32), expected)
