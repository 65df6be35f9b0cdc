"""linear-learner images through low-level requests: training, an endpoint, transform and tuning jobs, rejections."""

import json
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of, content
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.linear_data import IMAGE, csv_of, hyperparameters, table
from stagemaker_support.simulator_client import Client, counter
from stagemaker_support.training_jobs import channel, submit, train
from stagemaker_support.transform_jobs import create_model, run_batch
from stagemaker_support.tuning_jobs import tuning_request

ALGORITHM = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
OBJECTIVE = {"Type": "Minimize", "MetricName": "validation:objective_loss"}
TEST = table("regressor", 20, 3)


@pytest.fixture(scope="module")
def channels(client: Client) -> list[dict[str, Any]]:
    data = {"train": table("regressor", 200, 1), "validation": table("regressor", 50, 2)}
    return [
        channel(name, client.put(f"linear/{next(counter)}/{name}.csv", csv_of(values)), ContentType="text/csv")
        for name, values in data.items()
    ]


@pytest.fixture(scope="module")
def job(client: Client, channels: list[dict[str, Any]]) -> dict[str, Any]:
    settings = hyperparameters("regressor", feature_dim=4)
    return train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=channels)


def model_of(client: Client, uri: str, **variables: str) -> str:
    variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"} | variables
    return create_model(client, {"Image": IMAGE, "ModelDataUrl": uri, "Environment": variables})


def scores(body: str) -> list[float]:
    return [item["score"] for item in json.loads(body)["predictions"]]


def test_a_training_job_has_metrics_without_definitions(client: Client, job: dict[str, Any]) -> None:
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [*content(client.get(job["ModelArtifacts"]["S3ModelArtifacts"]))] == ["linear-learner.json"]
    values = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert {"train:objective_loss", "validation:objective_loss", "validation:mse"} <= values.keys()
    assert values["validation:mse"] == pytest.approx(0.25, abs=0.15)  # the noise
    names = [item["Name"] for item in job["AlgorithmSpecification"]["MetricDefinitions"]]
    assert {"validation:binary_classification_accuracy", "test:multiclass_accuracy"} <= {*names}


def test_an_endpoint_responds_with_json(client: Client, endpoints: Endpoints, job: dict[str, Any]) -> None:
    model = model_of(client, job["ModelArtifacts"]["S3ModelArtifacts"])
    endpoint = endpoints.create(endpoints.config(variant(model)))
    response = endpoints.invoke(endpoint, csv_of(TEST[:, 1:]), ContentType="text/csv")
    assert response["ContentType"] == "application/json"
    predicted = np.array(scores(response["Body"].read().decode()))
    assert np.sqrt(np.mean((predicted - TEST[:, 0]) ** 2)) < 0.8
    with pytest.raises(ClientError, match="x-recordio-protobuf is not simulated: use text/csv"):
        endpoints.invoke(endpoint, b"\n#\xd7\xce", ContentType="application/x-recordio-protobuf")


def test_the_script_of_a_model_is_rejected(client: Client, endpoints: Endpoints) -> None:
    archive = client.put(f"linear/{next(counter)}.tar.gz", archive_of(**{"code/inference.py": b"1 / 0"}))
    model = model_of(client, archive, SAGEMAKER_PROGRAM="inference.py")
    assert "this image does not run scripts: remove SAGEMAKER_PROGRAM" in endpoints.failure_reason(model)


def test_a_training_script_is_rejected(client: Client) -> None:
    settings = {"sagemaker_program": "train.py"}
    expected = "HyperParameters: sagemaker_program: linear-learner images do not run scripts"
    with pytest.raises(ClientError, match=expected):
        submit(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings)
    request = tuning_request("", HyperParameterTuningJobObjective=OBJECTIVE)
    request["TrainingJobDefinition"] |= {"AlgorithmSpecification": ALGORITHM, "StaticHyperParameters": settings}
    with pytest.raises(ClientError, match=expected):
        client.sagemaker.create_hyper_parameter_tuning_job(**request)


@pytest.mark.slow
def test_a_failed_job_names_the_unknown_hyperparameter(client: Client, channels: list[dict[str, Any]]) -> None:
    settings = hyperparameters("regressor", max_depth=3)
    job = train(client, AlgorithmSpecification=ALGORITHM, HyperParameters=settings, InputDataConfig=channels)
    reason = "AlgorithmError: Additional hyperparameters are not allowed ('max_depth' was unexpected): valid "
    assert job["FailureReason"].startswith(reason)


@pytest.mark.slow
def test_a_transform_job_writes_json(client: Client, job: dict[str, Any]) -> None:
    model = model_of(client, job["ModelArtifacts"]["S3ModelArtifacts"])
    for accept, output in (({}, {}), ({"Accept": "application/jsonlines"}, {"AssembleWith": "Line"})):
        [result] = run_batch(
            client,
            model,
            {"test.csv": csv_of(TEST[:, 1:])},
            Input={"ContentType": "text/csv", "SplitType": "Line"},
            Output=accept | output,
        )
        body = result.decode()
        predicted = [json.loads(line)["score"] for line in body.splitlines()] if accept else scores(body)
        assert np.corrcoef(predicted, TEST[:, 0])[0, 1] > 0.95
