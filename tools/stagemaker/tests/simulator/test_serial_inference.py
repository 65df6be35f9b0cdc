"""The requests of AWS's serial inference notebooks, replayed with boto3 alone.

recorded/ contains the definitions that version 2 of the SDK (2.257.7) writes for the notebooks of
aws-samples/amazon-sagemaker-pipelines-serial-batch-inference-sklearn-pytorch. FEATURES and MODEL replace their scripts,
and the newest scikit-learn image, whose packages are installed for the tests, replaces image 1.2-1. The target is an
exact function of the features: it equals the prediction if and only if rows and predictions are joined correctly.
"""

import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from stagemaker_support.archives import archive_of
from stagemaker_support.pipelines import Pipelines
from stagemaker_support.pytorch_images import NEEDS_PYTORCH
from stagemaker_support.repacking import LAUNCHER, REPACK_CODE
from stagemaker_support.simulator_client import Client, rejection

from stagemaker.server import ROLE_ARN, Simulator

RECORDINGS = Path(__file__).parent / "recorded"
RUNPROC_SCRIPT = 'set -e\ncd /opt/ml/processing/input/code\ntar -xzf sourcedir.tar.gz\npython3 features.py "$@"\n'


# The processing step's program, and the hooks of the first model, which scales rows and sends JSON to the second.
FEATURES = """
import json, os, pathlib, tarfile
from io import StringIO
import joblib, pandas
from sklearn.preprocessing import StandardScaler

try:
    from sagemaker_containers.beta.framework import encoders, worker
except ImportError:
    pass

if __name__ == "__main__":
    base = pathlib.Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"), "processing")
    [path] = (base / "input").glob("*.csv")
    rows = pandas.read_csv(path)
    features, train = list(rows.columns[:-1]), rows.index % 3 > 0
    scaler = StandardScaler().fit(rows.loc[train, features].to_numpy())
    rows[features] = scaler.transform(rows[features].to_numpy())
    rows[train].to_csv(base / "train/train.csv", header=False, index=False)
    rows[~train].to_csv(base / "test/test.csv", header=False, index=False)
    joblib.dump(scaler, "model.joblib")
    with tarfile.open(base / "scaler_model/model.tar.gz", "w:gz") as archive:
        archive.add("model.joblib")

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def input_fn(text, content_type):
    return pandas.read_csv(StringIO(text), header=None).iloc[:, :3].to_numpy()

def predict_fn(rows, scaler):
    return scaler.transform(scaler.inverse_transform(rows))  # the test rows are scaled already

def output_fn(prediction, accept):
    if accept == "text/csv":
        return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
    return worker.Response(json.dumps({"instances": prediction.tolist()}), mimetype=accept)
"""
# The training step's program, and the hooks of the second model.
MODEL = """
import argparse, json, os
import joblib, pandas
from sklearn.linear_model import LinearRegression

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN"))
    parser.add_argument("--sm-model-dir", default=os.environ.get("SM_MODEL_DIR"))
    arguments, _ = parser.parse_known_args()
    rows = pandas.read_csv(os.path.join(arguments.train, "train.csv"), header=None).to_numpy()
    model = LinearRegression().fit(rows[:, :-1], rows[:, -1])
    joblib.dump(model, os.path.join(arguments.sm_model_dir, "model.joblib"))

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def input_fn(text, content_type):
    if content_type != "application/json":
        raise ValueError(f"{content_type} instead of JSON")
    return json.loads(text)["instances"]

def predict_fn(rows, model):
    return model.predict(rows)
"""


@dataclass(frozen=True)
class Recording:
    file: str
    pipeline: str
    bucket: str
    prefix: str
    group: str
    model: str

    def definition(self) -> str:
        return (RECORDINGS / self.file).read_text("utf-8").replace("scikit-learn:1.2-1-", "scikit-learn:1.9-0-")


SKLEARN = Recording(
    "sklearn-demo.json",
    pipeline="serial-inference-pipeline",
    bucket="sklearn-mlops-inf-pipeline-demo",
    prefix="serial-inference-pipeline",
    group="PipelineSKLearnModelPackageGroup",
    model="PipelineModelCreation",
)
PYTORCH = Recording(
    "pytorch-demo.json",
    pipeline="serial-pytorch-pipeline",
    bucket="pytorch-serial-inference-demo",
    prefix="pipeline-pytorch-example",
    group="PipelinePyTorchPackageGroup",
    model="PyTorch",
)


def make_table() -> str:
    rng, lines = random.Random(0), ["a,b,c,target"]
    for _ in range(90):
        a, b, c = (round(rng.uniform(-5, 5), 3) for _ in range(3))
        lines.append(f"{a},{b},{c},{2 * a - 3 * b + c / 2 + 7:.4f}")
    return "\n".join(lines) + "\n"


def read_numbers(csv: bytes) -> np.ndarray:
    return np.loadtxt(io.BytesIO(csv), delimiter=",")


def create_pipeline(client: Client, recording: Recording) -> None:
    definition = recording.definition()
    client.s3.create_bucket(Bucket=recording.bucket)
    objects = {f"{recording.prefix}/housing_data/raw/raw_data_all.csv": make_table()}
    scripts = {"_repack_script_launcher.sh": LAUNCHER, "_repack_model.py": REPACK_CODE}
    sources = archive_of(**scripts, **{"features.py": FEATURES, "model.py": MODEL})
    for key in re.findall(rf's3://{recording.bucket}/([^"\\]+/(?:sourcedir\.tar\.gz|runproc\.sh))', definition):
        objects[key] = RUNPROC_SCRIPT if key.endswith(".sh") else sources
    assert len(objects) == 8
    for key, body in objects.items():
        client.s3.put_object(Bucket=recording.bucket, Key=key, Body=body)
    request = {"PipelineName": recording.pipeline, "RoleArn": ROLE_ARN, "PipelineDefinition": definition}
    client.sagemaker.create_pipeline(**request)
    assert "already exists" in rejection(client.sagemaker.create_pipeline, **request)
    client.sagemaker.update_pipeline(**request)


@pytest.fixture
def client() -> Iterator[Client]:
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.mark.parametrize(
    "recording", [SKLEARN, pytest.param(PYTORCH, marks=NEEDS_PYTORCH)], ids=["scikit-learn", "PyTorch"]
)
def test_the_requests_of_a_notebook_succeed(client: Client, recording: Recording) -> None:
    create_pipeline(client, recording)
    pipelines = Pipelines(client)
    execution = pipelines.start(recording.pipeline)
    pipelines.wait(execution)
    steps = pipelines.steps(execution)
    assert len(steps) == len(json.loads(recording.definition())["Steps"])
    assert not any("CacheHitResult" in step for step in steps.values())

    model = client.sagemaker.list_models(NameContains=recording.model)["Models"][0]["ModelName"]
    packages = client.sagemaker.list_model_packages(
        ModelPackageGroupName=recording.group, ModelApprovalStatus="Approved", SortBy="CreationTime", MaxResults=100
    )
    arn = packages["ModelPackageSummaryList"][0]["ModelPackageArn"]
    package = client.sagemaker.describe_model_package(ModelPackageName=arn)
    assert len(package["InferenceSpecification"]["Containers"]) == 2

    uri = f"s3://{recording.bucket}/{recording.prefix}"
    name = f"inference-pipelines-batch-{recording.pipeline}"
    client.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        BatchStrategy="MultiRecord",
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{uri}/test/test.csv"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"{uri}/batch-transform/output", "AssembleWith": "Line", "Accept": "text/csv"},
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"},
        DataProcessing={"JoinSource": "Input"},
    )
    job = client.wait("TransformJob", name, 180)
    assert job["TransformJobStatus"] == "Completed", job
    inputs = read_numbers(client.get(f"{uri}/test/test.csv"))
    results = read_numbers(client.get(f"{uri}/batch-transform/output/test.csv.out"))
    np.testing.assert_array_equal(results[:, :-1], inputs)
    np.testing.assert_allclose(results[:, -1], inputs[:, -1], atol=1e-3)
    assert len(inputs) > 10
