"""Reads the state of a model in production, from which the next command follows."""

from collections.abc import Mapping
from typing import Any

from recore.production.endpoints import CHANGING as CHANGING_STATUSES
from recore.production.endpoints import describe_endpoint, find_left
from recore.production.next_command import APPROVED, BROKEN, CHANGING, FAILED, MISSING, SERVING, ProjectState
from recore.production.next_command import next_command as choose_command
from recore.production.project import ProductionProject
from recore.production.versions import list_approvals

ENDPOINTS = {"Deleting": MISSING, "Failed": FAILED, "InService": SERVING} | dict.fromkeys(CHANGING_STATUSES, CHANGING)


def read_state(project: ProductionProject, subject: int | None = None) -> ProjectState:
    """The state now. subject: the version that the command was about."""
    return make_state(project, list_approvals(project), describe_endpoint(project), subject)


def make_state(
    project: ProductionProject, versions: Mapping[int, str], endpoint: dict[str, Any] | None, subject: int | None = None
) -> ProjectState:
    """The state of versions with their approvals, by number, and an endpoint as `describe_endpoint` describes it."""
    if endpoint is None:
        return ProjectState(versions, subject=subject)
    served = tuple(variant["version"] for variant in endpoint["variants"])
    is_newer = any(number > max(served) and approval == APPROVED for number, approval in versions.items())
    left = find_left(project, endpoint["config"]) if is_newer else frozenset()
    return ProjectState(versions, ENDPOINTS.get(endpoint["status"], BROKEN), served, left, subject)


def suggest_next(project: ProductionProject, subject: int | None = None) -> str:
    """The command that is sensible now. subject: the version that the last command was about."""
    return choose_command(read_state(project, subject))
