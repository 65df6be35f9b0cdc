"""Model packages: the versions of a group, with their approval, and named packages without a group."""

import json
import operator
import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from recore.simulator.compute.platform import Platform
from recore.simulator.compute.servers.chain import named_containers
from recore.simulator.protocol.account import arn
from recore.simulator.protocol.errors import ServiceError, ValidationException
from recore.simulator.resources.client_token import once
from recore.simulator.resources.model_package_group import ModelPackageGroups
from recore.simulator.resources.paging import Position
from recore.simulator.resources.resource import Filter, Resource, read_object, refuse
from recore.simulator.resources.state_changes import StateChanges
from recore.simulator.state.records import Record, Store, now

NOT_SIMULATED = ("SourceAlgorithmSpecification", "ValidationSpecification", "SecurityConfig", "ManagedStorageType")
APPROVAL = ("ModelApprovalStatus", "ApprovalDescription")
# members of an update that replace those in the record
REPLACED = (*APPROVAL, "ModelPackageRegistrationType", "InferenceSpecification", "ModelLifeCycle")
# members of the event that reports a new state
EVENT = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    *APPROVAL,
    "MetadataProperties",
    "LastModifiedTime",
)
INSTANCE_TYPES = ("SupportedTransformInstanceTypes", "SupportedRealtimeInferenceInstanceTypes")
MOST_PROPERTIES = 50
MOST_ADDITIONAL = 15  # the limit on additional inference specifications
# members of a container that both models and model packages have
PACKAGED = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")
SOURCE = re.compile(r"(arn:[^:]*:sagemaker:[^:]*:[^:]*:(model|model-package)/)(.+)")
SOURCE_KINDS = {"model": "Model", "model-package": "ModelPackage"}
# members of a model card's content that are never encrypted, returned if IncludedData is MetadataOnly
METADATA = {
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}


class ModelPackages(Resource):
    """Versions of model package groups, and packages without a group.

    A version's key is its group and its number. A version has no ModelPackageName; lists use the group's name instead.
    """

    kind = "ModelPackage"
    arn_type = "model-package"
    verbs = ("List", "Delete")
    newest_first = True  # unlike in the API's reference, but AWS's samples take the first as the latest
    filters: ClassVar[dict[str, Filter]] = {
        "ModelApprovalStatus": ("ModelApprovalStatus", operator.eq),
        "ModelPackageGroupName": ("ModelPackageGroupName", operator.eq),
        "ModelPackageType": ("ModelPackageType", lambda kind, wanted: wanted in (kind, "Both")),
    }

    def __init__(self, platform: Platform):
        super().__init__(platform)
        self._state_changes = StateChanges(platform)
        self._in_order = threading.Lock()

    def CreateModelPackage(self, request: Record) -> Record:
        return self._once("CreateModelPackage", request, self._create)

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
        return self._once("UpdateModelPackage", request, self._update)

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

    def position(self, record: Record, by: str) -> Position:
        value, package = super().position(record, by)
        return value, f"{record.get('ModelPackageVersion', 0):09}/{package}"  # version 10 comes after version 9

    def _once(self, operation: str, request: Record, act: Callable[[Record], tuple[Record, bool]]) -> Record:
        """Carry out a request, and send an event if the state of the package has changed.

        act: returns the package's record, and whether its state has changed.
        """
        changed: list[Record] = []

        def answer(request: Record) -> Record:
            with self.store.transaction():  # so that no other request changes the records before this one does
                record, has_changed = act(request)
            if has_changed:
                changed.append(record)
            return {"ModelPackageArn": record["ModelPackageArn"]}

        with self._in_order:  # so that the events are in the order of the changes
            response = once(self, operation, request, answer)
            for record in changed:  # sent only after the changes are stored
                detail = {"CertifyForMarketplace": False} | {name: record[name] for name in EVENT if name in record}
                self._state_changes.put("Model Package", record["ModelPackageArn"], detail)
        return response

    def _create(self, request: Record) -> tuple[Record, bool]:
        refuse(request, NOT_SIMULATED, "CreateModelPackage")
        if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
            raise ValidationException("A model package must have either a ModelPackageName or a ModelPackageGroupName")
        _check_additional(request.get("AdditionalInferenceSpecifications", []))
        _check_model_card(request)
        request = _with_source(self.store, request, request)
        key, members = self._version(request) if "ModelPackageGroupName" in request else _unversioned(request)
        members["ModelPackageStatusDetails"] = {"ValidationStatuses": [], "ImageScanStatuses": []}
        arn = self.add(members, key, ModelPackageStatus="Completed", CreatedBy={})
        return self.find("DescribeModelPackage", {"ModelPackageArn": arn}), True

    def _version(self, request: Record) -> tuple[str, Record]:
        """Return the key and the members of a group's next version. Raises ServiceError."""
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
        before = self.find("UpdateModelPackage", request)
        _check_versioned(before)
        after = _with_source(self.store, _updated(before, request), request)
        record = self.store.change(self.kind, self.key(request), lambda _: after)
        return record, any(record.get(name) != before.get(name) for name in APPROVAL)


def _unversioned(request: Record) -> tuple[str, Record]:
    """Return the key and the members of a new package without a group. Raises ServiceError."""
    refuse(request, ["CertifyForMarketplace"], "CreateModelPackage")
    if "InferenceSpecification" not in request:
        raise ValidationException("A model package without a group must have an InferenceSpecification")
    if missing := [name for name in INSTANCE_TYPES if name not in request["InferenceSpecification"]]:
        raise ValidationException(f"InferenceSpecification: a model package without a group must have {missing[0]}")
    # the SDKs also send an approval status, which does not apply to a package without a group
    members = {member: value for member, value in request.items() if member != "ModelApprovalStatus"}
    return request["ModelPackageName"], members | {"ModelPackageType": "Unversioned"}


def _updated(record: Record, request: Record) -> Record:
    """Return a version's record after an update. Raises ServiceError."""
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    kept = {key: text for key, text in record.get("CustomerMetadataProperties", {}).items() if key not in removed}
    properties = kept | request.get("CustomerMetadataProperties", {})
    if len(properties) > MOST_PROPERTIES:
        message = (
            f"CustomerMetadataProperties: a model package can have at most {MOST_PROPERTIES}, not {len(properties)}"
        )
        raise ValidationException(message)
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    additional = [*record.get("AdditionalInferenceSpecifications", []), *added]
    _check_additional(additional)
    merged = {
        "CustomerMetadataProperties": properties,
        "AdditionalInferenceSpecifications": additional,
        "ModelCard": record.get("ModelCard", {}) | request.get("ModelCard", {}),
    }
    record = record | merged | {name: request[name] for name in REPLACED if name in request}
    record = {name: value for name, value in record.items() if value or name not in merged}
    return record | {"LastModifiedTime": now(), "LastModifiedBy": {}}


def _with_source(store: Store, package: Record, request: Record) -> Record:
    """Return a package with the SourceUri of a request and the inference specification of the model that it names.

    A package that has an inference specification keeps it. Raises ServiceError if the request has both members, or
    its SourceUri names a model or a model package that does not exist.
    """
    if "SourceUri" not in request:
        return package
    if "InferenceSpecification" in request:
        raise ValidationException("A request can have either a SourceUri or an InferenceSpecification, not both")
    specification = _source_specification(store, request["SourceUri"])
    populated = {"InferenceSpecification": specification} if specification else {}
    return populated | package | {"SourceUri": request["SourceUri"]}


def _source_specification(store: Store, uri: str) -> Record | None:
    """Return the inference specification of a model or package, by ARN, or None if the URI names neither.

    Raises ServiceError if there is no such model or package.
    """
    match = SOURCE.fullmatch(uri)
    if match is None:
        return None
    prefix, arn_type, key = match.groups()
    record = store.get(SOURCE_KINDS[arn_type], key) if prefix == arn(f"{arn_type}/") else None
    if record is None:
        raise ValidationException(f"SourceUri: could not find '{uri}'")
    if arn_type == "model-package":
        return record.get("InferenceSpecification")
    containers = [container for _, container in named_containers(record | record.internal)]
    return {"Containers": [{name: item[name] for name in PACKAGED if name in item} for item in containers]}


def _check_model_card(request: Record) -> None:
    """Raise ServiceError if the content of a request's model card is not a JSON object."""
    read_object(request.get("ModelCard", {}).get("ModelCardContent", "{}"), "ModelCard: ModelCardContent")


def _metadata_only(card: Record) -> Record:
    """Return a model card with only the members of its content that are never encrypted."""
    if "ModelCardContent" not in card:
        return card
    document = read_object(card["ModelCardContent"], "ModelCardContent")
    content = {}
    for section, names in METADATA.items():
        members = document.get(section)
        if isinstance(members, dict) and (kept := {name: members[name] for name in names if name in members}):
            content[section] = kept
    return card | {"ModelCardContent": json.dumps(content)}


def _check_versioned(package: Record) -> None:
    if package["ModelPackageType"] != "Versioned":
        message = f"The model package '{package['ModelPackageArn']}' is not a version of a model package group"
        raise ValidationException(message)


def _check_additional(specifications: list[Record]) -> None:
    """Raise ServiceError if there are too many additional inference specifications, or two of the same name."""
    names = [specification["Name"] for specification in specifications]
    if len(names) > MOST_ADDITIONAL:
        message = (
            f"AdditionalInferenceSpecifications: a model package can have at most {MOST_ADDITIONAL}, not {len(names)}"
        )
        raise ValidationException(message)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationException(f"AdditionalInferenceSpecifications: several have the name '{repeated[0]}'")
