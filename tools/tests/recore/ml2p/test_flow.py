"""The commands, from a dataset to a model version that is served, records its predictions and is loaded locally."""

import hashlib
import json
from pathlib import Path

import boto3
import pytest
from recore_support.ml2p_project import ProjectCommands
from recore_support.models import s3_variables
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

from recore.model import LocalEnv
from recore.model.loading import load_model

HOUSE = {"area": 80, "rooms": 3, "age": 10, "distance": 5}


def test_a_model_version_is_trained_served_and_loaded(
    client: Client, project: ProjectCommands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.result("init")
    assert client.get(f"{project.url}/models/README.rst")
    project.result("dataset", "generate", "prices-20260131")
    wait_result = project.run("dataset", "wait", "prices-20260131")
    assert (wait_result.returncode, wait_result.stderr.split()[-1]) == (0, "Completed"), wait_result.stderr
    table = client.get(f"{project.url}/datasets/prices-20260131/house-prices.csv")
    dataset = project.result("dataset", "describe", "prices-20260131")
    assert dataset["files"] == {"house-prices.csv": hashlib.sha256(table).hexdigest()}
    line = f"{hashlib.sha256(table).hexdigest()}  house-prices.csv\n"
    assert dataset["sha256"] == hashlib.sha256(line.encode()).hexdigest()

    project.result("training-job", "create", "prices-1-0", "prices-20260131", "--hyperparameter", "depth=3")
    assert project.run("training-job", "wait", "prices-1-0").returncode == 0
    training_job = project.result("training-job", "describe", "prices-1-0")["Version"]
    assert training_job["data_sha256"] == dataset["sha256"]
    assert training_job["hyperparameters"] == {"depth": 3}
    archive = client.get(f"{project.url}/code/{training_job['code_sha256']}/sourcedir.tar.gz")
    assert hashlib.sha256(archive).hexdigest() == training_job["code_sha256"]

    project.result("model", "create", "prices-1-0-0")
    version = project.result("model", "describe", "prices-1-0-0")["Version"]
    assert version["training_job"] == training_job | {"metrics": {"mean_absolute_error": pytest.approx(17.622)}}
    assert version["code_sha256"] == training_job["code_sha256"]
    assert version["model_cls"] == "model.HousePrices"

    project.result("endpoint", "create", "prices-1-0-0-live")
    assert project.run("endpoint", "wait", "prices-1-0-0-live").returncode == 0
    response = project.result("endpoint", "invoke", "prices-1-0-0-live", json.dumps(HOUSE))["Body"]
    assert response["metadata"]["model_version"] == f"{project.name}-prices-1-0-0"
    batch = project.result("endpoint", "invoke", "prices-1-0-0-live", json.dumps({"instances": [HOUSE, HOUSE]}))["Body"]
    assert [prediction["result"] for prediction in batch["predictions"]] == [response["result"]] * 2

    folder = f"{project.name}/predictions/{project.name}-prices-1-0-0/"
    bucket = project.url.split("/")[2]
    wait_until(lambda: client.s3.list_objects_v2(Bucket=bucket, Prefix=folder)["KeyCount"] == 3)
    keys = [item["Key"] for item in client.s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]]
    records = [json.loads(client.get(f"s3://{bucket}/{key}")) for key in keys]
    assert {"input": HOUSE, "result": response} in records
    project.result("endpoint", "delete", "prices-1-0-0-live")
    wait_until(lambda: project.result("endpoint", "list") == [])  # deletion takes a moment

    for name, value in s3_variables(client).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(project.folder / "src")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    env = LocalEnv.of_training_job("prices-1-0", tmp_path / "local", project.folder / "ml2p.yml")
    predictor = load_model("model.HousePrices").predictor(env)
    predictor.setup()
    assert predictor.invoke(HOUSE)["result"] == response["result"]


def test_a_failed_job_is_explained(project: ProjectCommands) -> None:
    project.result("dataset", "create", "prices-20260131")
    project.result("training-job", "create", "prices-1-0", "prices-20260131")
    result = project.run("training-job", "wait", "prices-1-0")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("recore: Failed: AlgorithmError")
    assert "house-prices.csv" in result.stderr
    assert "has not completed: its status is Failed" in project.refusal("model", "create", "prices-1-0-0")
