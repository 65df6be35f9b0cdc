"""What each version of a model was made of: a record on S3 that is written once and outlives what it describes.

The records of a project's training jobs and models are versions/NAME.json in its folder.
"""

import datetime
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from recore.model.errors import NamingError

from .project import Project
from .project_folder import ProjectFolder
from .resources import ResourceKind, describe


@contextmanager
def claimed(project: Project, name: str, content: Mapping[str, Any]) -> Iterator[None]:
    """Write the record of a name, and delete it again if AWS refuses what it describes in the context.

    After another error, such as a broken connection, the resource may exist: the record stays. Raises NamingError if
    the name has a record, because the name of a version can be used only once.
    """
    folder = ProjectFolder(project)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    text = json.dumps({"name": name, "named": now, **content}, indent=2, default=str) + "\n"
    if not folder.create(_path(name), text.encode()):
        before = (read(project, name) or {}).get("named", "before")
        raise NamingError(
            f"the name {name!r} was already used ({before}); a version name can be used only once: choose another"
        )
    try:
        yield
    except (ClientError, ParamValidationError):
        folder.delete_file(_path(name))
        raise


def read(project: Project, name: str) -> dict[str, Any] | None:
    """Return the record of a name; None if it has none."""
    content = ProjectFolder(project).get(_path(name))
    if content is None:
        return None
    record: dict[str, Any] = json.loads(content)
    return record


def describe_version(project: Project, kind: ResourceKind, name: str) -> dict[str, Any]:
    """Return SageMaker's description of a training job or model, and under `Version` its record."""
    return describe(project, kind, name) | {"Version": read(project, project.full_name(name))}


def _path(name: str) -> str:
    return f"versions/{name}.json"
