"""Endpoints that serve one or several versions: deploy, update, roll back, delete.

The state is SageMaker's alone: the name of an endpoint's configuration is a digest of what it contains, and its tag
`replaces` names the configuration before it.
"""

import hashlib
import json
import math
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from recore.production.alarming import delete_alarms
from recore.production.next_command import AFTER_SERVING
from recore.production.project import (
    NO_REASON,
    PAUSE,
    Outcome,
    ProductionError,
    ProductionProject,
    Watch,
    WorkFailedError,
)
from recore.production.versions import ensure_model, find_version, model_name

REPLACES = "recore:replaces"  # a tag
VARIANT = re.compile(r"([a-zA-Z0-9]{1,20})=(\d{1,6})(?::(\d{1,6}(?:\.\d+)?))?", re.ASCII)
SMALLEST_STEP = {"canary": 1, "linear": 10}  # percent
LONGEST_UPDATE = 8 * 3600  # seconds, SageMaker's limit
MARGIN = 1800  # seconds of an update besides the waits between its steps
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack")


@dataclass(frozen=True)
class Variant:
    """A production variant: a version that gets a share of the requests by its weight."""

    name: str
    version: int
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.name}={self.version}:{self.weight:g}"


@dataclass(frozen=True)
class Strategy:
    """How an update moves the traffic. step: percent of the capacity moved first, or at a time.

    interval: seconds between two steps, and until the old instances end. alarms: of CloudWatch, which roll back. Raises
    ProductionError for what SageMaker does not allow.
    """

    kind: str = "all-at-once"
    step: int = 10
    interval: int = 60
    alarms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        smallest = SMALLEST_STEP.get(self.kind)
        if smallest and not smallest <= self.step <= 50:
            raise ProductionError(f"--step {self.step}: {self.kind} needs {smallest} to 50 percent")
        if self.duration > LONGEST_UPDATE - MARGIN:
            hours = LONGEST_UPDATE // 3600
            raise ProductionError(f"the update would exceed SageMaker's limit of {hours} h: reduce --interval")

    @property
    def duration(self) -> int:
        """Seconds that the update waits between its steps."""
        steps = {"canary": 2, "linear": math.ceil(100 / self.step)}.get(self.kind, 1)
        return steps * self.interval

    @property
    def request(self) -> dict[str, Any]:
        """The DeploymentConfig of UpdateEndpoint."""
        routing: dict[str, Any] = {"Type": self.kind.upper().replace("-", "_"), "WaitIntervalInSeconds": self.interval}
        size = {"Type": "CAPACITY_PERCENT", "Value": self.step}
        routing |= {"canary": {"CanarySize": size}, "linear": {"LinearStepSize": size}}.get(self.kind, {})
        policy = {"TrafficRoutingConfiguration": routing, "MaximumExecutionTimeoutInSeconds": self.duration + MARGIN}
        config: dict[str, Any] = {"BlueGreenUpdatePolicy": policy}
        if self.alarms:
            config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in self.alarms]}
        return config


def choose_variants(project: ProductionProject, texts: Sequence[str]) -> list[Variant]:
    """Return the variants in texts such as A=3:9, by default one of the latest approved version. Raises
    ProductionError."""
    variants = []
    for text in texts:
        match = VARIANT.fullmatch(text)
        if not match:
            raise ProductionError(f"--variant {text}: NAME=VERSION or NAME=VERSION:WEIGHT is needed, such as A=3:9")
        variants.append(Variant(match[1], int(match[2]), float(match[3] or 1)))
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise ProductionError(f"the variant {max(names, key=names.count)} is given twice: each needs a name of its own")
    if variants and not any(variant.weight for variant in variants):
        raise ProductionError("every variant has the weight 0: no request would be answered")
    for variant in variants:
        find_version(project, variant.version, usable=True)
    return variants or [Variant("A", find_version(project, None).number)]


def deploy(project: ProductionProject, variants: Sequence[Variant], watch: Watch) -> Outcome:
    """Make the endpoint, and wait until it is in service.

    One that is being made is waited for; one whose making failed is made again, or deleted. Raises WorkFailedError if
    it cannot be made, ProductionError if it serves other variants.
    """
    name = project.settings.endpoint_name
    endpoint = _find(project)
    if endpoint and endpoint["EndpointStatus"] in ("Failed", "Deleting"):
        delete_endpoint(project, watch)
        endpoint = None
    if endpoint:
        if endpoint["EndpointStatus"] != "Creating":
            require_in_service(project, endpoint)
        if not _serves(project, endpoint["EndpointConfigName"], variants):
            shown = ", ".join(map(str, read_variants(project, endpoint["EndpointConfigName"])))
            raise ProductionError(
                f"the endpoint {name} already serves {shown}, on its instances: `update` changes that"
            )
    else:
        config = _ensure_config(project, variants, "")
        project.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    changed = endpoint is None or endpoint["EndpointStatus"] == "Creating"
    described = _wait(project, watch)
    if described["EndpointStatus"] != "InService":
        reason = described.get("FailureReason", NO_REASON)
        delete_endpoint(project, watch)
        raise WorkFailedError(f"the endpoint {name} could not be made, and is deleted again: {reason}")
    return _serving(project, described, variants, "serves") if changed else _unchanged(project, described, variants)


def update(project: ProductionProject, variants: Sequence[Variant], strategy: Strategy, watch: Watch) -> Outcome:
    """Replace what the endpoint serves, and wait for that. An update to the same is only waited for.

    Raises ProductionError if there is no endpoint or it is being changed, WorkFailedError if it was rolled back.
    """
    endpoint = find_existing(project)
    current, pending = endpoint["EndpointConfigName"], find_pending(endpoint)
    if pending and _serves(project, pending, variants):
        outcome = _finish(project, pending, watch)
    else:
        require_in_service(project, endpoint)
        if _serves(project, current, variants):
            return _unchanged(project, endpoint, variants)
        outcome = _change(project, _ensure_config(project, variants, current), strategy, watch)
    earlier = ", ".join(map(str, read_variants(project, current)))
    return replace(outcome, lines=[f"{line}; `rollback` returns to {earlier}" for line in outcome.lines])


def rollback(project: ProductionProject, strategy: Strategy, watch: Watch) -> Outcome:
    """Return the endpoint to what it served before its last update. Raises as `update` does."""
    endpoint = find_existing(project)
    earlier = _replaced(project, endpoint["EndpointConfigName"])
    if earlier and find_pending(endpoint) == earlier:
        return _finish(project, earlier, watch)
    require_in_service(project, endpoint)
    if not earlier:
        serving = ", ".join(map(str, read_variants(project, endpoint["EndpointConfigName"])))
        raise ProductionError(f"there is nothing to return to: the endpoint has served {serving} from the beginning")
    for variant in read_variants(project, earlier):
        ensure_model(project, find_version(project, variant.version, usable=True))
    return _change(project, earlier, strategy, watch)


def delete_endpoint(project: ProductionProject, watch: Watch) -> list[str]:
    """Delete the endpoint, its alarms and configurations. Returns their names."""
    name, deleted = project.settings.endpoint_name, []
    if _find(project):
        if _wait(project, watch)["EndpointStatus"] != "Deleting":
            project.sagemaker.delete_endpoint(EndpointName=name)
        while endpoint := _find(project):
            watch(endpoint["EndpointStatus"], 0, 0)
            time.sleep(PAUSE)
        deleted.append(f"the endpoint {name}")
    deleted += [f"the alarm {alarm}" for alarm in delete_alarms(project)]
    for config in _configs(project):
        project.sagemaker.delete_endpoint_config(EndpointConfigName=config)
        deleted.append(f"its configuration {config}")
    return deleted


def describe_endpoint(project: ProductionProject) -> dict[str, Any] | None:
    """The endpoint for programs; None if it does not exist."""
    endpoint = _find(project)
    return endpoint and _details(project, endpoint)


def require_endpoint(project: ProductionProject) -> dict[str, Any]:
    """The endpoint as of `describe_endpoint`. Raises ProductionError if it does not exist."""
    return _details(project, find_existing(project))


def read_variants(project: ProductionProject, config: str) -> list[Variant]:
    described = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    return [
        Variant(item["VariantName"], version_of(item["ModelName"]), float(item["InitialVariantWeight"]))
        for item in described["ProductionVariants"]
    ]


def version_of(model: str) -> int:
    """The version that a model of ours serves."""
    number = model.rpartition("-")[2]
    if not number.isdecimal():
        raise ProductionError(f"the endpoint serves the model {model}, which is not one of a version: it is not ours")
    return int(number)


def _serving(project: ProductionProject, endpoint: dict[str, Any], variants: Sequence[Variant], verb: str) -> Outcome:
    line = f"the endpoint {endpoint['EndpointName']} {verb} {', '.join(map(str, variants))}"
    number = project.settings.endpoint_instance_count * len(variants)
    instances = f"{number} x {project.settings.create_model_instance_type} {'runs' if number == 1 else 'run'}"
    costs = (f"{instances} until you delete the endpoint (`delete --endpoint`)",)
    return Outcome([line], _details(project, endpoint), AFTER_SERVING, costs=costs)


def _unchanged(project: ProductionProject, endpoint: dict[str, Any], variants: Sequence[Variant]) -> Outcome:
    line = f"the endpoint {endpoint['EndpointName']} already serves {', '.join(map(str, variants))}; nothing changed"
    return Outcome([line], _details(project, endpoint), AFTER_SERVING, changed=False)


def _change(project: ProductionProject, config: str, strategy: Strategy, watch: Watch) -> Outcome:
    project.sagemaker.update_endpoint(
        EndpointName=project.settings.endpoint_name, EndpointConfigName=config, DeploymentConfig=strategy.request
    )
    return _finish(project, config, watch)


def _finish(project: ProductionProject, config: str, watch: Watch) -> Outcome:
    name, described = project.settings.endpoint_name, _wait(project, watch)
    if described["EndpointStatus"] != "InService" or described["EndpointConfigName"] != config:
        reason = described.get("FailureReason", NO_REASON)
        raise WorkFailedError(f"the endpoint {name} still serves what it served, the update was rolled back: {reason}")
    return _serving(project, described, read_variants(project, config), "now serves")


def _ensure_config(project: ProductionProject, variants: Sequence[Variant], replaces: str) -> str:
    for variant in variants:
        ensure_model(project, find_version(project, variant.version, usable=True))
    request = {
        "ProductionVariants": _request_variants(project, variants),
        "DataCaptureConfig": {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": project.uri("capture"),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        },
        "Tags": [{"Key": REPLACES, "Value": replaces}],
    }
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
    name = f"{project.settings.endpoint_name}-{digest}"
    if not project.find("DescribeEndpointConfig", EndpointConfigName=name):
        project.sagemaker.create_endpoint_config(EndpointConfigName=name, **request)
    return name


def _request_variants(project: ProductionProject, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    settings = project.settings
    return [
        {
            "VariantName": variant.name,
            "ModelName": model_name(project, variant.version),
            "InstanceType": settings.create_model_instance_type,
            "InitialInstanceCount": settings.endpoint_instance_count,
            "InitialVariantWeight": variant.weight,
        }
        for variant in variants
    ]


def _serves(project: ProductionProject, config: str, variants: Sequence[Variant]) -> bool:
    described = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    wanted = _request_variants(project, variants)
    return [{key: item.get(key) for key in wanted[0]} for item in described] == wanted


def _replaced(project: ProductionProject, config: str) -> str:
    """The name of the configuration that one has replaced; "" without."""
    arn = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    tags = {tag["Key"]: tag["Value"] for tag in project.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    earlier = tags.get(REPLACES, "")
    return earlier if earlier and project.find("DescribeEndpointConfig", EndpointConfigName=earlier) else ""


def find_left(project: ProductionProject, config: str) -> frozenset[int]:
    """The versions that have replaced a configuration, one after the other, if the endpoint serves that again."""
    replaced = {name: _replaced(project, name) for name in _configs(project)}
    followers, waiting = set[str](), [config]
    while waiting:
        current = waiting.pop()
        later = [name for name, earlier in replaced.items() if earlier == current and name not in followers]
        followers.update(later)
        waiting += later
    left = {variant.version for name in followers for variant in read_variants(project, name)}
    return frozenset(left - {variant.version for variant in read_variants(project, config)})


def _configs(project: ProductionProject) -> list[str]:
    name = project.settings.endpoint_name
    pages = project.sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=name)
    names = pages.search("EndpointConfigs[].EndpointConfigName")
    return [config for config in names if re.fullmatch(f"{re.escape(name)}-[0-9a-f]{{12}}", config)]


def _find(project: ProductionProject) -> dict[str, Any] | None:
    return project.find("DescribeEndpoint", EndpointName=project.settings.endpoint_name)


def find_pending(endpoint: dict[str, Any]) -> str | None:
    return (endpoint.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")


def find_existing(project: ProductionProject) -> dict[str, Any]:
    """SageMaker's description of the endpoint. Raises ProductionError if it does not exist."""
    endpoint = _find(project)
    if endpoint is None:
        raise ProductionError(f"there is no endpoint {project.settings.endpoint_name}: `deploy` makes it")
    return endpoint


def require_in_service(project: ProductionProject, endpoint: dict[str, Any]) -> None:
    name, status = project.settings.endpoint_name, endpoint["EndpointStatus"]
    if status in (*CHANGING, "Deleting"):
        raise ProductionError(f"the endpoint {name} is being changed ({status}): wait for its end")
    if status != "InService":
        raise ProductionError(f"the endpoint {name} has failed ({status}): `delete --endpoint`, then `deploy`")


def _wait(project: ProductionProject, watch: Watch) -> dict[str, Any]:
    while True:
        endpoint = _find(project)
        if endpoint is None:
            raise WorkFailedError(f"the endpoint {project.settings.endpoint_name} was deleted meanwhile")
        if endpoint["EndpointStatus"] not in CHANGING:
            return endpoint
        watch(endpoint["EndpointStatus"], 0, 0)
        time.sleep(PAUSE)


def _details(project: ProductionProject, endpoint: dict[str, Any]) -> dict[str, Any]:
    shares = {item["VariantName"]: item.get("CurrentWeight", 0.0) for item in endpoint.get("ProductionVariants", [])}
    total = sum(shares.values())
    pending = find_pending(endpoint)
    return {
        "endpoint": endpoint["EndpointName"],
        "status": endpoint["EndpointStatus"],
        "config": endpoint["EndpointConfigName"],
        "reason": endpoint.get("FailureReason"),
        "pending": [variant.version for variant in read_variants(project, pending)] if pending else [],
        "variants": [
            asdict(variant) | {"share": shares[variant.name] / total if variant.name in shares and total else None}
            for variant in read_variants(project, endpoint["EndpointConfigName"])
        ],
    }
