"""Model package groups: each contains the versions of one model. Resource policies are stored, but not enforced."""

from typing import ClassVar

from stagemaker.protocol import error_messages
from stagemaker.protocol.errors import ValidationException
from stagemaker.resources.resource import Filter, Resource, parse_json_object, reject_members
from stagemaker.state.records import Record


class ModelPackageGroups(Resource):
    """Groups of model packages.

    The internal member LastVersion is the highest version number so far. Version numbers are never reused.
    """

    kind = "ModelPackageGroup"
    arn_type = "model-package-group"
    missing_message = error_messages.GROUP_MISSING
    missing_messages: ClassVar[dict[str, str]] = {"GetModelPackageGroupPolicy": error_messages.GROUP_OF_POLICY_MISSING}
    exists_message = error_messages.GROUP_EXISTS
    verbs = ("Describe", "List")
    # there is one account, which owns all groups
    filters: ClassVar[dict[str, Filter]] = {
        "CrossAccountFilterOption": ("ModelPackageGroupArn", lambda _, option: option == "SameAccount")
    }

    def CreateModelPackageGroup(self, request: Record) -> Record:
        reject_members(request, ["ManagedConfiguration"], "CreateModelPackageGroup")
        members = {"ModelPackageGroupStatus": "Completed", "CreatedBy": {}}
        return {"ModelPackageGroupArn": self.add(request, None, {"LastVersion": 0}, **members)}

    def DeleteModelPackageGroup(self, request: Record) -> Record:
        with self.store.transaction():  # so that no version is added before the group is deleted
            group = self.find("DeleteModelPackageGroup", request)
            name = group["ModelPackageGroupName"]
            if any(package.get("ModelPackageGroupName") == name for package in self.store.all("ModelPackage")):
                message = f"Cannot delete model package group '{group['ModelPackageGroupArn']}': it has model packages"
                raise self.error("DeleteModelPackageGroup", "ConflictException", message)
            return self.delete("DeleteModelPackageGroup", request)

    def PutModelPackageGroupPolicy(self, request: Record) -> Record:
        parse_json_object(request["ResourcePolicy"], "ResourcePolicy")
        return self._set_policy("PutModelPackageGroupPolicy", request, request["ResourcePolicy"])

    def GetModelPackageGroupPolicy(self, request: Record) -> Record:
        group = self.find("GetModelPackageGroupPolicy", request)
        if group.get("ResourcePolicy") is None:
            raise ValidationException(self.message(error_messages.POLICY_MISSING, group["ModelPackageGroupName"]))
        return {"ResourcePolicy": group["ResourcePolicy"]}

    def DeleteModelPackageGroupPolicy(self, request: Record) -> Record:
        return self._set_policy("DeleteModelPackageGroupPolicy", request, None)

    def _set_policy(self, operation: str, request: Record, policy: str | None) -> Record:
        with self.store.transaction():
            group = self.find(operation, request)
            self.store.update(self.kind, group["ModelPackageGroupName"], ResourcePolicy=policy)
        return {"ModelPackageGroupArn": group["ModelPackageGroupArn"]}
