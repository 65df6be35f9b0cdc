"""Helpers that create models, endpoint configurations and endpoints in a simulator."""

from typing import Any

from stagemaker.server import ROLE_ARN
from stagemaker_support.job_traces import poll
from stagemaker_support.simulator_client import Client, counter

# Responds with its name, the request, the request's content type and the type that the request accepts.
NAMER = """
import json

def model_fn(model_dir):
    return {name!r}

def transform_fn(model, data, content_type, accept):
    return json.dumps([model, data if isinstance(data, str) else data.hex(), content_type, accept]), "application/json"
"""
# Responds to the request "wait" once a file exists, and to any other request at once.
WAITER = """
import json, os, time

def model_fn(model_dir):
    return "waiting"

def transform_fn(model, data, content_type, accept):
    if data == "wait":
        print("waits", flush=True)
        while not os.path.exists({path!r}):
            time.sleep(0.1)
    return json.dumps([model]), "application/json"
"""
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    def __init__(self, client: Client):
        self.client, self.sagemaker = client, client.sagemaker
        self.runtime = client.simulator.client("sagemaker-runtime")

    def model(self, script: str, variables: dict[str, str] | None = None, **container: Any) -> str:
        name = f"model-{next(counter)}"
        members = self.client.container(script, Variables=variables or {}) | container
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=members)
        return name

    def named(self, name: str) -> str:
        return self.model(NAMER.format(name=name))

    def config(self, *variants: dict[str, Any], **members: Any) -> str:
        name = f"config-{next(counter)}"
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants), **members)
        return name

    def create(self, config: str, wait: bool = True, **members: Any) -> str:
        name = f"endpoint-{next(counter)}"
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, **members)
        if wait:
            assert (description := self.settle(name))["EndpointStatus"] == "InService", description
        return name

    def update(self, name: str, config: str, **members: Any) -> None:
        self.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **members)

    def rescale(self, name: str, *entries: dict[str, Any]) -> None:
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=list(entries)
        )

    def describe(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_endpoint(EndpointName=name)

    def settle(self, name: str, seconds: float = 120) -> dict[str, Any]:
        return poll(lambda: self.describe(name), lambda it: it["EndpointStatus"] not in CHANGING, seconds)

    def failure_reason(self, model: str, **members: Any) -> str:
        """Create an endpoint that must fail, and return the failure reason. members: other members of its variant."""
        description = self.settle(self.create(self.config(variant(model, **members)), wait=False))
        assert description["EndpointStatus"] == "Failed"
        return description["FailureReason"]

    def delete(self, *names: str) -> None:
        for name in names:
            self.sagemaker.delete_endpoint(EndpointName=name)
        poll(self._list, lambda items: not {item["EndpointName"] for item in items} & {*names})

    def delete_all(self) -> None:
        names = [item["EndpointName"] for item in self._list() if item["EndpointStatus"] != "Deleting"]
        for name in names:
            self.settle(name)
        self.delete(*names)

    def _list(self) -> list[dict[str, Any]]:
        return self.sagemaker.list_endpoints(MaxResults=100)["Endpoints"]

    def invoke(self, name: str, body: bytes | str = b"", **members: Any) -> dict[str, Any]:
        return self.runtime.invoke_endpoint(EndpointName=name, Body=body, **members)


def variant(model: str, name: str = "one", count: int = 1, weight: float = 1, **members: Any) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": count,
        "InitialVariantWeight": weight,
    } | members
