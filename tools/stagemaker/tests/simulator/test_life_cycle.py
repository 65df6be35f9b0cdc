"""A model's life cycle with only boto3: data on S3, training, batch transform, endpoint, A/B test, update, deletion."""

import io
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import numpy
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.simulator_client import IMAGE, Client

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET, PREFIX = "houses", "boston-sklearn"
FAST_POLLING = {"Delay": 1, "MaxAttempts": 120}
INSTANCE = "ml.m4.xlarge"

# A script that trains one of two models, and also serves it.
SCRIPT = """
import argparse, os, pathlib, pickle
import numpy
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

def model_fn(model_dir):
    return pickle.loads(pathlib.Path(model_dir, "model.pkl").read_bytes())

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, default=0, help="depth of the tree; 0 for a linear model")
    depth = parser.parse_args().depth
    rows = numpy.loadtxt(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "train.csv"), delimiter=",")
    model = DecisionTreeRegressor(max_depth=depth) if depth else LinearRegression()
    model.fit(rows[:, 1:], rows[:, 0])
    pathlib.Path(os.environ["SM_MODEL_DIR"], "model.pkl").write_bytes(pickle.dumps(model))
"""
X = numpy.array([[number, number % 3] for number in range(20)], dtype=float)
Y = X[:, 0] ** 2
X_WITH_ONES = numpy.column_stack([X, numpy.ones(len(X))])
LINEAR_PREDICTIONS = X_WITH_ONES @ numpy.linalg.lstsq(X_WITH_ONES, Y)[0]  # a deep tree predicts Y exactly
LINEAR, TREE = "Linear-Model", "Tree-Model"
EXPECTED = {LINEAR: LINEAR_PREDICTIONS, TREE: Y}
TEST_CSV = "".join(f"{first},{second}\n" for first, second in X)


@pytest.fixture(scope="module")
def aws(client: Client) -> Iterator[Any]:
    """Return boto3.client, configured only by the environment variables that the simulator prints."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in client.simulator.variables().items():
            patch.setenv(name, value)
        yield boto3.Session().client


@pytest.fixture(scope="module")
def sagemaker(aws: Any) -> Any:
    return aws("sagemaker")


@pytest.fixture(scope="module")
def bucket(aws: Any) -> Any:
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("house_prices.py")
        member.size = len(SCRIPT)
        tar.addfile(member, io.BytesIO(SCRIPT.encode()))
    rows = "".join(f"{y},{first},{second}\n" for (first, second), y in zip(X, Y, strict=True))
    for key, body in {"source.tar.gz": archive.getvalue(), "train/train.csv": rows, "test/test.csv": TEST_CSV}.items():
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{key}", Body=body)
    return s3


@pytest.fixture(scope="module")
def models(sagemaker: Any, bucket: Any) -> dict[str, str]:
    """Train and create two models, and return their names, keyed by the variants that will serve them."""
    names = {LINEAR: "boston-linear", TREE: "boston-tree"}
    source_settings = {"sagemaker_program": "house_prices.py"}
    source_settings["sagemaker_submit_directory"] = f"s3://{BUCKET}/{PREFIX}/source.tar.gz"
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{PREFIX}/train"}
    for variant, depth in ((LINEAR, "0"), (TREE, "9")):
        sagemaker.create_training_job(
            TrainingJobName=names[variant],
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters=source_settings | {"depth": depth},
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}, "ContentType": "csv"}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{PREFIX}/output"},
            ResourceConfig={"InstanceType": INSTANCE, "InstanceCount": 1, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
    for name in names.values():
        waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
        waiter.wait(TrainingJobName=name, WaiterConfig=FAST_POLLING)
        artifacts = sagemaker.describe_training_job(TrainingJobName=name)["ModelArtifacts"]["S3ModelArtifacts"]
        variables = {
            "SAGEMAKER_PROGRAM": source_settings["sagemaker_program"],
            "SAGEMAKER_SUBMIT_DIRECTORY": source_settings["sagemaker_submit_directory"],
        }
        container = {"Image": IMAGE, "ModelDataUrl": artifacts, "Environment": variables}
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    return names


def production_variant(models: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "InstanceType": INSTANCE,
        "InitialVariantWeight": 1,
        "InitialInstanceCount": 1,
        "ModelName": models[name],
        "VariantName": name,
    }


def create_config(sagemaker: Any, models: dict[str, str], *variants: str) -> str:
    name = "-".join(["config", *variants])
    production_variants = [production_variant(models, variant) for variant in variants]
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=production_variants)
    return name


def wait_until_in_service(sagemaker: Any, name: str) -> dict[str, Any]:
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=FAST_POLLING)
    return sagemaker.describe_endpoint(EndpointName=name)


def delete(sagemaker: Any, name: str) -> None:
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=FAST_POLLING)
    with pytest.raises(ClientError, match="Could not find endpoint"):
        sagemaker.describe_endpoint(EndpointName=name)


def invoke(runtime: Any, name: str, **members: Any) -> tuple[str, numpy.ndarray]:
    """Invoke an endpoint, and return the variant that responded and its predictions."""
    response = runtime.invoke_endpoint(
        EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=TEST_CSV, **members
    )
    assert response["ContentType"].startswith("text/csv")
    body = response["Body"].read().decode("utf-8")
    return response["InvokedProductionVariant"], numpy.array([float(line) for line in body.split()])


def test_batch_transform_returns_the_models_predictions(sagemaker: Any, bucket: Any, models: dict[str, str]) -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{PREFIX}/test"}
    sagemaker.create_transform_job(
        TransformJobName="boston-transform",
        ModelName=models[TREE],
        TransformInput={"DataSource": {"S3DataSource": source}, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{PREFIX}/transform", "Accept": "text/csv"},
        TransformResources={"InstanceType": INSTANCE, "InstanceCount": 1},
    )
    waiter = sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.wait(TransformJobName="boston-transform", WaiterConfig=FAST_POLLING)
    output = bucket.get_object(Bucket=BUCKET, Key=f"{PREFIX}/transform/test.csv.out")["Body"].read()
    assert numpy.array_equal([float(line) for line in output.split()], Y)


def test_an_ab_test_and_an_update_serve_the_configured_models(aws: Any, sagemaker: Any, models: dict[str, str]) -> None:
    runtime, name = aws("sagemaker-runtime"), "boston-update-endpoint"
    both_config = create_config(sagemaker, models, LINEAR, TREE)
    linear_config = create_config(sagemaker, models, LINEAR)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=both_config)
    described = wait_until_in_service(sagemaker, name)["ProductionVariants"]
    assert {item["VariantName"]: item["CurrentWeight"] for item in described} == {LINEAR: 1, TREE: 1}

    counts: Counter[str] = Counter()
    for _ in range(100):
        variant, predictions = invoke(runtime, name)
        assert numpy.allclose(predictions, EXPECTED[variant])
        counts[variant] += 1
    assert min(counts[LINEAR], counts[TREE]) > 20  # each has half of the traffic; this fails once in 10 ** 9 runs
    for target, expected in EXPECTED.items():
        variant, predictions = invoke(runtime, name, TargetVariant=target)
        assert variant == target
        assert numpy.allclose(predictions, expected)

    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=linear_config)
    while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Updating":
        variant, predictions = invoke(runtime, name)  # the endpoint still serves during the update
        assert numpy.allclose(predictions, EXPECTED[variant])
    described = wait_until_in_service(sagemaker, name)
    assert described["EndpointConfigName"] == linear_config
    assert [item["VariantName"] for item in described["ProductionVariants"]] == [LINEAR]
    assert {invoke(runtime, name)[0] for _ in range(20)} == {LINEAR}

    delete(sagemaker, name)
    for config in (both_config, linear_config):
        sagemaker.delete_endpoint_config(EndpointConfigName=config)
        with pytest.raises(ClientError, match="Could not find"):
            sagemaker.describe_endpoint_config(EndpointConfigName=config)
    for model in models.values():
        sagemaker.delete_model(ModelName=model)
    assert sagemaker.list_models(NameContains="boston")["Models"] == []
