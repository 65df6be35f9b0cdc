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
from stagemaker_support.archives import archive_of, content
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.job_traces import output
from stagemaker_support.simulator_client import Client, numbers
from stagemaker_support.training_jobs import channel, train
from stagemaker_support.transform_jobs import completed
from stagemaker_support.tuning_jobs import Tuning, tuning_request
from stagemaker_support.xgboost_data import IMAGE, SETTINGS, csv_of, hyperparameters, libsvm_of, matrix, table

from stagemaker.server import BUCKET, ROLE_ARN

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
def job(client: Client) -> dict[str, Any]:
    """Return a completed training job of the built-in algorithm."""
    data = {"train": TRAIN, "validation": VALIDATION}
    channels = [
        channel(name, client.put(f"boston/{next(numbers)}/{name}.csv", csv_of(values)), ContentType="text/csv")
        for name, values in data.items()
    ]
    settings = hyperparameters(num_round=ROUNDS, early_stopping_rounds=ROUNDS)
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=channels)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


@pytest.fixture(scope="module")
def model(client: Client, job: dict[str, Any]) -> str:
    name = f"xgboost-{next(numbers)}"
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    container["Environment"] = {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_SUBMIT_DIRECTORY": ""}  # as in the SDK's models
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    return name


def test_a_training_job_produces_a_model_a_log_and_metrics(
    client: Client, job: dict[str, Any], expected: xgb.Booster
) -> None:
    """Metrics need no definitions in the request. Log lines have the same format as on AWS."""
    [(name, model)] = content(client.get(job["ModelArtifacts"]["S3ModelArtifacts"])).items()
    assert name == "xgboost-model"
    booster = xgb.Booster()
    booster.load_model(bytearray(model))
    np.testing.assert_array_equal(booster.predict(matrix(TEST)), expected.predict(matrix(TEST)))
    log = output(client, "TrainingJob", job["TrainingJobName"])
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
    body = csv_of(TEST[:, 1:])
    [result] = completed(
        client,
        model,
        {"test.csv": body},
        Input={"ContentType": "text/csv", "SplitType": "Line"},
        Output={"AssembleWith": "Line"},
    )
    lines = [line for line in result.decode().splitlines() if line]
    np.testing.assert_array_equal(np.array(lines, dtype=np.float32), expected.predict(matrix(TEST)))


def test_an_endpoint_accepts_csv_and_libsvm(endpoints: Endpoints, model: str, expected: xgb.Booster) -> None:
    """The response to CSV or libsvm is CSV or JSON; other types, or input that does not fit the model, cause errors."""
    name = endpoints.create(endpoints.config(variant(model)))
    predictions = expected.predict(matrix(TEST))
    features = TEST[:, 1:]
    for body, kind in ((csv_of(features), "text/csv"), (libsvm_of(TEST), "text/libsvm")):
        response = endpoints.invoke(name, body, ContentType=kind)
        assert response["ContentType"] == "text/csv; charset=utf-8"
        lines = response["Body"].read().decode().splitlines()
        np.testing.assert_array_equal(np.array(lines, dtype=np.float32), predictions)
    response = endpoints.invoke(name, csv_of(features[:2]), ContentType="text/csv", Accept="application/json")
    assert response["ContentType"] == "application/json"
    scores = json.loads(response["Body"].read())["predictions"]
    assert scores == [{"score": float(value)} for value in predictions[:2]]
    with pytest.raises(ClientError, match="Accept application/x-npy is not simulated"):
        endpoints.invoke(name, csv_of(features), ContentType="text/csv", Accept="application/x-npy")
    for body, kind, status, reason in (
        ("1,2,3,4,5,6", "text/csv", 400, "the number of features is 6, but the model was trained with 5"),
        ("1,2,3,4,deep", "text/csv", 415, "invalid value 'deep'"),
        (b"\xce\xfa", "application/x-recordio-protobuf", 415, "application/x-recordio-protobuf is not simulated"),
    ):
        with pytest.raises(ClientError) as caught:
            endpoints.invoke(name, body, ContentType=kind)
        assert caught.value.response["OriginalStatusCode"] == status
        assert reason in caught.value.response["OriginalMessage"]


def test_an_endpoint_with_an_older_image_returns_one_line(
    client: Client, endpoints: Endpoints, job: dict[str, Any], expected: xgb.Booster
) -> None:
    """Images before version 1.2-2 return all predictions on one line, whatever the Accept header is."""
    name = f"xgboost-{next(numbers)}"
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest"
    container = {"Image": image, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    endpoint = endpoints.create(endpoints.config(variant(name)))
    body = csv_of(TEST[:, 1:])
    response = endpoints.invoke(endpoint, body, ContentType="text/csv", Accept="application/json")
    assert response["ContentType"] == "text/csv; charset=utf-8"
    values = np.fromstring(response["Body"].read().decode(), sep=",", dtype=np.float32)
    np.testing.assert_array_equal(values, expected.predict(matrix(TEST)))


@pytest.mark.parametrize("model", [b"", b"no model"], ids=["empty", "text"])
def test_a_model_that_cannot_be_loaded_fails_the_endpoint(client: Client, endpoints: Endpoints, model: bytes) -> None:
    name = f"xgboost-{next(numbers)}"
    data = client.put(f"models/{name}/model.tar.gz", archive_of(**{"xgboost-model": model}))
    client.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": data}
    )
    endpoint = endpoints.settle(endpoints.create(endpoints.config(variant(name)), wait=False))
    assert endpoint["EndpointStatus"] == "Failed"
    assert ("cannot load the model xgboost-model" if model else "xgboost-model is empty") in endpoint["FailureReason"]
    assert ('and save it with save_model("xgboost-model.json")' in endpoint["FailureReason"]) == bool(model)
    assert "0x" not in endpoint["FailureReason"]  # addresses of XGBoost's internal functions are not shown


def test_tuning_can_use_a_metric_that_the_image_defines(client: Client) -> None:
    """The request defines no metrics. The best depth is the one that makes XGBoost most accurate in this process."""
    data = {"train": TRAIN, "validation": VALIDATION}
    channels = [
        channel(name, client.put(f"tune/{next(numbers)}/{name}.csv", csv_of(values)), ContentType="text/csv")
        for name, values in data.items()
    ]
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


def test_a_script_trains_and_serves_a_model(client: Client, endpoints: Endpoints) -> None:
    """A script may use the image's functions and omit hooks. Metrics are parsed from its log."""
    source = client.source(abalone=SCRIPT)
    settings = {"sagemaker_program": "abalone.py", "sagemaker_submit_directory": source, "num_round": "4"}
    data = channel("train", client.put(f"abalone/{next(numbers)}/train.csv", csv_of(TRAIN)), ContentType="text/csv")
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=[data])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [metric["MetricName"] for metric in job["FinalMetricDataList"]] == ["train:rmse"]
    variables = {"SAGEMAKER_PROGRAM": "abalone.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    container = {
        "Image": IMAGE,
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": variables | {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"},
    }
    name = f"xgboost-{next(numbers)}"
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    endpoint = endpoints.create(endpoints.config(variant(name)))
    response = endpoints.invoke(endpoint, csv_of(TEST[:, 1:]), ContentType="text/csv", Accept="application/json")
    expected = xgb.train({"nthread": 1}, matrix(TRAIN), 4).predict(matrix(TEST))
    np.testing.assert_array_equal(np.array(json.loads(response["Body"].read()), dtype=np.float32), expected)


def test_a_failed_job_names_the_unknown_hyperparameter(client: Client) -> None:
    data = channel("train", client.put(f"fails/{next(numbers)}/train.csv", csv_of(TRAIN)), ContentType="text/csv")
    settings = hyperparameters(num_round=2, max_dept=3)
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=[data])
    assert job["FailureReason"].startswith(
        "AlgorithmError: unknown hyperparameter max_dept: valid hyperparameters are "
    )
    assert BUCKET in job["OutputDataConfig"]["S3OutputPath"]
