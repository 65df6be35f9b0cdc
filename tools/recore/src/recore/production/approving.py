"""Approves versions, which may then be served, and rejects them."""

from recore.production.next_command import APPROVED, REJECTED
from recore.production.project import Outcome, ProductionProject
from recore.production.project_state import suggest_next
from recore.production.versions import find_version


def approve(project: ProductionProject, number: int, reject: bool = False) -> Outcome:
    """Approve or reject a version. Raises ProductionError if it does not exist."""
    version = find_version(project, number)
    status = REJECTED if reject else APPROVED
    name = f"version {number} of {project.settings.model_package_group_name}"
    changed = version.approval != status
    if changed:
        project.sagemaker.update_model_package(ModelPackageArn=version.arn, ModelApprovalStatus=status)
    line = f"{name} is now {status.lower()}" if changed else f"{name} is already {status.lower()}; nothing changed"
    following = suggest_next(project, None if reject else number)
    return Outcome([line], {"version": number, "approval": status}, following, changed)
