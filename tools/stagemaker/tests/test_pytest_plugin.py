"""The fixtures that the distribution provides for users' tests, in a separate run of pytest."""

import subprocess
import sys
from pathlib import Path

import pytest
from stagemaker_support.checkout import environment

TESTS = """
import boto3
import pytest

@pytest.mark.parametrize("number", range(2))
def test_each_test_begins_with_an_empty_simulator(number, sagemaker_client, s3_client):
    assert sagemaker_client.list_models()["Models"] == []
    assert "Contents" not in s3_client.list_objects_v2(Bucket="sagemaker-us-east-1-123456789012")
    s3_client.put_object(Bucket="sagemaker-us-east-1-123456789012", Key="model", Body=b"x")
    boto3.client("sagemaker").create_model(ModelName="m", PrimaryContainer={"Image": "image"})
    assert [model["ModelName"] for model in sagemaker_client.list_models()["Models"]] == ["m"]

def test_what_a_test_changes_is_undone_and_no_more(monkeypatch, stagemaker):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.undo()
    assert boto3.client("sagemaker").meta.endpoint_url == stagemaker.endpoint
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")

def test_clients_call_the_simulator_also_those_with_the_address_of_sts(stagemaker):
    assert boto3.client("sagemaker").meta.endpoint_url == stagemaker.endpoint
    sts = boto3.client("sts", endpoint_url="https://sts.us-east-1.amazonaws.com")
    assert sts.get_caller_identity()["Account"] == "123456789012"

def test_the_environment_is_as_before():
    import os
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert "AWS_DEFAULT_REGION" not in os.environ
    assert ".amazonaws.com" in boto3.client("sagemaker", region_name="eu-west-1").meta.endpoint_url
"""
OLD_CLIENTS = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.endpoint import Endpoint
from botocore.session import Session
from botocore.stub import Stubber
from moto import mock_aws

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"Models": [{"ModelName": "theirs"}]}')

SERVER = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
KEYS = dict(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
OTHER = boto3.client("sagemaker", endpoint_url=f"http://127.0.0.1:{SERVER.server_port}", **KEYS)
REAL = boto3.client("sagemaker", **KEYS)
WITHOUT_CREDENTIALS = boto3.client("s3", region_name="us-east-1")
BUCKETS = boto3.resource("s3", **KEYS).buckets
PATCHED = (Endpoint, "make_request"), (Session, "create_client")
METHODS = [getattr(*name) for name in PATCHED]

def uses_no_fixture():
    assert OTHER.list_models()["Models"] == [{"ModelName": "theirs"}]
    assert [getattr(*name) for name in PATCHED] == METHODS
    with mock_aws():
        assert REAL.list_models()["Models"] == []
        boto3.client("s3", **KEYS).create_bucket(Bucket="moto")
        assert [bucket.name for bucket in BUCKETS.all()] == ["moto"]

def test_before():
    uses_no_fixture()

@pytest.mark.parametrize("call", [
    REAL.list_models, OTHER.list_models, WITHOUT_CREDENTIALS.list_buckets, lambda: list(BUCKETS.all()),
    lambda: list(REAL.get_paginator("list_models").paginate()),
])
def test_old_clients_send_nothing(call, stagemaker):
    with pytest.raises(RuntimeError, match="was made before the fixture: make it in the test or in a function"):
        call()

def test_clients_that_send_nothing_or_call_the_simulator_work(stagemaker, sagemaker_client):
    with Stubber(REAL) as stubber:
        stubber.add_response("list_models", {"Models": []})
        assert REAL.list_models()["Models"] == []
    for client in (sagemaker_client, boto3.client("sagemaker")):
        assert client.list_models()["Models"] == []
    new = boto3.client("sagemaker", endpoint_url=OTHER.meta.endpoint_url)
    assert new.list_models()["Models"] == [{"ModelName": "theirs"}]

def test_after():
    uses_no_fixture()
"""
LIGHT_TEST = """
import sys

def test_nothing_is_imported():
    heavy = {"boto3", "botocore", "moto", "numpy", "stagemaker.server"} & sys.modules.keys()
    assert not heavy
"""


def run(folder: Path, tests: str, *options: str) -> str:
    (folder / "test_theirs.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "stagemaker.pytest_plugin", *options, "."]
    variables = environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize("options", [(), pytest.param(("-p", "xdist", "-n", "2"), marks=pytest.mark.slow)])
def test_the_fixtures_work_also_in_parallel(options: tuple[str, ...], tmp_path: Path) -> None:
    assert "5 passed" in run(tmp_path, TESTS, *options)


def test_clients_from_before_the_fixture_send_nothing_and_other_tests_are_not_affected(tmp_path: Path) -> None:
    assert "8 passed" in run(tmp_path, OLD_CLIENTS)


SLOW_IMAGE = """
def test_a_job(stagemaker, sagemaker_client):
    image = "sagemaker-scikit-learn:1.4-2-cpu-py3"
    sagemaker_client.create_processing_job(
        ProcessingJobName="j", RoleArn="arn:aws:iam::123456789012:role/Role",
        AppSpecification={"ImageUri": image, "ContainerEntrypoint": ["true"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    )
    while sagemaker_client.describe_processing_job(ProcessingJobName="j")["ProcessingJobStatus"] == "InProgress":
        pass
"""


def test_the_creation_of_an_environment_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, value in (("PIP_INDEX_URL", "http://127.0.0.1:1"), ("PIP_RETRIES", "0")):  # the creation fails at once
        monkeypatch.setenv(name, value)
    message = "stagemaker: creating the environment of scikit-learn-1.4-2, once for all simulators"
    assert message in run(tmp_path, SLOW_IMAGE).splitlines()


def test_tests_without_the_fixtures_do_not_wait_for_a_simulator(tmp_path: Path) -> None:
    run(tmp_path, LIGHT_TEST)
