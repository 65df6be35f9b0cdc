"""A project's folder on S3: its objects by their paths below it."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from recore.model.errors import UploadError
from recore.model.uploads import S3Uploader

from .project import Project

CHUNK_BYTES = 2**20
MOST_DELETED = 1000  # objects in one request
Advance = Callable[[int], object]  # called with the number of bytes that were just read or written


def nothing(size: int) -> None:
    """Do without progress."""


@dataclass(frozen=True)
class StoredFile:
    """An object. name: its path below the folder that was listed. size: bytes."""

    name: str
    size: int


class ProjectFolder:
    """The folder that a project's `s3folder` names."""

    def __init__(self, project: Project):
        self._bucket, self._path, self._s3 = project.s3.bucket(), project.s3.path, project.s3_client
        self._uploader = S3Uploader(lambda: project.s3_client)

    def files(self, folder: str) -> list[StoredFile]:
        """Return the objects of a folder, whose name ends with a slash, sorted by name."""
        return [StoredFile(key.removeprefix(self._path(folder)), size) for key, size in self._objects(folder)]

    def subfolders(self, folder: str) -> list[str]:
        """Return the names of a folder's folders."""
        prefix = self._path(folder)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
        folders = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]
        return [name.removeprefix(prefix).rstrip("/") for name in folders]

    def put(self, path: str, content: bytes) -> None:
        """Write an object. Raises UploadError."""
        self._uploader.put(self._bucket, self._path(path), content)

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless there is one. Returns whether it was written."""
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self._path(path), Body=content, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def get(self, path: str) -> bytes | None:
        """Return an object's content; None if there is no such object."""
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=self._path(path))["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return body

    def upload(self, path: str, file: str | os.PathLike[str], advance: Advance = nothing) -> None:
        """Write a file as an object. Raises UploadError, or OSError if the file cannot be read."""
        self._uploader.put_file(self._bucket, self._path(path), file, advance)

    def download(self, path: str, file: Path, advance: Advance = nothing) -> None:
        """Write an object to a file, which is there when it is complete."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._s3.download_file(self._bucket, self._path(path), str(file), Callback=advance)

    def delete_file(self, path: str) -> None:
        """Delete an object."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._path(path))

    def delete(self, folder: str) -> int:
        """Delete the objects of a folder, whose name ends with a slash. Returns how many there were.

        Raises UploadError if S3 keeps one of them.
        """
        keys = [key for key, _ in self._objects(folder)]
        for begin in range(0, len(keys), MOST_DELETED):
            objects = [{"Key": key} for key in keys[begin : begin + MOST_DELETED]]
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise UploadError(
                    f"s3://{self._bucket}/{errors[0]['Key']} could not be deleted: {errors[0]['Message']}"
                )
        return len(keys)

    def sha256(self, path: str, advance: Advance = nothing) -> str:
        """Return the hash of an object's content, which is read for that."""
        digest = hashlib.sha256()
        for chunk in self._s3.get_object(Bucket=self._bucket, Key=self._path(path))["Body"].iter_chunks(CHUNK_BYTES):
            digest.update(chunk)
            advance(len(chunk))
        return digest.hexdigest()

    def _objects(self, folder: str) -> Iterator[tuple[str, int]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._path(folder))
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"], item["Size"]


def prepare(project: Project) -> dict[str, str]:
    """Make the folders of a project, with a note in each. Returns their addresses. Raises UploadError."""
    folder = ProjectFolder(project)
    for name in ("models", "datasets"):
        folder.put(f"{name}/README.rst", f"{name.capitalize()} of the project {project.name}.\n".encode())
    return {name: project.s3.url(f"{name}/") for name in ("models", "datasets")}
