"""Approves versions, which may then be served, and rejects them."""

from recore.production.endpoints import suggest_next
from recore.production.project import Outcome, ProductionProject
from recore.production.versions import APPROVED, find_version


def approve(project: ProductionProject, number: int, reject: bool = False) -> Outcome:
    """Approve or reject a version. Raises ProductionError if it does not exist."""
    version = find_version(project, number)
    status = "Rejected" if reject else APPROVED
    name = f"version {number} of {project.settings.model_package_group_name}"
    changed = version.approval != status
    if changed:
        project.sagemaker.update_model_package(ModelPackageArn=version.arn, ModelApprovalStatus=status)
    line = f"{name} is now {status.lower()}" if changed else f"{name} already is {status.lower()}; nothing changed"
    following = "list" if reject else suggest_next(project, find_version(project, number))
    return Outcome([line], {"version": number, "approval": status}, following, changed)
