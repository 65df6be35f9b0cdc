"""boto3 clients for a simulator, and functions that run jobs."""

import itertools
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stagemaker.server import BUCKET, ROLE_ARN, Simulator
from stagemaker_support.archives import archive_of
from stagemaker_support.job_traces import output, poll

INPUT, OUTPUT = "/opt/ml/processing/input/i", "/opt/ml/processing/output/o"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
OPERATIONS = {"TrainingJob": "training_job", "ProcessingJob": "processing_job", "TransformJob": "transform_job"}
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
counter = itertools.count()


def kind_of(job: dict[str, Any]) -> str:
    return next(kind for kind in OPERATIONS if f"{kind}Name" in job)


def status_of(job: dict[str, Any]) -> str:
    return job[f"{kind_of(job)}Status"]


def training_members(seconds: int = 60, image: str = IMAGE) -> dict[str, Any]:
    return {
        "RoleArn": ROLE_ARN,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": CLUSTER,
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
    }


def make_input(uri: str, path: str = INPUT) -> dict[str, Any]:
    s3_input = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"ProcessingInputs": [{"InputName": "i", "S3Input": s3_input}]}


def make_output(uri: str, path: str = OUTPUT) -> dict[str, Any]:
    s3_output = {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}
    return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": s3_output}]}}


class Client:
    """boto3 clients for a simulator, and methods that send requests with defaults for all required members."""

    def __init__(self, simulator: Simulator, image: str = IMAGE):
        self.simulator, self.image = simulator, image
        self.sagemaker, self.s3, self.logs = (simulator.client(name) for name in ("sagemaker", "s3", "logs"))

    def raw_client(self) -> Any:
        config = Config(parameter_validation=False, proxies={})
        return boto3.Session("x", "x", region_name="us-east-1").client(
            "sagemaker", endpoint_url=self.simulator.endpoint, config=config
        )

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return f"s3://{BUCKET}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, uri: str) -> list[str]:
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        objects = self.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return sorted(item["Key"].removeprefix(prefix) for item in objects)

    def log(self, job: dict[str, Any]) -> str:
        kind = kind_of(job)
        return output(self, kind, job[f"{kind}Name"])

    def stop(self, job: dict[str, Any]) -> None:
        kind = kind_of(job)
        getattr(self.sagemaker, f"stop_{OPERATIONS[kind]}")(**{f"{kind}Name": job[f"{kind}Name"]})

    def end(self, job: dict[str, Any], seconds: float = 90) -> dict[str, Any]:
        kind = kind_of(job)
        return self.wait(kind, job[f"{kind}Name"], seconds)

    def source(self, **files: str) -> str:
        archive = archive_of(**{name if "." in name else f"{name}.py": content for name, content in files.items()})
        return self.put(f"source/{next(counter)}/source.tar.gz", archive)

    def container(self, script: str, name: str = "inference", **members: Any) -> dict[str, Any]:
        """Return a container definition that serves a script in one process. Variables: more environment variables."""
        variables = {"SAGEMAKER_PROGRAM": f"{name}.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        variables |= {"SAGEMAKER_SUBMIT_DIRECTORY": self.source(**{name: script})} | members.pop("Variables", {})
        return {"Image": self.image, "Environment": variables} | members

    def train(self, script: str, wait: bool = True, seconds: int = 60, **members: Any) -> dict[str, Any]:
        """Run a script as a training job; return its description, by default once it has ended."""
        name = f"train-{next(counter)}"
        settings = {"sagemaker_program": "job.py", "sagemaker_submit_directory": self.source(job=script)}
        request = {"TrainingJobName": name, "HyperParameters": settings | members.pop("HyperParameters", {})}
        self.sagemaker.create_training_job(**training_members(seconds, self.image) | request | members)
        return self.wait("TrainingJob", name) if wait else self.describe("TrainingJob", name)

    def process(self, script: str, wait: bool = True, seconds: int = 60, **members: Any) -> dict[str, Any]:
        """Run a script, at /opt/ml/processing/input/script/job.py, as a processing job; return its description."""
        name = f"process-{next(counter)}"
        folder, uri = "/opt/ml/processing/input/script", self.put(f"code/{name}/job.py", script)
        code_input = [make_input(uri, folder)["ProcessingInputs"][0] | {"InputName": "script"}]
        request = {
            "ProcessingJobName": name,
            "RoleArn": ROLE_ARN,
            "AppSpecification": {"ImageUri": self.image, "ContainerEntrypoint": ["python3", f"{folder}/job.py"]},
            "ProcessingInputs": code_input + members.pop("ProcessingInputs", []),
            "ProcessingResources": {"ClusterConfig": CLUSTER},
            "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        }
        self.sagemaker.create_processing_job(**request | members)
        return self.wait("ProcessingJob", name) if wait else self.describe("ProcessingJob", name)

    def describe(self, kind: str, name: str) -> dict[str, Any]:
        return getattr(self.sagemaker, f"describe_{OPERATIONS[kind]}")(**{f"{kind}Name": name})

    def wait(self, kind: str, name: str, seconds: float = 90) -> dict[str, Any]:
        statuses = ("InProgress", "Stopping")
        return poll(lambda: self.describe(kind, name), lambda job: job[f"{kind}Status"] not in statuses, seconds)


def rejection(call: Callable[..., Any], *arguments: Any, code: str = "ValidationException", **request: Any) -> str:
    with pytest.raises(ClientError) as excinfo:
        call(*arguments, **request)
    assert excinfo.value.response["Error"]["Code"] == code, excinfo.value
    return str(excinfo.value)


HOOKS = """
def model_fn(model_dir): return open(model_dir + "/model.txt").read()
def transform_fn(model, data, content_type, accept): return model + data
"""


def run_each_kind(client: Client) -> None:
    job = client.process(
        "import os\nopen(os.environ['TO'] + '/file', 'w').write('written')",
        Environment={"TO": OUTPUT},
        **make_output(f"s3://{BUCKET}/o"),
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert client.get(f"s3://{BUCKET}/o/file") == b"written"
    job = client.train("import os\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('model ')")
    assert job["TrainingJobStatus"] == "Completed", job
    model = client.container(HOOKS, ModelDataUrl=job["ModelArtifacts"]["S3ModelArtifacts"])
    client.sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE_ARN, PrimaryContainer=model)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": client.put("in/lines.csv", "1,2\n")}}
    client.sagemaker.create_transform_job(
        TransformJobName="t",
        ModelName="m",
        TransformInput={"DataSource": source, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    assert client.wait("TransformJob", "t")["TransformJobStatus"] == "Completed"
    assert client.get(f"s3://{BUCKET}/out/lines.csv.out") == b"model 1,2\n"
