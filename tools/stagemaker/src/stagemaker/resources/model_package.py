"""Model packages: the versions in a group, with their approval status, and named packages without a group."""

import hashlib
import json
import operator
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from stagemaker.compute.periodic import PeriodicDelivery
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.chain import named_containers
from stagemaker.protocol import error_messages
from stagemaker.protocol.account import arn
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.resources.model_package_group import ModelPackageGroups
from stagemaker.resources.paging import Position
from stagemaker.resources.resource import Filter, Resource, find_repeated, parse_json_object, reject_members
from stagemaker.state.records import Record, Store, now
from stagemaker.text import printable_logger

UNSIMULATED_MEMBERS = "SourceAlgorithmSpecification ValidationSpecification SecurityConfig ManagedStorageType".split()
APPROVAL_MEMBERS = ("ModelApprovalStatus", "ApprovalDescription")
# members of an update request that replace members of the record
REPLACING_MEMBERS = (*APPROVAL_MEMBERS, "ModelPackageRegistrationType", "InferenceSpecification", "ModelLifeCycle")
# members of the event that reports a new state
EVENT_MEMBERS = (
    "ModelPackageName ModelPackageGroupName ModelPackageVersion ModelPackageArn ModelPackageDescription CreationTime "
    "InferenceSpecification ModelPackageStatus ModelPackageStatusDetails CertifyForMarketplace ModelApprovalStatus "
    "ApprovalDescription MetadataProperties LastModifiedTime"
).split()
INSTANCE_TYPE_MEMBERS = ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes")
MAX_PROPERTIES = 50
MAX_SPECIFICATIONS = 15  # the limit on additional inference specifications
# members of a container that both models and model packages have
SHARED_MEMBERS = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")
SOURCE_ARN = re.compile(r"(arn:[^:]*:sagemaker:[^:]*:[^:]*:(model|model-package)/)(.+)")
SOURCE_KINDS = {"model": "Model", "model-package": "ModelPackage"}
# members of a model card that are never encrypted, and that are returned if IncludedData is MetadataOnly
CARD_METADATA = {
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}

logger = printable_logger(__name__)


class ModelPackages(Resource):
    """Versions of model package groups, and packages without a group.

    A version's key consists of its group's name and its number. A version has no ModelPackageName; lists use the
    group's name instead.
    """

    kind = "ModelPackage"
    arn_type = "model-package"
    missing_message = error_messages.PACKAGE_MISSING
    exists_message = error_messages.PACKAGE_EXISTS
    verbs = ("List", "Delete")
    newest_first = True  # unlike in the API reference, because AWS's samples expect the latest package first
    filters: ClassVar[dict[str, Filter]] = {
        "ModelApprovalStatus": ("ModelApprovalStatus", operator.eq),
        "ModelPackageGroupName": ("ModelPackageGroupName", operator.eq),
        "ModelPackageType": ("ModelPackageType", lambda type_, requested_type: requested_type in (type_, "Both")),
    }

    def __init__(self, platform: Platform):
        super().__init__(platform)
        self._state_changes = StateChanges(platform)
        self._order_lock = threading.Lock()

    def CreateModelPackage(self, request: Record) -> Record:
        return self._run_and_report("CreateModelPackage", request, self._create)

    def DescribeModelPackage(self, request: Record) -> Record:
        record = self.find("DescribeModelPackage", request)
        if request.get("IncludedData") == "MetadataOnly" and "ModelCard" in record:
            return record | {"ModelCard": _metadata_only(record["ModelCard"])}
        return record

    def BatchDescribeModelPackage(self, request: Record) -> Record:
        summaries, errors = {}, {}
        for package in request["ModelPackageArnList"]:
            try:
                record = self.find("BatchDescribeModelPackage", {"ModelPackageArn": package})
                _check_versioned(record)
                summaries[package] = record
            except ServiceError as error:
                errors[package] = {"ErrorCode": error.code, "ErrorResponse": str(error)}
        return {"ModelPackageSummaries": summaries, "BatchDescribeModelPackageErrorMap": errors}

    def UpdateModelPackage(self, request: Record) -> Record:
        return self._run_and_report("UpdateModelPackage", request, self._update)

    def ListModelPackages(self, request: Record) -> Record:
        request = dict(request)
        if group := request.get("ModelPackageGroupName"):
            request["ModelPackageGroupName"] = ModelPackageGroups.key(request)
        request.setdefault("ModelPackageType", "Versioned" if group else "Unversioned")
        return self.page("ListModelPackages", request)

    def listed_value(self, record: Record, member: str) -> Any:
        if member == "ModelPackageName" and "ModelPackageGroupName" in record:
            return record["ModelPackageGroupName"]
        return record.get(member)

    def position(self, record: Record, sort_member: str) -> Position:
        value, package = super().position(record, sort_member)
        return value, f"{record.get('ModelPackageVersion', 0):09}/{package}"  # version 10 comes after version 9

    def _run_and_report(self, operation: str, request: Record, act: Callable[[Record], tuple[Record, bool]]) -> Record:
        """Carry out a request, and send an event if `act` reports that the package's state has changed."""
        events: list[Record] = []

        def carry_out(request: Record) -> Record:
            with self.store.transaction():  # so that no other request changes the records before this one does
                record, has_changed = act(request)
            if has_changed:
                events.append({name: record[name] for name in EVENT_MEMBERS if name in record})
            return {"ModelPackageArn": record["ModelPackageArn"]}

        with self._order_lock:  # so that the events are in the order of the changes
            response = self.run_once(operation, request, carry_out)
            for event in events:  # sent only after the changes are stored
                self._state_changes.put("Model Package", event["ModelPackageArn"], event)
        return response

    def _create(self, request: Record) -> tuple[Record, bool]:
        reject_members(request, UNSIMULATED_MEMBERS, "CreateModelPackage")
        if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
            raise ValidationException("A model package must have either a ModelPackageName or a ModelPackageGroupName")
        _check_additional_specifications(request.get("AdditionalInferenceSpecifications", []))
        _check_model_card(request)
        request = _add_source(self.store, request, request)
        key, members = self._next_version(request) if "ModelPackageGroupName" in request else _make_unversioned(request)
        members = _add_digests({"CertifyForMarketplace": False} | members)
        members["ModelPackageStatusDetails"] = {"ValidationStatuses": [], "ImageScanStatuses": []}
        arn = self.add(members, key, ModelPackageStatus="Completed", CreatedBy={})
        return self.find("DescribeModelPackage", {"ModelPackageArn": arn}), True

    def _next_version(self, request: Record) -> tuple[str, Record]:
        if "Tags" in request or request.get("CertifyForMarketplace"):
            member = "Tags" if "Tags" in request else "CertifyForMarketplace"
            raise ValidationException(f"{member} cannot be specified for a version of a model package group")
        group = ModelPackageGroups(self.platform).find("CreateModelPackage", request)
        name, version = group["ModelPackageGroupName"], group.internal["LastVersion"] + 1
        self.store.update("ModelPackageGroup", name, {"LastVersion": version})
        members = {"ModelApprovalStatus": "PendingManualApproval"} | request
        members |= {"ModelPackageGroupName": name, "ModelPackageVersion": version, "ModelPackageType": "Versioned"}
        return f"{name}/{version}", members

    def _update(self, request: Record) -> tuple[Record, bool]:
        _check_model_card(request)
        package = self.find("UpdateModelPackage", request)
        _check_versioned(package)
        updated_package = _add_digests(_add_source(self.store, _apply_update(package, request), request))
        record = self.store.change(self.kind, self.key(request), lambda _: updated_package)
        return record, any(record.get(name) != package.get(name) for name in APPROVAL_MEMBERS)


def _make_unversioned(request: Record) -> tuple[str, Record]:
    reject_members(request, ["CertifyForMarketplace"], "CreateModelPackage")
    if "InferenceSpecification" not in request:
        raise ValidationException("A model package without a group must have an InferenceSpecification")
    for name in INSTANCE_TYPE_MEMBERS:
        if name not in request["InferenceSpecification"]:
            raise ValidationException(f"InferenceSpecification: a model package without a group must have {name}")
    # the SDKs also send an approval status, which does not apply to a package without a group
    members = {member: value for member, value in request.items() if member != "ModelApprovalStatus"}
    return request["ModelPackageName"], members | {"ModelPackageType": "Unversioned"}


def _apply_update(record: Record, request: Record) -> Record:
    removed_keys = request.get("CustomerMetadataPropertiesToRemove", [])
    old_properties, new_properties = (source.get("CustomerMetadataProperties", {}) for source in (record, request))
    properties = {key: value for key, value in old_properties.items() if key not in removed_keys} | new_properties
    if len(properties) > MAX_PROPERTIES:
        message = f"CustomerMetadataProperties: at most {MAX_PROPERTIES} properties are allowed, not {len(properties)}"
        raise ValidationException(message)
    new_specifications = request.get("AdditionalInferenceSpecificationsToAdd", [])
    specifications = [*record.get("AdditionalInferenceSpecifications", []), *new_specifications]
    _check_additional_specifications(specifications)
    merged_members = {
        "CustomerMetadataProperties": properties,
        "AdditionalInferenceSpecifications": specifications,
        "ModelCard": record.get("ModelCard", {}) | request.get("ModelCard", {}),
    }
    record = record | merged_members | {name: request[name] for name in REPLACING_MEMBERS if name in request}
    record = {name: value for name, value in record.items() if value or name not in merged_members}
    return record | {"LastModifiedTime": now(), "LastModifiedBy": {}}


def _add_source(store: Store, package: Record, request: Record) -> Record:
    """Return a package with the request's SourceUri and, if it has no specification, the source's specification."""
    if "SourceUri" not in request:
        return package
    if "InferenceSpecification" in request:
        raise ValidationException("A request can have either a SourceUri or an InferenceSpecification, not both")
    specification = _find_source_specification(store, request["SourceUri"])
    source_members = {"InferenceSpecification": specification} if specification else {}
    return source_members | package | {"SourceUri": request["SourceUri"]}


def _find_source_specification(store: Store, uri: str) -> Record | None:
    match = SOURCE_ARN.fullmatch(uri)
    if match is None:
        return None
    prefix, arn_type, key = match.groups()
    record = store.get(SOURCE_KINDS[arn_type], key) if prefix == arn(f"{arn_type}/") else None
    if record is None:
        raise ValidationException(f"SourceUri: could not find '{uri}'")
    if arn_type == "model-package":
        return record.get("InferenceSpecification")
    containers = [container for _, container in named_containers(record | record.internal)]
    return {"Containers": [{name: item[name] for name in SHARED_MEMBERS if name in item} for item in containers]}


def _add_digests(package: Record) -> Record:
    """Add an ImageDigest to each container that lacks one. It is the SHA-256 of the image's name, not of the image."""

    def add(specification: Record) -> Record:
        digests = [hashlib.sha256(item.get("Image", "").encode()).hexdigest() for item in specification["Containers"]]
        pairs = zip(digests, specification["Containers"], strict=True)
        containers = [({"ImageDigest": f"sha256:{digest}"} if "Image" in item else {}) | item for digest, item in pairs]
        return specification | {"Containers": containers}

    package = dict(package)
    if "InferenceSpecification" in package:
        package["InferenceSpecification"] = add(package["InferenceSpecification"])
    if specifications := package.get("AdditionalInferenceSpecifications"):
        package["AdditionalInferenceSpecifications"] = list(map(add, specifications))
    return package


def _check_model_card(request: Record) -> None:
    parse_json_object(request.get("ModelCard", {}).get("ModelCardContent", "{}"), "ModelCard: ModelCardContent")


def _metadata_only(card: Record) -> Record:
    if "ModelCardContent" not in card:
        return card
    document = parse_json_object(card["ModelCardContent"], "ModelCardContent")
    sections = {name: document[name] for name in CARD_METADATA if isinstance(document.get(name), dict)}
    content = {
        section: {name: members[name] for name in CARD_METADATA[section] if name in members}
        for section, members in sections.items()
    }
    return card | {"ModelCardContent": json.dumps({name: members for name, members in content.items() if members})}


def _check_versioned(package: Record) -> None:
    if package["ModelPackageType"] != "Versioned":
        message = f"The model package '{package['ModelPackageArn']}' is not a version of a model package group"
        raise ValidationException(message)


def _check_additional_specifications(specifications: list[Record]) -> None:
    names = [specification["Name"] for specification in specifications]
    problem = ""
    if len(names) > MAX_SPECIFICATIONS:
        problem = f"at most {MAX_SPECIFICATIONS} specifications are allowed, not {len(names)}"
    elif repeated_names := find_repeated(names):
        problem = f"more than one specification is named '{repeated_names[0]}'"
    if problem:
        raise ValidationException(f"AdditionalInferenceSpecifications: {problem}")


class StateChanges:
    """Deliver events to EventBridge promptly and in order. Requests do not wait for it or fail because of it."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._periodic = PeriodicDelivery(platform, "state changes", self._send)

    def put(self, kind: str, arn: str, detail: Record) -> None:
        """Send an event. kind: the resource's kind in the detail-type. detail: a record of JSON values and times."""
        event = {
            "Source": "aws.sagemaker",
            "DetailType": f"SageMaker {kind} State Change",
            "Time": detail["LastModifiedTime"],
            "Resources": [arn],
            "Detail": json.dumps(detail, default="{:%Y-%m-%dT%H:%M:%SZ}".format),  # `default` formats the times
        }
        self._periodic.add(event, urgent=True)

    def _send(self, events: list[Record]) -> None:
        for event in events:
            try:
                self._platform.events.put_events(Entries=[event])
            except Exception as error:
                logger.warning("the event for %s could not be delivered: %s", event["Resources"][0], error)
