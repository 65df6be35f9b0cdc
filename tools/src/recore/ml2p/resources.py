"""A project's resources of one kind in SageMaker: their list, the description of one, and waiting until it is done."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from .project import Project

SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds between two requests for a status
UNDER_WAY = {"InProgress", "Stopping", "Creating", "Updating", "SystemUpdating", "RollingBack"}


class FailedError(Exception):
    """What was waited for has failed, or was stopped."""


@dataclass(frozen=True)
class ResourceKind:
    """A kind of resources. name: in the API, such as TrainingJob. summaries: the member of the answer that lists them.

    good_end: the status of a resource that is done.
    """

    name: str
    summaries: str = ""
    good_end: str = "Completed"


def list_resources(project: Project, kind: ResourceKind) -> list[dict[str, Any]]:
    """Return SageMaker's summaries of a project's resources, which are a part of the account's."""
    pages = project.sagemaker.get_paginator(f"list_{xform_name(kind.name)}s").paginate(NameContains=project.name)
    summaries = [summary for page in pages for summary in page[kind.summaries]]
    return [summary for summary in summaries if project.owns(summary[f"{kind.name}Name"])]


def describe(project: Project, kind: ResourceKind, name: str) -> dict[str, Any]:
    """Return SageMaker's description of a resource."""
    return project.call(f"Describe{kind.name}", **{f"{kind.name}Name": project.full_name(name)})


def wait(project: Project, kind: ResourceKind, name: str, show_status: Callable[[str], None]) -> None:
    """Wait until a resource is done. show_status: called with each status.

    Raises FailedError at any other end, with the reason.
    """
    pause, last_status = SHORTEST_PAUSE, ""
    while True:
        description = describe(project, kind, name)
        status = description[f"{kind.name}Status"]
        if status != last_status:
            show_status(status)
            last_status = status
        if status == kind.good_end:
            return
        if status not in UNDER_WAY:
            reason = (
                description.get("FailureReason") or description.get("ExitMessage") or "SageMaker reported no reason"
            )
            raise FailedError(f"{status}: {reason}")
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST_PAUSE)
