"""Scripts that import sagemaker_containers, a package in AWS's images, run in jobs unchanged."""

import importlib.util
import json
from pathlib import Path

import pytest
from stagemaker_support.checkout import run
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import completed, create_model

from stagemaker.isolation.sandbox import LIBRARY

pytestmark = pytest.mark.everywhere

# A script whose imports and responses resemble those of public scripts for inference pipelines.
FEATURES = """
import json
from io import StringIO

import numpy as np
import pandas as pd
from sagemaker_containers.beta.framework import (
    content_types, encoders, env, modules, transformer, worker)

def model_fn(model_dir):
    return 10.0

def input_fn(input_data, content_type):
    if content_type == content_types.CSV:
        return pd.read_csv(StringIO(input_data), header=None)
    raise ValueError(f"{content_type} is not supported by this script")

def predict_fn(input_data, model):
    return input_data.to_numpy() * model

def output_fn(prediction, accept):
    if accept == "application/json":
        rows = [{"features": row} for row in prediction.tolist()]
        return worker.Response(json.dumps({"instances": rows}), accept, mimetype=accept)
    if accept == "text/csv":
        return worker.Response(encoders.encode(prediction, accept), accept, mimetype=accept)
    raise RuntimeError(f"{accept} accept type is not supported by this script")
"""
# A script that ignores an ImportError, as some scripts do, and would fail later because of it.
LABELS = """
import json
try:
    from sagemaker_containers.beta.framework import encoders, worker
except ImportError:
    pass

def model_fn(model_dir):
    return None

def input_fn(input_data, content_type):
    return [row["features"] for row in json.loads(input_data)["instances"]]

def predict_fn(rows, model):
    return [sum(row) for row in rows]

def output_fn(prediction, accept):
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
"""
CSV = {"Input": {"ContentType": "text/csv"}, "Output": {"Accept": "text/csv"}}


def test_the_package_is_available_only_in_jobs() -> None:
    assert importlib.util.find_spec("sagemaker_containers") is None


def test_a_script_can_return_a_worker_response(any_client: Client) -> None:
    model = create_model(any_client, FEATURES)
    assert completed(any_client, model, {"a": "1,2\n3,4\n"}, **CSV) == [b"10.0,20.0\n30.0,40.0\n"]


# The first two requests arrive at the same time: one must wait until the other has initialized the application.
SIMULTANEOUS_REQUESTS = """
import threading
from sagemaker_containers.beta.framework import worker

entered, go_on, calls = threading.Semaphore(0), threading.Event(), []

def initialize():
    calls.append(1)
    entered.release()
    go_on.wait(30)

application = worker.Worker(transform_fn=lambda: "", initialize_fn=initialize, module_name="m")
threads = [threading.Thread(target=lambda: application.test_client().get("/ping")) for _ in range(2)]
for thread in threads:
    thread.start()
assert entered.acquire(timeout=30)
assert not entered.acquire(timeout=0.5), "both requests initialized the application"
go_on.set()
for thread in threads:
    thread.join()
assert calls == [1]
"""


def test_a_worker_is_initialized_once(tmp_path: Path) -> None:
    result = run("-c", SIMULTANEOUS_REQUESTS, cwd=tmp_path, PYTHONPATH=LIBRARY)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_inference_pipeline_scripts_can_import_the_package(client: Client) -> None:
    model = create_model(client, FEATURES, LABELS)
    assert completed(client, model, {"a": "1,2\n3,4\n"}, **CSV) == [b"30.0\n70.0\n"]


def test_the_serving_environment_has_the_packages_attributes(client: Client) -> None:
    script = """
import json
from sagemaker_containers.beta.framework import env, server

def model_fn(model_dir):
    serving = env.ServingEnv()
    names = ["module_name", "model_dir", "module_dir", "default_accept", "model_server_workers", "http_port"]
    assert dict(serving)["module_name"] == serving.module_name
    return [getattr(serving, name) for name in names] + [server.next_safe_port("5000-5010", "5003")]

def transform_fn(model, data, content_type, accept):
    return json.dumps(model)
"""
    [response] = completed(client, create_model(client, script), {"a": "1"}, **CSV)
    module, model, code, *settings = json.loads(response)
    assert (module, Path(model).name, Path(code).name) == ("serve_me", "model", "code")
    assert settings == ["application/json", 1, "8080", "5004"]


def test_names_missing_from_the_packages_successor_are_available(client: Client) -> None:
    script = """
import inspect, json
from sagemaker_containers.beta.framework import errors, modules, params

def model_fn(model_dir):
    assert issubclass(errors.ChannelDoesNotExistException, Exception)
    assert errors.ClientError and modules.exists("json") and not modules.exists("no_such_module")
    names = ["MODEL_SERVER_WORKERS", "MODEL_SERVER_TIMEOUT", "USE_NGINX", "FRAMEWORK_SERVING_MODULE", "USER_PROGRAM"]
    return [getattr(params, name + "_ENV") for name in names]

def transform_fn(model, data, content_type, accept):
    return json.dumps(model + list(inspect.signature(modules.import_module).parameters))
"""
    [response] = completed(client, create_model(client, script), {"a": "1,2"}, **CSV)
    assert json.loads(response) == [
        "SAGEMAKER_MODEL_SERVER_WORKERS",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT",
        "SAGEMAKER_USE_NGINX",
        "SAGEMAKER_SERVING_MODULE",
        "SAGEMAKER_PROGRAM",
        *("uri", "name", "cache"),
    ]


def test_a_worker_request_is_a_mapping(client: Client) -> None:
    script = """
import json
from sagemaker_containers.beta.framework import worker
from werkzeug.test import EnvironBuilder

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    environ = EnvironBuilder("/invocations?x=1", data=data, content_type=content_type, method="POST").get_environ()
    request = worker.Request(environ)
    items = dict(request)
    assert request == request and request != worker.Request(environ) and len({request}) == 1
    assert "nothing" not in request and request.get("nothing", 1) == 1 and len(request) == len(items)
    assert items["content"] == data == request["content"] and items["data"] == data.encode()
    return json.dumps([items[name] for name in ("content_type", "content_length", "accept")] + [request.values["x"]])
"""
    [response] = completed(client, create_model(client, script), {"a": "1,2"}, **CSV)
    assert json.loads(response) == ["text/csv", 3, "application/json", "1"]


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
    script = (
        "from sagemaker_containers.beta.framework import encoders\nassert encoders.encode([1], 'text/csv') == '1\\n'"
    )
    job = client.process(script, Environment={"PYTHONPATH": "/opt/ml/processing/input/script"})
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
