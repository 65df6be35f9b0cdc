"""XGBoost through low-level requests: the built-in algorithm and script mode. tests/clients covers the rest.

Predictions are identical to XGBoost's predictions in this process with the same hyperparameters.
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
from stagemaker_support.transform_jobs import create_model
from stagemaker_support.xgboost_data import IMAGE, SETTINGS, csv_of, hyperparameters, matrix, table

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
def channels(client: Client) -> list[dict[str, Any]]:
    return [
        channel(name, client.put(f"boston/{name}.csv", csv_of(values)), ContentType="text/csv")
        for name, values in {"train": TRAIN, "validation": VALIDATION}.items()
    ]


def test_pipe_mode_is_only_for_the_algorithm(client: Client, channels: list[dict[str, Any]]) -> None:
    """Pipe mode makes no difference to the algorithm, but a script would have to read from pipes."""
    pipe = ALGORITHM | {"TrainingInputMode": "Pipe"}
    request = {"AlgorithmSpecification": pipe, "InputDataConfig": channels}
    job = train(client, **request, HyperParameters=hyperparameters(num_round=1))
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe"
    script = {"sagemaker_program": "script.py"}
    with pytest.raises(ClientError, match="Channel train: TrainingInputMode Pipe is not simulated; use File or Fast"):
        train(client, **request, HyperParameters=script)
    own_mode = [item | {"InputMode": "Pipe"} for item in channels]
    with pytest.raises(ClientError, match="InputMode Pipe is not simulated"):
        train(client, AlgorithmSpecification=ALGORITHM, InputDataConfig=own_mode, HyperParameters=script)


def test_a_training_job_produces_a_model_a_log_and_metrics(client: Client, channels: list[dict[str, Any]]) -> None:
    settings = hyperparameters(num_round=ROUNDS, early_stopping_rounds=ROUNDS)
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=channels)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    [(name, model)] = content(client.get(job["ModelArtifacts"]["S3ModelArtifacts"])).items()
    assert name == "xgboost-model"
    booster = xgb.Booster()
    booster.load_model(bytearray(model))
    expected = xgb.train(SETTINGS, matrix(TRAIN), ROUNDS).predict(matrix(TEST))
    np.testing.assert_array_equal(booster.predict(matrix(TEST)), expected)
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


def test_a_script_makes_a_served_model(client: Client, endpoints: Endpoints, channels: list[dict[str, Any]]) -> None:
    source = client.source(abalone=SCRIPT)
    settings = {"sagemaker_program": "abalone.py", "sagemaker_submit_directory": source, "num_round": "4"}
    data = channels[0]
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=[data])
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [metric["MetricName"] for metric in job["FinalMetricDataList"]] == ["train:rmse"]
    variables = {"SAGEMAKER_PROGRAM": "abalone.py", "SAGEMAKER_SUBMIT_DIRECTORY": source}
    variables |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"], "Environment": variables}
    name = create_model(client, container)
    endpoint = endpoints.create(endpoints.config(variant(name)))
    response = endpoints.invoke(endpoint, csv_of(TEST[:, 1:]), ContentType="text/csv", Accept="application/json")
    expected = xgb.train({"nthread": 1}, matrix(TRAIN), 4).predict(matrix(TEST))
    np.testing.assert_array_equal(np.array(json.loads(response["Body"].read()), dtype=np.float32), expected)
