"""A model in production on one backend: its settings, boto3 clients, and objects on S3."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from recore.backends import IMAGE, BackendError, BackendSettings, Services, open_backend
from recore.data_file import sha256_of
from recore.production.settings import Settings, read_settings
from stagemaker import interrupts

NO_REASON = "SageMaker gave no reason"
MAX_OBJECT_BYTES = 1 << 30
MAX_INFERENCE_ID_LENGTH = 64  # characters
REGION = "us-east-1"  # region of IMAGE
RUNNING = ("Executing", "InProgress", "Stopping")  # statuses of executions, tuning jobs and batch transforms
PAUSE = 0.5  # seconds between requests for the status of running work
MISSING = re.compile("[Cc]ould not find|does not exist|not found")  # in AWS's messages about a missing resource

Watch = Callable[[str, int, int], None]  # called with a stage or a status, the amount done, and the total


class ProductionError(ValueError):
    """The requested operation is not possible. The message states the reason and the fix."""


class WorkFailedError(Exception):
    """A job, an execution or an endpoint failed. The message is the reason."""


@dataclass(frozen=True)
class Outcome:
    """The result of a command: lines to print, and details for programs.

    next_command: a suggestion, without PROGRAM. changed: whether anything changed. costs: lines about instances.
    """

    lines: list[str]
    details: dict[str, Any]
    next_command: str = ""
    changed: bool = True
    costs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductionProject:
    """The settings, with the backend's boto3 clients (services), bucket and role."""

    services: Services
    settings: Settings
    bucket: str
    role: str

    sagemaker = property(lambda self: self.services.sagemaker)
    s3 = property(lambda self: self.services.s3)

    def find(self, operation: str, **request: str) -> dict[str, Any] | None:
        """Return SageMaker's response to a request such as DescribeModel, or None if the resource does not exist."""
        try:
            response: dict[str, Any] = getattr(self.sagemaker, xform_name(operation))(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFound" or (code == "ValidationException" and MISSING.search(str(error))):
                return None
            raise
        return response

    def key(self, *names: str) -> str:
        """Return an object's key, which begins with the prefix and the name of the model package group."""
        return "/".join((self.settings.prefix, self.settings.model_package_group_name, *names))

    def uri(self, *names: str) -> str:
        return f"s3://{self.bucket}/{self.key(*names)}"

    def upload(self, folder: str, files: Mapping[str, bytes]) -> str:
        """Upload files to a dedicated folder below `folder`, and return that folder's URI.

        The URI depends only on names and contents, so that steps can be cached and no object is ever replaced.
        """
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        parts = (*folder.split("/"), digest.hexdigest()[:16])
        for name, content in files.items():
            if not self._exists(self.key(*parts, name)):
                self.s3.put_object(Bucket=self.bucket, Key=self.key(*parts, name), Body=content)
        return self.uri(*parts)

    def upload_file(self, folder: str, path: Path, name: str) -> str:
        """Upload a file that may be large, and return its folder's URI, as `upload` does. Raises OSError."""
        parts = (*folder.split("/"), sha256_of(path)[:16])
        if not self._exists(self.key(*parts, name)):
            self.s3.upload_file(str(path), self.bucket, self.key(*parts, name))
        return self.uri(*parts)

    def read(self, uri: str) -> bytes:
        """Return the content of an object. Raises ProductionError if it is missing or too large."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            response = self.s3.get_object(Bucket=bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            raise ProductionError(f"{uri} no longer exists") from None
        if response["ContentLength"] > MAX_OBJECT_BYTES:
            raise ProductionError(f"{uri} is larger than {MAX_OBJECT_BYTES >> 30} GB")
        content: bytes = response["Body"].read()
        return content

    def _exists(self, key: str) -> bool:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in listed.get("Contents", []))


@contextmanager
def open_project(engine: str | None, config: Path | None) -> Iterator[ProductionProject]:
    """Open a config.json's project at AWS_ENDPOINT_URL or on AWS. Raises ValueError, OSError or BackendError."""
    settings = read_settings(config)
    if engine is None and not os.environ.get("AWS_ENDPOINT_URL"):
        raise BackendError(
            "no backend: set AWS_ENDPOINT_URL to the address of a running simulator (`stagemaker start --state DIR` "
            "prints it), or choose AWS with --engine aws"
        )
    if engine == "aws" and os.environ.get("AWS_ENDPOINT_URL"):
        raise BackendError("AWS_ENDPOINT_URL does not point to AWS: unset it, or omit --engine aws")
    if engine == "aws" and not (settings.role_arn and settings.default_bucket):
        raise BackendError("AWS needs ROLE_ARN and DEFAULT_BUCKET in config.json: the jobs' role, and your bucket")
    if ".amazonaws.com" in os.environ.get("AWS_ENDPOINT_URL", ""):
        raise BackendError("AWS_ENDPOINT_URL points to AWS: unset it, and choose AWS with --engine aws")
    chosen = BackendSettings(
        engine or "process",
        role=settings.role_arn or None,
        bucket=settings.default_bucket or None,
        image=settings.image,
    )
    with open_backend(chosen, lambda line: None) as backend:
        if engine == "aws" and backend.region != REGION and settings.image == IMAGE:
            raise BackendError(
                f"AWS has a different image in each region: set IMAGE in config.json to the image of {backend.region}"
            )
        yield ProductionProject(backend.services, settings, backend.bucket, backend.role)


def wait_for_end(look: Callable[[], dict[str, Any]], member: str, stop: Callable[[], object]) -> dict[str, Any]:
    """Call `look` until `member` of its result is no longer in RUNNING, and return the result.

    On KeyboardInterrupt, call `stop`, wait until the work has ended, and re-raise.
    """
    try:
        return _poll_until_end(look, member)
    except KeyboardInterrupt:
        with suppress(ClientError):  # the work may just have ended
            stop()
        _poll_until_end(look, member)
        raise


def _poll_until_end(look: Callable[[], dict[str, Any]], member: str) -> dict[str, Any]:
    while (description := look())[member] in RUNNING:
        interrupts.sleep(PAUSE)
    return description
