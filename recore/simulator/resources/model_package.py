"""Model packages: the versions of a group, with their approval, and packages of a name, without a group."""

import operator
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from recore.simulator.compute.platform import Platform
from recore.simulator.protocol.account import arn
from recore.simulator.protocol.errors import ServiceError, ValidationException
from recore.simulator.resources.client_token import once
from recore.simulator.resources.model_card import check_model_card, metadata_only
from recore.simulator.resources.package_source import with_source
from recore.simulator.resources.paging import Place
from recore.simulator.resources.resource import Filter, Resource, not_found
from recore.simulator.resources.state_changes import StateChanges
from recore.simulator.state.records import Record, StoredRecord, now

NOT_SIMULATED = ("SourceAlgorithmSpecification", "ValidationSpecification", "SecurityConfig", "ManagedStorageType")
# members of an update that replace those of the record
REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "ModelLifeCycle",
)
APPROVAL = ("ModelApprovalStatus", "ApprovalDescription")
# members of the event that tells of a new state
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
MOST_ADDITIONAL = 15  # inference specifications
GROUP_ARN = arn("model-package-group/")


class ModelPackages(Resource):
    """Versions of model package groups, and packages without a group.

    A version's key is its group and its number. It has no ModelPackageName; lists use the group's name instead.
    """

    kind = "ModelPackage"
    arn_type = "model-package"
    verbs = ("List", "Delete")
    newest_first = True  # the API's reference says otherwise, but AWS's samples take the first one for the latest
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
            return record | {"ModelCard": metadata_only(record["ModelCard"])}
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
            request["ModelPackageGroupName"] = group.removeprefix(GROUP_ARN)
        request.setdefault("ModelPackageType", "Versioned" if group else "Unversioned")
        return self.page("ListModelPackages", request)

    def listed_value(self, record: Record, member: str) -> Any:
        if member == "ModelPackageName" and "ModelPackageGroupName" in record:
            return record["ModelPackageGroupName"]
        return record.get(member)

    def place(self, record: Record, by: str) -> Place:
        value, package = super().place(record, by)
        return value, f"{record.get('ModelPackageVersion', 0):09}/{package}"  # version 10 comes after version 9

    def _once(self, operation: str, request: Record, act: Callable[[Record], tuple[Record, bool]]) -> Record:
        """Carry out a request, and put an event if that has changed the state of the package.

        act: returns the package's record, and whether its state has changed.
        """
        changed: list[Record] = []

        def answer(request: Record) -> Record:
            with self.store.transaction():  # the package may be updated or deleted meanwhile
                record, has_changed = act(request)
            changed.extend([record] if has_changed else [])
            return {"ModelPackageArn": record["ModelPackageArn"]}

        with self._in_order:  # the events are in the order of the changes
            answered = once(self, operation, request, answer)
            for record in changed:  # which is stored by now
                detail = {"CertifyForMarketplace": False} | {name: record[name] for name in EVENT if name in record}
                self._state_changes.put("Model Package", record["ModelPackageArn"], detail)
        return answered

    def _create(self, request: Record) -> tuple[Record, bool]:
        if unknown := [member for member in NOT_SIMULATED if member in request]:
            raise ValidationException(f"CreateModelPackage: {unknown[0]} is not simulated")
        if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
            raise ValidationException("A model package has either a ModelPackageName or a ModelPackageGroupName")
        _check_additional(request.get("AdditionalInferenceSpecifications", []))
        check_model_card(request.get("ModelCard", {}))
        request = with_source(self.store, request, request)
        create = self._create_version if "ModelPackageGroupName" in request else self._create_unversioned
        return self.find("DescribeModelPackage", {"ModelPackageArn": create(request)}), True

    def _create_version(self, request: Record) -> str:
        if "Tags" in request or request.get("CertifyForMarketplace"):
            member = "Tags" if "Tags" in request else "CertifyForMarketplace"
            raise ValidationException(f"{member} cannot be specified for a version of a model package group")
        group = request["ModelPackageGroupName"].removeprefix(GROUP_ARN)
        with self.store.transaction():  # a number that is not used is not counted
            try:
                version = self.store.change("ModelPackageGroup", group, _count_version).internal["LastVersion"]
            except KeyError:
                named = group if group.startswith("arn:") else f"{GROUP_ARN}{group}"
                raise ValidationException(not_found("model package group", named)) from None
            members = {"ModelApprovalStatus": "PendingManualApproval"} | request
            members |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
            return self._add(members, f"{group}/{version}", "Versioned")

    def _create_unversioned(self, request: Record) -> str:
        if request.get("CertifyForMarketplace"):
            raise ValidationException("CreateModelPackage: CertifyForMarketplace is not simulated")
        if "InferenceSpecification" not in request:
            raise ValidationException("A model package without a group must have an InferenceSpecification")
        if missing := [name for name in INSTANCE_TYPES if name not in request["InferenceSpecification"]]:
            raise ValidationException(f"InferenceSpecification: a model package without a group must have {missing[0]}")
        name = request["ModelPackageName"]
        # the SDKs send an approval status, too, which does not apply to a package without a group
        members = {member: value for member, value in request.items() if member != "ModelApprovalStatus"}
        return self._add(members, name, "Unversioned")

    def _add(self, members: Record, key: str, kind: str) -> str:
        details: Record = {"ValidationStatuses": [], "ImageScanStatuses": []}
        return self.add(
            members,
            key,
            ModelPackageType=kind,
            ModelPackageStatus="Completed",
            ModelPackageStatusDetails=details,
            CreatedBy={},
        )

    def _update(self, request: Record) -> tuple[Record, bool]:
        check_model_card(request.get("ModelCard", {}))
        with self.store.transaction():
            before = self.find("UpdateModelPackage", request)
            _check_versioned(before)
            record = self.store.change(
                self.kind,
                self.key(request),
                lambda record: with_source(self.store, _updated(record, request), request),
            )
        return record, any(record.get(name) != before.get(name) for name in APPROVAL)


def _count_version(group: StoredRecord) -> Record:
    """Count one more version in a group's record."""
    group.internal["LastVersion"] += 1
    return group


def _updated(record: Record, request: Record) -> Record:
    """A version's record after an update. Raises ServiceError."""
    record = record | {name: request[name] for name in REPLACED if name in request}
    removed = request.get("CustomerMetadataPropertiesToRemove", [])
    kept = {key: text for key, text in record.get("CustomerMetadataProperties", {}).items() if key not in removed}
    properties = kept | request.get("CustomerMetadataProperties", {})
    if len(properties) > MOST_PROPERTIES:
        message = f"CustomerMetadataProperties: a model package has at most {MOST_PROPERTIES}, not {len(properties)}"
        raise ValidationException(message)
    added = request.get("AdditionalInferenceSpecificationsToAdd", [])
    additional = [*record.get("AdditionalInferenceSpecifications", []), *added]
    _check_additional(additional)
    card = record.get("ModelCard", {}) | request.get("ModelCard", {})
    several = {
        "CustomerMetadataProperties": properties,
        "AdditionalInferenceSpecifications": additional,
        "ModelCard": card,
    }
    record = {name: value for name, value in record.items() if name not in several}
    record |= {name: value for name, value in several.items() if value}
    return record | {"LastModifiedTime": now(), "LastModifiedBy": {}}


def _check_versioned(package: Record) -> None:
    if package["ModelPackageType"] != "Versioned":
        message = f"The model package '{package['ModelPackageArn']}' is not a version of a model package group"
        raise ValidationException(message)


def _check_additional(specifications: list[Record]) -> None:
    """Refuse additional inference specifications that are too many, or of which two have one name."""
    names = [specification["Name"] for specification in specifications]
    if len(names) > MOST_ADDITIONAL:
        message = f"AdditionalInferenceSpecifications: a model package has at most {MOST_ADDITIONAL}, not {len(names)}"
        raise ValidationException(message)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationException(f"AdditionalInferenceSpecifications: several have the name '{repeated[0]}'")
