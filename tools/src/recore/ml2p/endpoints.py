"""A project's endpoints."""

import json
import re
from typing import Any

from botocore.exceptions import ClientError

from recore.model.errors import ConfigError

from . import resources
from .naming import model_of_endpoint
from .project import Project
from .resources import ResourceKind

ENDPOINT = ResourceKind("Endpoint", "Endpoints", good_end="InService")
ARN = re.compile(r"arn:aws:sagemaker:(?P<region>[^:]*):[^:]*:endpoint/(?P<name>.*)")
URL = "https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{name}/invocations"


def create(project: Project, name: str, model: str | None) -> dict[str, Any]:
    """Create an endpoint for a model, by default that which its name begins with. Returns SageMaker's answer.

    Raises NamingError if the name is invalid, ConfigError if the project file names no type of instance.
    """
    default_model = model_of_endpoint(name)
    full_model = project.full_name(model or default_model)
    variant = {
        "VariantName": f"{full_model}-variant-1",
        "ModelName": full_model,
        "InitialInstanceCount": 1,
        "InstanceType": project.text("deploy", "instance_type"),
        "InitialVariantWeight": 1.0,
    }
    endpoint, config, tags = project.full_name(name), _config(project, name), project.tags()
    project.call("CreateEndpointConfig", EndpointConfigName=config, ProductionVariants=[variant], Tags=tags)
    try:
        return project.call("CreateEndpoint", EndpointName=endpoint, EndpointConfigName=config, Tags=tags)
    except ClientError:
        project.call("DeleteEndpointConfig", EndpointConfigName=config)
        raise


def describe(project: Project, name: str) -> dict[str, Any]:
    """Return SageMaker's description, and under `EndpointUrl` the address of its invocations on AWS."""
    description = resources.describe(project, ENDPOINT, name)
    arn = ARN.fullmatch(description["EndpointArn"])
    return description | {"EndpointUrl": URL.format(**arn.groupdict()) if arn else None}


def delete(project: Project, name: str) -> None:
    """Delete an endpoint and its configuration."""
    project.call("DeleteEndpoint", EndpointName=project.full_name(name))
    project.call("DeleteEndpointConfig", EndpointConfigName=_config(project, name))


def invoke(project: Project, name: str, data: str) -> dict[str, Any]:
    """Return the endpoint's answer to JSON, with the JSON of its body. Raises ConfigError if the data are not JSON."""
    try:
        json.loads(data)
    except ValueError as error:
        raise ConfigError(f"the data is not valid JSON: {error}") from None
    answer: dict[str, Any] = project.session.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=project.full_name(name),
        Body=data.encode(),
        ContentType="application/json",
        Accept="application/json",
    )
    return answer | {"Body": json.loads(answer["Body"].read())}


def _config(project: Project, name: str) -> str:
    return f"{project.full_name(name)}-config"
