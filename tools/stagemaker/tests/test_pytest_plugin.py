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
    return result.stdout


@pytest.mark.parametrize("options", [(), pytest.param(("-p", "xdist", "-n", "2"), marks=pytest.mark.slow)])
def test_the_fixtures_work_also_in_parallel(options: tuple[str, ...], tmp_path: Path) -> None:
    assert "5 passed" in run(tmp_path, TESTS, *options)


def test_tests_without_the_fixtures_do_not_wait_for_a_simulator(tmp_path: Path) -> None:
    run(tmp_path, LIGHT_TEST)
