"""A project's endpoints."""

import json
import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from recore.model.errors import ConfigError

from .listed import list_resources
from .naming import check_endpoint_name, model_of_endpoint
from .project import Project
from .waiting import wait

ARN = re.compile(r"arn:aws:sagemaker:(?P<region>[^:]*):[^:]*:endpoint/(?P<name>.*)")
URL = "https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{name}/invocations"


def list_endpoints(project: Project) -> list[dict[str, Any]]:
    """Return SageMaker's summaries of all endpoints."""
    return list_resources(project, "list_endpoints", "Endpoints", "EndpointName")


def create(project: Project, name: str, model: str | None) -> dict[str, Any]:
    """Create an endpoint for a model, by default that which its name begins with. Returns SageMaker's answer.

    Raises NamingError if the name is invalid, ConfigError if the project file names no type of instance.
    """
    check_endpoint_name(name)
    full_model = project.full_name(model or model_of_endpoint(name))
    variant = {
        "VariantName": f"{full_model}-variant-1",
        "ModelName": full_model,
        "InitialInstanceCount": 1,
        "InstanceType": project.text("deploy", "instance_type"),
        "InitialVariantWeight": 1.0,
    }
    endpoint, config, client = project.full_name(name), _config(project, name), project.sagemaker
    client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant], Tags=project.tags())
    try:
        answer: dict[str, Any] = client.create_endpoint(
            EndpointName=endpoint, EndpointConfigName=config, Tags=project.tags()
        )
    except ClientError:
        client.delete_endpoint_config(EndpointConfigName=config)
        raise
    return answer


def describe(project: Project, name: str) -> dict[str, Any]:
    """Return SageMaker's description, and under `EndpointUrl` the address of its invocations on AWS."""
    found: dict[str, Any] = project.sagemaker.describe_endpoint(EndpointName=project.full_name(name))
    place = ARN.fullmatch(found["EndpointArn"])
    return found | {"EndpointUrl": URL.format(**place.groupdict()) if place else None}


def wait_until_in_service(project: Project, name: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Wait until an endpoint is in service. tell: called with each status. Raises FailedError if that fails."""
    endpoint, describe_endpoint = project.full_name(name), project.sagemaker.describe_endpoint
    return wait(lambda: describe_endpoint(EndpointName=endpoint), "EndpointStatus", "InService", tell)


def delete(project: Project, name: str) -> None:
    """Delete an endpoint and its configuration."""
    project.sagemaker.delete_endpoint(EndpointName=project.full_name(name))
    project.sagemaker.delete_endpoint_config(EndpointConfigName=_config(project, name))


def invoke(project: Project, name: str, data: str) -> dict[str, Any]:
    """Return the endpoint's answer to JSON, with the JSON of its body. Raises ConfigError if the data are not JSON."""
    try:
        json.loads(data)
    except ValueError as error:
        raise ConfigError(f"the data are not JSON: {error}") from None
    answer: dict[str, Any] = project.runtime.invoke_endpoint(
        EndpointName=project.full_name(name),
        Body=data.encode(),
        ContentType="application/json",
        Accept="application/json",
    )
    return answer | {"Body": json.loads(answer["Body"].read())}


def _config(project: Project, name: str) -> str:
    return f"{project.full_name(name)}-config"
