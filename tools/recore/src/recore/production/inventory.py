"""What there is of a project."""

from typing import Any

from recore.production.endpoints import Variant, describe_endpoint, require_endpoint
from recore.production.next_command import next_command
from recore.production.project import Outcome, ProductionProject
from recore.production.project_state import make_state, suggest_next
from recore.production.versions import Version, find_version, list_versions


def list_all(project: ProductionProject) -> Outcome:
    """The versions, the latest first, and the endpoint with the shares of its variants."""
    versions, endpoint = list_versions(project), describe_endpoint(project)
    group = project.settings.model_package_group_name
    lines = [_version_line(version, endpoint) for version in versions] or [f"{group} has no version yet"]
    if endpoint:
        lines.append(_endpoint_line(endpoint))
    details = {"versions": [version.describe() for version in versions], "endpoint": endpoint}
    approvals = {version.number: version.approval for version in versions}
    return Outcome(lines, details, next_command(make_state(project, approvals, endpoint)))


def describe(project: ProductionProject, number: int | None) -> Outcome:
    """Describe a version in detail, or the endpoint. Raises ProductionError if it does not exist."""
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
        f"serves as {item['name']}, {item['share']:.0%} of the requests" for item in serving if item["share"]
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
