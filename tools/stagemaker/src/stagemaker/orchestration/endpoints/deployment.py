"""A deployment: the variants that an endpoint serves, as a record that does not depend on other records.

It contains the endpoint configuration's name, its DataCaptureConfig (or None) and its Variants. Each variant has the
members of a production variant and, in addition, its Weight, its Count (the number of instances) and its Model.
An endpoint therefore keeps working if its configuration or a model is deleted.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from stagemaker.compute.endpoints.traffic import Parts
from stagemaker.compute.servers.chain import named_containers
from stagemaker.protocol import error_messages
from stagemaker.protocol.account import arn
from stagemaker.protocol.errors import ValidationException
from stagemaker.state.records import Record, Store, StoredRecord, now

# the member of a variant that contains each property, by the property's name in requests
VARIANT_PROPERTIES = {"DesiredWeight": "Weight", "DesiredInstanceCount": "Count"}


@dataclass(frozen=True)
class Stage:
    """The progress of a deployment.

    status: the Status in VariantStatus. parts: the fraction of each variant's invocations that its new fleet receives.
    """

    status: str
    parts: Parts = field(default_factory=dict)
    start_time: datetime.datetime = field(default_factory=now)

    def variant_status(self, variant: str) -> list[Record]:
        message = f"{float(100 * self.parts.get(variant, 0)):.3g}% of the invocations"
        return [{"Status": self.status, "StatusMessage": message, "StartTime": self.start_time}]


def make_deployment(store: Store, config_name: str) -> Record:
    """Return an endpoint configuration's deployment. Raises ServiceError if the configuration or a model is missing."""
    config = _find(store, "EndpointConfig", "endpoint configuration", f"endpoint-config/{config_name}")
    variants = []
    for variant in config["ProductionVariants"]:
        model = _find(store, "Model", "model", f"model/{variant['ModelName']}")
        initial_values = {"Weight": variant["InitialVariantWeight"], "Count": variant.get("InitialInstanceCount", 1)}
        variants.append(variant | initial_values | {"Model": model | model.internal})
    capture = config.get("DataCaptureConfig")
    return {"EndpointConfigName": config_name, "DataCaptureConfig": capture, "Variants": variants}


def _find(store: Store, kind: str, title: str, resource: str) -> StoredRecord:
    record = store.get(kind, resource.partition("/")[2])
    if record is None:
        raise ValidationException(error_messages.RESOURCE_MISSING.format(title=title, arn=arn(resource)))
    return record


def retain_properties(pending: Record, current: Record, request: Record) -> Record:
    """Return a pending deployment with the current weights, counts and data capture that a request retains.

    Raises ServiceError if the request is contradictory, or if all weights would be 0.
    """
    excluded_names = {entry["VariantPropertyType"] for entry in request.get("ExcludeRetainedVariantProperties", [])}
    if not request.get("RetainAllVariantProperties"):
        if excluded_names:
            raise ValidationException("ExcludeRetainedVariantProperties requires RetainAllVariantProperties to be true")
        return pending
    retained_members = [member for name, member in VARIANT_PROPERTIES.items() if name not in excluded_names]
    properties = {
        variant["VariantName"]: {member: variant[member] for member in retained_members}
        for variant in current["Variants"]
        if not (is_serverless(current) or is_serverless(pending))
    }
    if "DataCaptureConfig" not in excluded_names:
        pending = pending | {"DataCaptureConfig": current["DataCaptureConfig"]}
    return _with_properties(pending, properties)


def rescale(current: Record, request: Record) -> Record:
    """Return a deployment after an UpdateEndpointWeightsAndCapacities request. Raises ServiceError if it is invalid."""
    properties: dict[str, Record] = {}
    variant_names = [variant["VariantName"] for variant in current["Variants"]]
    for entry in request["DesiredWeightsAndCapacities"]:
        name = entry["VariantName"]
        if name not in variant_names or name in properties:
            reason = "is listed twice" if name in properties else "does not exist"
            raise ValidationException(f"DesiredWeightsAndCapacities: variant {name} {reason}")
        if "DesiredInstanceCount" in entry and is_serverless(current):
            raise ValidationException(f"DesiredWeightsAndCapacities: the serverless variant {name} has no instances")
        if entry.get("DesiredInstanceCount") == 0:
            message = f"DesiredWeightsAndCapacities: DesiredInstanceCount of variant {name} must be at least 1"
            raise ValidationException(message)
        properties[name] = {member: entry[key] for key, member in VARIANT_PROPERTIES.items() if key in entry}
    return _with_properties(current, properties)


def _with_properties(deployment: Record, properties: Mapping[str, Record]) -> Record:
    variants = [variant | properties.get(variant["VariantName"], {}) for variant in deployment["Variants"]]
    if not any(variant["Weight"] > 0 for variant in variants):
        raise ValidationException("At least one variant must have a weight above 0")
    return deployment | {"Variants": variants}


def is_serverless(deployment: Record) -> bool:
    """Return whether a deployment is serverless. A serverless deployment has only one variant."""
    return any("ServerlessConfig" in variant for variant in deployment["Variants"])


def instance_count(deployment: Record | None) -> int:
    return sum(variant["Count"] for variant in deployment["Variants"]) if deployment else 0


def max_instances(internal: Record) -> int:
    current, pending = internal["Deployment"], internal["Pending"]
    if current and pending and internal["Rescaling"]:
        pairs = zip(current["Variants"], pending["Variants"], strict=True)
        return sum(max(old["Count"], new["Count"]) for old, new in pairs)
    retiring_count: int = internal.get("Retiring", 0)
    return instance_count(current) + instance_count(pending) + retiring_count


def describe_variants(deployment: Record, desired: Record) -> list[Record]:
    pairs = zip(deployment["Variants"], desired["Variants"], strict=True)
    return [_desired_members(target) | _current_members(variant) for variant, target in pairs]


def describe_pending(deployment: Record, stage: Stage) -> list[Record]:
    return [
        _desired_members(variant) | {"VariantStatus": stage.variant_status(variant["VariantName"])}
        for variant in deployment["Variants"]
    ]


def _desired_members(variant: Record) -> Record:
    time, names = variant["Model"]["CreationTime"], images(variant["Model"])
    entries = [{"SpecifiedImage": name, "ResolvedImage": name, "ResolutionTime": time} for name in names]
    members = {"VariantName": variant["VariantName"], "DeployedImages": entries, "DesiredWeight": variant["Weight"]}
    return members if "ServerlessConfig" in variant else members | {"DesiredInstanceCount": variant["Count"]}


def _current_members(variant: Record) -> Record:
    members = {"CurrentWeight": variant["Weight"], "CurrentInstanceCount": variant["Count"]}
    if serverless := variant.get("ServerlessConfig"):
        members |= {"CurrentInstanceCount": 0, "CurrentServerlessConfig": serverless}
    return members


def images(model: Record) -> list[str]:
    return [container.get("Image", "") for _, container in named_containers(model)]
