"""Deploy, update, roll back and delete an endpoint that serves one or more versions.

All state is stored in SageMaker: the name of an endpoint configuration contains a digest of its contents, and the tag
`recore:replaces` contains the name of the previous configuration.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from recore.distribution import PROGRAM
from recore.production.alarms import delete_alarms
from recore.production.next_command import INVOKE_COMMAND
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
from stagemaker import interrupts

REPLACES_TAG = "recore:replaces"  # name of a tag
VARIANT = re.compile(r"([a-zA-Z0-9]{1,20})=(\d{1,6})(?::(\d{1,6}(?:\.\d+)?))?", re.ASCII)
MIN_STEP = {"canary": 1, "linear": 10}  # percent
MAX_UPDATE_SECONDS = 8 * 3600  # SageMaker's limit
MARGIN = 1800  # seconds that an update takes in addition to the waits between its steps
CHANGING_STATES = ("Creating", "Updating", "SystemUpdating", "RollingBack")


@dataclass(frozen=True)
class Variant:
    """A production variant: a version that receives a share of the requests in proportion to its weight."""

    name: str
    version: int
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.name}={self.version}:{self.weight:g}"


@dataclass(frozen=True)
class Strategy:
    """How an update shifts traffic. step: the percentage to shift in the canary, or in each linear step.

    interval: the seconds between steps, and before the old instances are terminated. alarms: the CloudWatch alarms that
    cause a rollback. Raises ProductionError if SageMaker does not allow the values.
    """

    kind: str = "all-at-once"
    step: int = 10
    interval: int = 60
    alarms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        minimum = MIN_STEP.get(self.kind)
        if minimum and not minimum <= self.step <= 50:
            raise ProductionError(f"--step {self.step}: {self.kind} steps must be {minimum} to 50 percent")
        if self.duration > MAX_UPDATE_SECONDS - MARGIN:
            hours = MAX_UPDATE_SECONDS // 3600
            raise ProductionError(
                f"the update would take longer than SageMaker's limit of {hours} h: reduce --interval"
            )

    @property
    def duration(self) -> int:
        """The total waiting time in seconds."""
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


def choose_variants(project: ProductionProject, options: Sequence[str]) -> list[Variant]:
    """Parse variants such as A=3:9; by default, return one with the latest approved version. Raises ProductionError."""
    variants = []
    for option in options:
        match = VARIANT.fullmatch(option)
        if not match:
            raise ProductionError(f"--variant {option}: expected NAME=VERSION or NAME=VERSION:WEIGHT, such as A=3:9")
        variants.append(Variant(match[1], int(match[2]), float(match[3] or 1)))
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise ProductionError(f"two variants are named {max(names, key=names.count)}: give each a different name")
    if variants and not any(variant.weight for variant in variants):
        raise ProductionError("all variants have the weight 0: at least one needs a positive weight")
    for variant in variants:
        find_version(project, variant.version, usable=True)
    return variants or [Variant("A", find_version(project, None).number)]


def deploy(project: ProductionProject, variants: Sequence[Variant], watch: Watch) -> Outcome:
    """Create the endpoint, and wait until it is in service.

    If an earlier creation failed, retry. Raises WorkFailedError if the creation fails (the endpoint is then deleted),
    or ProductionError if the endpoint serves other variants.
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
            version_list = ", ".join(map(str, read_variants(project, endpoint["EndpointConfigName"])))
            raise ProductionError(f"the endpoint {name} already serves {version_list}: use `update` to change that")
    else:
        config = _ensure_config(project, variants, "")
        project.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    is_changed = endpoint is None or endpoint["EndpointStatus"] == "Creating"
    described = _wait(project, watch)
    if described["EndpointStatus"] != "InService":
        reason = described.get("FailureReason", NO_REASON)
        delete_endpoint(project, watch)
        raise WorkFailedError(f"the endpoint {name} could not be created and has been deleted: {reason}")
    return _conclude(project, described, variants, "serves") if is_changed else _no_change(project, described, variants)


def update(project: ProductionProject, variants: Sequence[Variant], strategy: Strategy, watch: Watch) -> Outcome:
    """Replace the endpoint's variants, and wait until this update, which may already be in progress, has ended.

    Raises ProductionError if the endpoint is missing or not ready for an update, or WorkFailedError after a rollback.
    """
    endpoint = find_existing(project)
    current, pending = endpoint["EndpointConfigName"], find_pending(endpoint)
    if pending and _serves(project, pending, variants):
        outcome = _finish(project, pending, watch)
    else:
        require_in_service(project, endpoint)
        if _serves(project, current, variants):
            return _no_change(project, endpoint, variants)
        outcome = _change(project, _ensure_config(project, variants, current), strategy, watch)
    earlier_versions = ", ".join(map(str, read_variants(project, current)))
    line, *notes = outcome.lines
    return replace(outcome, lines=[f"{line}; `rollback` returns to {earlier_versions}", *notes])


def rollback(project: ProductionProject, strategy: Strategy, watch: Watch) -> Outcome:
    """Restore the variants that the endpoint served before its last update. Raises the same errors as `update`."""
    endpoint = find_existing(project)
    earlier_config = _get_replaced(project, endpoint["EndpointConfigName"])
    if earlier_config and find_pending(endpoint) == earlier_config:
        return _finish(project, earlier_config, watch)
    require_in_service(project, endpoint)
    if not earlier_config:
        version_list = ", ".join(map(str, read_variants(project, endpoint["EndpointConfigName"])))
        raise ProductionError(f"cannot roll back: the endpoint has served {version_list} since its creation")
    for variant in read_variants(project, earlier_config):
        ensure_model(project, find_version(project, variant.version, usable=True))
    return _change(project, earlier_config, strategy, watch)


def delete_endpoint(project: ProductionProject, watch: Watch) -> list[str]:
    """Delete the endpoint, its alarms and its configurations, and return their names."""
    name, deleted = project.settings.endpoint_name, []
    if _find(project):
        if _wait(project, watch)["EndpointStatus"] != "Deleting":
            project.sagemaker.delete_endpoint(EndpointName=name)
        while endpoint := _find(project):
            watch(endpoint["EndpointStatus"], 0, 0)
            interrupts.sleep(PAUSE)
        deleted.append(f"the endpoint {name}")
    deleted += [f"the alarm {alarm}" for alarm in delete_alarms(project)]
    for config in _configs(project):
        project.sagemaker.delete_endpoint_config(EndpointConfigName=config)
        deleted.append(f"its configuration {config}")
    return deleted


def describe_endpoint(project: ProductionProject) -> dict[str, Any] | None:
    """Return the endpoint as a dict, for --json, or None if it does not exist."""
    endpoint = _find(project)
    return endpoint and _details(project, endpoint)


def require_endpoint(project: ProductionProject) -> dict[str, Any]:
    """Return the endpoint as `describe_endpoint` does. Raises ProductionError if it does not exist."""
    return _details(project, find_existing(project))


def read_variants(project: ProductionProject, config: str) -> list[Variant]:
    response = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)
    return [
        Variant(item["VariantName"], version_of(item["ModelName"]), float(item["InitialVariantWeight"]))
        for item in response["ProductionVariants"]
    ]


def version_of(model: str) -> int:
    """Return the version number in a model's name. Raises ProductionError if the name has no number."""
    number = model.rpartition("-")[2]
    if not number.isdecimal():
        raise ProductionError(f"the endpoint serves the model {model}, which was not created by {PROGRAM} production")
    return int(number)


def _conclude(project: ProductionProject, endpoint: dict[str, Any], variants: Sequence[Variant], verb: str) -> Outcome:
    from recore.production.client_spectra import find_unmonitored  # imports pandas

    line = f"the endpoint {endpoint['EndpointName']} {verb} {', '.join(map(str, variants))}"
    number = project.settings.endpoint_instance_count * len(variants)
    instances = f"{number} x {project.settings.create_model_instance_type} {'runs' if number == 1 else 'run'}"
    costs = (f"{instances} until you delete the endpoint (`delete --endpoint`)",)
    lines = [line, *find_unmonitored(project, {each.version: None for each in variants})]
    return Outcome(lines, _details(project, endpoint), INVOKE_COMMAND, costs=costs)


def _no_change(project: ProductionProject, endpoint: dict[str, Any], variants: Sequence[Variant]) -> Outcome:
    line = f"the endpoint {endpoint['EndpointName']} already serves {', '.join(map(str, variants))}; nothing changed"
    return Outcome([line], _details(project, endpoint), INVOKE_COMMAND, changed=False)


def _change(project: ProductionProject, config: str, strategy: Strategy, watch: Watch) -> Outcome:
    project.sagemaker.update_endpoint(
        EndpointName=project.settings.endpoint_name, EndpointConfigName=config, DeploymentConfig=strategy.request
    )
    return _finish(project, config, watch)


def _finish(project: ProductionProject, config: str, watch: Watch) -> Outcome:
    name, endpoint = project.settings.endpoint_name, _wait(project, watch)
    if endpoint["EndpointStatus"] != "InService" or endpoint["EndpointConfigName"] != config:
        reason = endpoint.get("FailureReason", NO_REASON)
        problem = f"the update was rolled back; endpoint {name} still serves the previous variants"
        raise WorkFailedError(f"{problem}: {reason}")
    return _conclude(project, endpoint, read_variants(project, config), "now serves")


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
        "Tags": [{"Key": REPLACES_TAG, "Value": replaces}],
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
    current = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    new_variants = _request_variants(project, variants)
    return [{key: item.get(key) for key in new_variants[0]} for item in current] == new_variants


def _get_replaced(project: ProductionProject, config: str) -> str:
    """Return the name of the configuration that this one replaced, or "" if that no longer exists."""
    arn = project.sagemaker.describe_endpoint_config(EndpointConfigName=config)["EndpointConfigArn"]
    tags = {tag["Key"]: tag["Value"] for tag in project.sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    old = tags.get(REPLACES_TAG, "")
    return old if old and project.find("DescribeEndpointConfig", EndpointConfigName=old) else ""


def find_rolled_back(project: ProductionProject, config: str) -> frozenset[int]:
    """Return the versions that the endpoint served before it was rolled back to this configuration."""
    replaced = {name: _get_replaced(project, name) for name in _configs(project)}
    followers, waiting = set[str](), [config]
    while waiting:
        current = waiting.pop()
        later = [name for name, earlier in replaced.items() if earlier == current and name not in followers]
        followers.update(later)
        waiting += later
    versions = {variant.version for name in followers for variant in read_variants(project, name)}
    return frozenset(versions - {variant.version for variant in read_variants(project, config)})


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
    """Return SageMaker's description of the endpoint. Raises ProductionError if it does not exist."""
    endpoint = _find(project)
    if endpoint is None:
        raise ProductionError(f"the endpoint {project.settings.endpoint_name} does not exist; create it with `deploy`")
    return endpoint


def require_in_service(project: ProductionProject, endpoint: dict[str, Any]) -> None:
    name, status = project.settings.endpoint_name, endpoint["EndpointStatus"]
    if status in (*CHANGING_STATES, "Deleting"):
        raise ProductionError(f"the endpoint {name} is being changed ({status}); wait until the change is complete")
    if status != "InService":
        raise ProductionError(f"the endpoint {name} has failed ({status}): run `delete --endpoint`, then `deploy`")


def _wait(project: ProductionProject, watch: Watch) -> dict[str, Any]:
    while True:
        endpoint = _find(project)
        if endpoint is None:
            raise WorkFailedError(f"the endpoint {project.settings.endpoint_name} was deleted in the meantime")
        if endpoint["EndpointStatus"] not in CHANGING_STATES:
            return endpoint
        watch(endpoint["EndpointStatus"], 0, 0)
        interrupts.sleep(PAUSE)


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
