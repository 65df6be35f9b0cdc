"""List, describe and approve the versions and the endpoint of a project, and suggest the next command."""

from collections.abc import Mapping
from typing import Any

from recore.production.endpoints import CHANGING_STATES as CHANGING_STATUSES
from recore.production.endpoints import Variant, describe_endpoint, find_rolled_back, require_endpoint
from recore.production.next_command import (
    APPROVED,
    BROKEN,
    CHANGING,
    FAILED,
    MISSING,
    REJECTED,
    SERVING,
    ProjectState,
    next_command,
)
from recore.production.project import Outcome, ProductionProject
from recore.production.versions import Version, find_version, list_approvals, list_versions

ENDPOINTS = {"Deleting": MISSING, "Failed": FAILED, "InService": SERVING} | dict.fromkeys(CHANGING_STATUSES, CHANGING)


def read_state(project: ProductionProject, subject: int | None = None) -> ProjectState:
    """Return the current state. subject: the version that the command was about."""
    return make_state(project, list_approvals(project), describe_endpoint(project), subject)


def make_state(
    project: ProductionProject, versions: Mapping[int, str], endpoint: dict[str, Any] | None, subject: int | None = None
) -> ProjectState:
    """Return the state. versions: approval statuses by version. endpoint: from `describe_endpoint`."""
    if endpoint is None:
        return ProjectState(versions, subject=subject)
    served = tuple(variant["version"] for variant in endpoint["variants"])
    is_newer = any(number > max(served) and approval == APPROVED for number, approval in versions.items())
    rolled_back = find_rolled_back(project, endpoint["config"]) if is_newer else frozenset()
    return ProjectState(versions, ENDPOINTS.get(endpoint["status"], BROKEN), served, rolled_back, subject)


def suggest_next(project: ProductionProject, subject: int | None = None) -> str:
    """Suggest the next command, after a command about the version `subject`."""
    return next_command(read_state(project, subject))


def list_all(project: ProductionProject) -> Outcome:
    """List the versions, latest first, and the endpoint with its variants' shares of the requests."""
    versions, endpoint = list_versions(project), describe_endpoint(project)
    group = project.settings.model_package_group_name
    lines = [_version_line(version, endpoint) for version in versions] or [f"{group} has no version yet"]
    if endpoint:
        lines.append(_endpoint_line(endpoint))
    details = {"versions": [version.describe() for version in versions], "endpoint": endpoint}
    approvals = {version.number: version.approval for version in versions}
    return Outcome(lines, details, next_command(make_state(project, approvals, endpoint)))


def describe(project: ProductionProject, number: int | None) -> Outcome:
    """Describe a version or, by default, the endpoint. Raises ProductionError."""
    if number is None:
        endpoint = require_endpoint(project)
        reason = [f"reason: {endpoint['reason']}"] if endpoint["reason"] else []
        return Outcome([_endpoint_line(endpoint), f"configuration: {endpoint['config']}", *reason], endpoint)
    version = find_version(project, number)
    lines = [
        _version_line(version, describe_endpoint(project)),
        f"package: {version.arn}",
        *(f"{name}: {value}" for name, value in sorted(version.metadata.items())),
        *(f"archive of {name}: {uri}" for name, uri in zip(("features", "model"), version.archives, strict=False)),
    ]
    return Outcome(lines, version.describe(), suggest_next(project, number))


def _version_line(version: Version, endpoint: dict[str, Any] | None) -> str:
    serving = [item for item in (endpoint or {}).get("variants", []) if item["version"] == version.number]
    shares = ", ".join(
        f"serves {item['share']:.0%} of the requests as {item['name']}" for item in serving if item["share"]
    )
    parts = [
        f"version {version.number}",
        version.approval,
        version.score_text,
        f"{version.created:%Y-%m-%d %H:%M}",
        shares,
    ]
    return ", ".join(filter(None, parts))


def _endpoint_line(endpoint: dict[str, Any]) -> str:
    variants = ", ".join(str(Variant(item["name"], item["version"], item["weight"])) for item in endpoint["variants"])
    return f"endpoint {endpoint['endpoint']}, {endpoint['status']}: {variants}"


def approve(project: ProductionProject, number: int, reject: bool = False) -> Outcome:
    """Approve or reject a version. Raises ProductionError."""
    version = find_version(project, number)
    status = REJECTED if reject else APPROVED
    name = f"version {number} of {project.settings.model_package_group_name}"
    is_changed = version.approval != status
    if is_changed:
        project.sagemaker.update_model_package(ModelPackageArn=version.arn, ModelApprovalStatus=status)
    line = f"{name} is now {status.lower()}" if is_changed else f"{name} is already {status.lower()}; nothing changed"
    next_step = suggest_next(project, None if reject else number)
    return Outcome([line], {"version": number, "approval": status}, next_step, is_changed)
