"""Scripts that import sagemaker_containers, a package in AWS's images, run in jobs unchanged."""

import importlib.util

import pytest
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import completed, create_model

pytestmark = pytest.mark.everywhere

# A script whose imports and responses resemble those of public scripts for inference pipelines.
FEATURES = """
from io import StringIO

import numpy as np
import pandas as pd
from sagemaker_containers.beta.framework import (
    content_types, encoders, env, modules, transformer, worker)

def model_fn(model_dir):
    return 10.0

def input_fn(input_data, content_type):
    assert content_type == content_types.CSV
    return pd.read_csv(StringIO(input_data), header=None)

def predict_fn(input_data, model):
    return input_data.to_numpy() * model

def output_fn(prediction, accept):
    return worker.Response(encoders.encode(prediction, accept), accept, mimetype=accept)
"""
CSV = {"Input": {"ContentType": "text/csv"}, "Output": {"Accept": "text/csv"}}


def test_the_package_is_available_only_in_jobs() -> None:
    assert importlib.util.find_spec("sagemaker_containers") is None


def test_a_script_can_return_a_worker_response(any_client: Client) -> None:
    model = create_model(any_client, FEATURES)
    assert completed(any_client, model, {"a": "1,2\n3,4\n"}, **CSV) == [b"10.0,20.0\n30.0,40.0\n"]


@pytest.mark.slow
def test_the_cache_argument_of_import_module_only_causes_a_warning(client: Client) -> None:
    script = """
import os, pathlib, warnings
from sagemaker_containers.beta.framework import errors, modules

source = pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"]) / "source"
source.mkdir(parents=True)
(source / "mine.py").write_text("raise LookupError('this module was imported')")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        modules.import_module(str(source), "mine", False)
    except (errors.ImportModuleError, errors.InstallModuleError) as error:
        print(repr(error)[:300])
    else:
        raise AssertionError("the module was not imported")
assert "the argument `cache` of import_module has no effect" in [str(warning.message) for warning in caught]
"""
    job = client.train(script)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_a_script_can_read_the_environment_of_its_training_job(any_client: Client) -> None:
    script = """
import os
import sagemaker_containers
from sagemaker_containers.beta.framework import training_env
for job in (sagemaker_containers.training_env(), training_env()):
    assert list(job.hosts) == [job.current_host], job.hosts
    assert job.hyperparameters["depth"] == 3, job.hyperparameters
    assert job.model_dir == os.environ["SM_MODEL_DIR"]
"""
    job = any_client.train(script, HyperParameters={"depth": "3"})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")


def test_a_processing_job_that_sets_its_own_python_path_imports_the_package(client: Client) -> None:
    script = "from sagemaker_containers.beta.framework import encoders\nencoders.encode([1], 'text/csv')"
    job = client.process(script, Environment={"PYTHONPATH": "/opt/ml/processing/input/script"})
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
