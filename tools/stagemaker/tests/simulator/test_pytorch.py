"""PyTorch images: training and serving in a separate environment, with the image's default hooks."""

import io
import json
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from stagemaker_support.archives import archive_of
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.pytorch_images import NEEDS_PYTORCH
from stagemaker_support.repacking import repack
from stagemaker_support.simulator_client import Client, counter
from stagemaker_support.training_jobs import ALGORITHM, train
from stagemaker_support.transform_jobs import create_model

from stagemaker.images import pytorch

IMAGE_REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
TRAINING_IMAGE, INFERENCE_IMAGE = (
    f"{IMAGE_REGISTRY}/pytorch-{name}:1.8.0-cpu-py3" for name in ("training", "inference")
)

pytestmark = NEEDS_PYTORCH

SCRIPT = """
import argparse, os, sys
import pandas, sklearn, torch

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, rows):
        return self.linear(rows)

def model_fn(model_dir):
    model = Line()
    model.load_state_dict(torch.load(os.path.join(model_dir, "weights.pth")))
    return model

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--slope", type=float)
    arguments, _ = parser.parse_known_args()
    model = Line()
    with torch.no_grad():
        model.linear.weight[:] = torch.tensor([[arguments.slope, 1.0]])
        model.linear.bias[:] = 0.5
    folder = os.environ["SM_MODEL_DIR"]
    torch.save(model.state_dict(), os.path.join(folder, "weights.pth"))
    if arguments.slope == 3:
        torch.jit.script(model).save(os.path.join(folder, "model.pt"))
    try:
        open(os.path.join(os.path.dirname(torch.__file__), "written"), "w").close()
    except OSError as error:
        print("read-only:", error)
    print("versions", torch.__version__, sys.version_info[:2], torch.cuda.is_available())
"""


def train_slope(client: Client, slope: int) -> dict[str, Any]:
    settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": client.source(job=SCRIPT)}
    algorithm = ALGORITHM | {"TrainingImage": TRAINING_IMAGE}
    job = train(client, AlgorithmSpecification=algorithm, HyperParameters=settings | {"slope": str(slope)})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def create_endpoint(client: Client, endpoints: Endpoints, uri: str, **environment: str) -> str:
    variables = {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"} | environment
    model = create_model(client, {"Image": INFERENCE_IMAGE, "ModelDataUrl": uri, "Environment": variables})
    return endpoints.create(endpoints.config(variant(model)), wait=False)


def test_torchscript_is_served_without_a_script(client: Client, endpoints: Endpoints) -> None:
    job = train_slope(client, 3)
    log = client.log(job)
    assert f"versions {pytorch.FAMILY.version('pytorch-training:1.8.0-cpu-py3')} " in log
    assert "has PyTorch 1.8, but this job runs with " in log
    assert "read-only:" in log or not client.simulator.isolation_enforced
    environment = {"SAGEMAKER_PROGRAM": "", "SAGEMAKER_SUBMIT_DIRECTORY": ""}
    name = create_endpoint(client, endpoints, job["ModelArtifacts"]["S3ModelArtifacts"], **environment)
    assert endpoints.settle(name)["EndpointStatus"] == "InService", endpoints.describe(name)
    rows, expected = np.array([[1, 2], [3, 4]], dtype=np.float32), [[5.5], [13.5]]
    npy = io.BytesIO()
    np.save(npy, rows)
    bodies = {"application/json": "[[1, 2], [3, 4]]", "text/csv": "1,2\n3,4\n", "application/x-npy": npy.getvalue()}
    for content_type, body in bodies.items():
        response = endpoints.invoke(name, body, ContentType=content_type)["Body"].read()
        assert json.loads(response) == expected
    assert (
        endpoints.invoke(name, "[[1, 2]]", ContentType="application/json", Accept="text/csv")["Body"].read() == b"5.5\n"
    )
    response = endpoints.invoke(name, "[[1, 2]]", ContentType="application/json", Accept="application/x-npy")
    assert np.load(io.BytesIO(response["Body"].read())).tolist() == [[5.5]]
    with pytest.raises(ClientError, match="image/png"):
        endpoints.invoke(name, b"\x00", ContentType="image/png")


HOOKS = """
import json
from sagemaker_inference.errors import BaseInferenceToolkitError

CALLED = []

def pre_model_fn(model_dir):
    CALLED.append("pre_model_fn")

def model_fn(model_dir, context):
    CALLED.append(f"model_fn {context.system_properties['gpu_id']}")
    return 10

def model_warmup_fn(model_dir, model, context):
    CALLED.append("model_warmup_fn")

def input_fn(data, content_type, context):
    if data == "unnamed":
        raise ValueError("日本 → \\x1b[31m\\x00" + 70_000 * "x")
    if data == "rejected":
        raise BaseInferenceToolkitError(422, "cannot be read", "no number")
    return float(data), context.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")

def predict_fn(data, model):
    return {"sum": data[0] + model, "attributes": data[1], "called": CALLED}

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


def test_hooks_take_a_context_and_responses_have_the_accepted_type(client: Client, endpoints: Endpoints) -> None:
    uri = client.put(f"pytorch/{next(counter)}/model.tar.gz", archive_of(**{"code/inference.py": HOOKS}))
    name = create_endpoint(client, endpoints, uri)
    assert endpoints.settle(name)["EndpointStatus"] == "InService", endpoints.describe(name)
    for accept in ("application/json", "text/csv"):
        response = endpoints.invoke(name, "5", ContentType="text/csv", Accept=accept, CustomAttributes="hole=7")
        assert response["ContentType"] == accept
        calls = ["pre_model_fn", "model_fn None", "model_warmup_fn"]
        assert json.loads(response["Body"].read()) == {"sum": 15.0, "attributes": "hole=7", "called": calls}
    with pytest.raises(ClientError) as excinfo:
        endpoints.invoke(name, "rejected", ContentType="text/csv")
    assert excinfo.value.response["OriginalStatusCode"] == 422
    assert excinfo.value.response["OriginalMessage"].startswith("cannot be read\n")
    with pytest.raises(ClientError, match="could not convert string to float: 'deep'"):
        endpoints.invoke(name, "deep", ContentType="text/csv")
    with pytest.raises(ClientError) as excinfo:
        endpoints.invoke(name, "unnamed", ContentType="text/csv")
    assert excinfo.value.response["OriginalStatusCode"] == 500
    assert excinfo.value.response["OriginalMessage"].startswith("日本 → ")


def test_a_repacked_model_is_served_by_its_script(client: Client, endpoints: Endpoints) -> None:
    uri = train_slope(client, 2)["ModelArtifacts"]["S3ModelArtifacts"]
    weights_only = create_endpoint(client, endpoints, uri)
    job = repack(client, uri, SCRIPT)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    name = create_endpoint(client, endpoints, job["ModelArtifacts"]["S3ModelArtifacts"], **environment)
    assert endpoints.settle(name)["EndpointStatus"] == "InService", endpoints.describe(name)
    response = endpoints.invoke(name, "[[1, 2]]", ContentType="application/json")["Body"].read()
    assert json.loads(response) == [[4.5]]
    description = endpoints.settle(weights_only)
    assert description["EndpointStatus"] == "Failed"
    assert (
        "weights.pth is not TorchScript: save it with torch.jit.save, or write a model_fn"
        in description["FailureReason"]
    )
