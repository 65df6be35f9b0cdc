"""Scripts that import sagemaker_containers, a package in AWS's images, run unchanged in jobs."""

import importlib.util

import pytest
from stagemaker_support.simulator_client import Client

pytestmark = pytest.mark.everywhere


def test_the_package_is_available_only_in_jobs() -> None:
    assert importlib.util.find_spec("sagemaker_containers") is None


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
