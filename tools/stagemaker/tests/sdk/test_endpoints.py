"""Endpoint resources and ModelBuilder: endpoints are created, invoked, updated, rescaled and deleted."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, DesiredWeightAndCapacity, ProductionVariant
from sagemaker.core.utils.exceptions import FailedStatusError
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData, SourceCode
from stagemaker_support.archives import archive_of

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sdk-endpoints"
INSTANCE = "ml.m5.large"
numbers = itertools.count()

# Adds the number in its environment to each number in the request.
ADD_SCRIPT = """
import json, os

def model_fn(model_dir):
    return float(os.environ["NUMBER"])

def input_fn(body, content_type):
    return json.loads(body) if content_type == "application/json" else [float(line) for line in body.splitlines()]

def predict_fn(values, number):
    return [value + number for value in values]
"""
# The trainer's script writes a model, which the ModelBuilder's script serves.
TRAINING_SCRIPT = """
import os, pathlib
data = pathlib.Path(os.environ["SM_CHANNEL_TRAINING"], "numbers.csv").read_text().split(",")
pathlib.Path(os.environ["SM_MODEL_DIR"], "sum").write_text(str(sum(map(float, data))))
"""
SERVING_SCRIPT = """
import pathlib
from helper import times

def model_fn(model_dir):
    return float(pathlib.Path(model_dir, "sum").read_text())

def predict_fn(values, model):
    return times(values, model)
"""


@pytest.fixture(scope="module")
def source(variables: dict[str, str]) -> str:
    """Upload an archive of a script, and return its URI."""
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="source.tar.gz", Body=archive_of(**{"add.py": ADD_SCRIPT}))
    return f"s3://{BUCKET}/source.tar.gz"


def create_config(source: str, **added_numbers: str) -> EndpointConfig:
    """Create a configuration with variants, given as name=number, that each add their number to the input."""
    variants = []
    for name, number in added_numbers.items():
        environment = {
            "SAGEMAKER_PROGRAM": "add.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": source,
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
            "NUMBER": number,
        }
        model = Model.create(
            model_name=f"adds-{next(numbers)}",
            execution_role_arn=ROLE,
            primary_container=ContainerDefinition(image=IMAGE, environment=environment),
        )
        variants.append(
            ProductionVariant(
                variant_name=name,
                model_name=model.model_name,
                instance_type=INSTANCE,
                initial_instance_count=1,
                initial_variant_weight=1,
            )
        )
    return EndpointConfig.create(endpoint_config_name=f"config-{next(numbers)}", production_variants=variants)


def create_endpoint(config: EndpointConfig) -> Endpoint:
    return Endpoint.create(endpoint_name=f"endpoint-{next(numbers)}", endpoint_config_name=config.endpoint_config_name)


def invoke_endpoint(endpoint: Endpoint, **members: Any) -> tuple[str, list[float]]:
    """Invoke an endpoint with the numbers 1 and 2; return the variant that responded, and its result."""
    response = endpoint.invoke(body="1\n2\n", content_type="text/csv", accept="application/json", **members)
    assert response.content_type == "application/json"
    return response.invoked_production_variant, json.loads(response.body.read())


def delete(endpoint: Endpoint) -> None:
    endpoint.delete()
    endpoint.wait_for_delete(poll=1, timeout=60)
    assert endpoint.endpoint_name not in [item.endpoint_name for item in Endpoint.get_all()]


def test_an_endpoint_resource_is_created_updated_and_deleted(source: str) -> None:
    config = create_config(source, one="10", two="20")
    endpoint = create_endpoint(config)
    assert endpoint.endpoint_status == "Creating"
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    assert [variant.current_weight for variant in endpoint.production_variants] == [1, 1]
    assert [item.endpoint_name for item in Endpoint.get_all(status_equals="InService")] == [endpoint.endpoint_name]
    assert invoke_endpoint(endpoint, target_variant="one") == ("one", [11, 12])
    assert invoke_endpoint(endpoint, target_variant="two", inference_id="id", custom_attributes="a") == (
        "two",
        [21, 22],
    )

    larger_capacity = DesiredWeightAndCapacity(variant_name="one", desired_weight=99, desired_instance_count=2)
    endpoint.update_weights_and_capacities(desired_weights_and_capacities=[larger_capacity])
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    states = [(variant.current_weight, variant.current_instance_count) for variant in endpoint.production_variants]
    assert states == [(99, 2), (1, 1)]

    larger_config = create_config(source, three="30")
    endpoint.endpoint_config_name = larger_config.endpoint_config_name
    endpoint.update()
    assert endpoint.endpoint_status == "Updating"
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    assert endpoint.endpoint_config_name == larger_config.endpoint_config_name
    assert invoke_endpoint(endpoint) == ("three", [31, 32])
    delete(endpoint)
    for deleted_config in (config, larger_config):
        deleted_config.delete()
        with pytest.raises(ClientError, match="Could not find"):
            deleted_config.refresh()


def test_the_failure_reason_names_a_model_that_does_not_load(source: str) -> None:
    endpoint = create_endpoint(create_config(source, one="much"))
    with pytest.raises(FailedStatusError, match="could not convert string to float: 'much'"):
        endpoint.wait_for_status("InService", poll=1, timeout=60)
    assert endpoint.endpoint_status == "Failed"
    delete(endpoint)


def test_model_builder_deploys_a_trained_model(tmp_path: Path) -> None:
    """ModelBuilder needs a role, but no session or bucket. The test waits as long as the SDK does by default."""
    from sagemaker.serve import ModelBuilder  # the import creates a client, which needs the variables

    for name, text in {
        "train": TRAINING_SCRIPT,
        "serve": SERVING_SCRIPT,
        "helper": "def times(a, b):\n    return a * b\n",
    }.items():
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / f"source/{name}.py").write_text(text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/numbers.csv").write_text("1,2,3")
    trainer = ModelTrainer(
        training_image=IMAGE, source_code=SourceCode(source_dir=str(tmp_path / "source"), entry_script="train.py")
    )
    trainer.train(input_data_config=[InputData(channel_name="training", data_source=str(tmp_path / "data"))])
    builder = ModelBuilder(
        s3_model_data_url=trainer._latest_training_job.model_artifacts.s3_model_artifacts,
        role_arn=ROLE,
        image_uri=IMAGE,
        source_code=SourceCode(source_dir=str(tmp_path / "source"), entry_script="serve.py"),
        instance_type=INSTANCE,
    )
    model = builder.build()
    endpoint = builder.deploy(endpoint_name="built", instance_type=INSTANCE)
    assert endpoint.endpoint_status == "InService"
    response = endpoint.invoke(body="[1, 2]", content_type="application/json", accept="application/json")
    assert json.loads(response.body.read()) == [6, 12]
    delete(endpoint)
    model.delete()
