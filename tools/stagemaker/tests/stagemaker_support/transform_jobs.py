"""Models and transform jobs for tests: a model with one script or a chain of scripts, and a job on several objects."""

from typing import Any

from stagemaker.server import BUCKET, ROLE_ARN
from stagemaker_support.simulator_client import Client, counter


def container(client: Client, script: str, **members: Any) -> dict[str, Any]:
    """Return a container definition that serves a script. Variables: more environment variables."""
    return client.container(script, "serve_me", **members)


def create_model(client: Client, *scripts: str | dict[str, Any], **members: Any) -> str:
    """Create a model and return its name. scripts: for each container, a script to serve or a definition."""
    name = f"chain-{next(counter)}"
    containers = [container(client, script) if isinstance(script, str) else script for script in scripts]
    containers_member = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, **containers_member | members)
    return name


def transform(
    client: Client, model: str, objects: dict[str, str | bytes], wait: bool = True, **members: Any
) -> tuple[dict, str]:
    """Run a transform job on objects; return the job's description and its output's URI.

    Source, Input, Output, Resources: members of S3DataSource, TransformInput, TransformOutput and TransformResources.
    """
    name = f"transform-{next(counter)}"
    for key, body in objects.items():
        client.put(f"{name}/in/{key}", body)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"} | members.pop("Source", {})
    out = f"s3://{BUCKET}/{name}/out"
    request = {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {"DataSource": {"S3DataSource": source}} | members.pop("Input", {}),
        "TransformOutput": {"S3OutputPath": out} | members.pop("Output", {}),
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1} | members.pop("Resources", {}),
    }
    client.sagemaker.create_transform_job(**request | members)
    return (client.wait if wait else client.describe)("TransformJob", name), out


def run_batch(client: Client, model: str, objects: dict[str, str | bytes], **members: Any) -> list[bytes]:
    job, out = transform(client, model, objects, **members)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    return [client.get(f"{out}/{key}.out") for key in objects]


def failure_reason(client: Client, model: str, objects: dict[str, str | bytes], **members: Any) -> str:
    """Run a transform job that must fail, by default without retries; return the failure reason."""
    job, _ = transform(client, model, objects, **{"ModelClientConfig": {"InvocationsMaxRetries": 0}} | members)
    assert job["TransformJobStatus"] == "Failed"
    return job["FailureReason"]
