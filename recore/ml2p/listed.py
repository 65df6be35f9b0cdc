"""A project's resources among those of the account."""

from typing import Any

from .project import Project


def list_resources(project: Project, operation: str, member: str, name: str) -> list[dict[str, Any]]:
    """Return SageMaker's summaries of a project's resources of one kind.

    operation: of boto3. member: of its answer. name: the member of a summary that is the resource's name.
    """
    pages = project.sagemaker.get_paginator(operation).paginate(NameContains=project.name)
    return [found for page in pages for found in page[member] if project.short_name(found[name]) is not None]
