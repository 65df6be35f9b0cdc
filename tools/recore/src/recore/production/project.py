"""A model in production at one place: the settings, the clients, and where its objects are on S3."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from recore.data_file import sha256_of
from recore.places import IMAGE, PlaceError, PlaceSettings, Services, open_place
from recore.production.settings import Settings, read_settings

NO_REASON = "SageMaker gives no reason"
LARGEST_OBJECT = 1 << 30  # bytes
LONGEST_INFERENCE_ID = 64  # characters
REGION = "us-east-1"  # of IMAGE
RUNNING = ("Executing", "InProgress", "Stopping")  # statuses of executions, tuning jobs and batch transforms
PAUSE = 0.5  # seconds between two looks at work that is running
MISSING = re.compile("[Cc]ould not find|does not exist|not found")  # in the messages of AWS about what does not exist

Watch = Callable[[str, int, int], None]  # called with a stage or a status, how much of it is done, and all of it


class ProductionError(ValueError):
    """What was asked for cannot be done. The message says why, and what to do."""


class WorkFailedError(Exception):
    """A job, an execution or an endpoint failed. The message is the reason."""


@dataclass(frozen=True)
class Outcome:
    """What a command did. details: the same for programs. next_command: without PROGRAM.

    changed: False if everything already was so. costs: lines about what runs on.
    """

    lines: list[str]
    details: dict[str, Any]
    next_command: str = ""
    changed: bool = True
    costs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductionProject:
    """The settings with the bucket and the role of the place; services: boto3 clients, which lead to the place."""

    services: Services
    settings: Settings
    bucket: str
    role: str

    sagemaker = property(lambda self: self.services.sagemaker)
    s3 = property(lambda self: self.services.s3)

    def find(self, operation: str, **request: str) -> dict[str, Any] | None:
        """Return SageMaker's answer to a request such as DescribeModel; None without such a resource."""
        try:
            answer: dict[str, Any] = getattr(self.sagemaker, xform_name(operation))(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFound" or (code == "ValidationException" and MISSING.search(str(error))):
                return None
            raise
        return answer

    def key(self, *names: str) -> str:
        """The key of an object, below the prefix and the group of packages."""
        return "/".join((self.settings.prefix, self.settings.model_package_group_name, *names))

    def uri(self, *names: str) -> str:
        return f"s3://{self.bucket}/{self.key(*names)}"

    def upload(self, folder: str, files: Mapping[str, bytes]) -> str:
        """Upload files into a folder of their own below `folder`. Returns its URI.

        Equal files have the same address, so steps are cached, and no object is ever replaced.
        """
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
        place = (*folder.split("/"), digest.hexdigest()[:16])
        for name, content in files.items():
            if not self._exists(self.key(*place, name)):
                self.s3.put_object(Bucket=self.bucket, Key=self.key(*place, name), Body=content)
        return self.uri(*place)

    def upload_file(self, folder: str, path: Path, name: str) -> str:
        """Upload a file, which can be large, as `upload` does. Raises OSError."""
        place = (*folder.split("/"), sha256_of(path)[:16])
        if not self._exists(self.key(*place, name)):
            self.s3.upload_file(str(path), self.bucket, self.key(*place, name))
        return self.uri(*place)

    def read(self, uri: str) -> bytes:
        """Return the content of an object. Raises ProductionError."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            answer = self.s3.get_object(Bucket=bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            raise ProductionError(f"{uri}: there is no such object any more") from None
        if answer["ContentLength"] > LARGEST_OBJECT:
            raise ProductionError(f"{uri}: more than {LARGEST_OBJECT >> 30} GB are not read")
        content: bytes = answer["Body"].read()
        return content

    def _exists(self, key: str) -> bool:
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in listed.get("Contents", []))


@contextmanager
def open_project(engine: str | None, config: Path | None) -> Iterator[ProductionProject]:
    """Open the project of a config.json at AWS_ENDPOINT_URL or on AWS. Raises ValueError, OSError or PlaceError."""
    settings = read_settings(config)
    if engine is None and not os.environ.get("AWS_ENDPOINT_URL"):
        raise PlaceError(
            "where? Set AWS_ENDPOINT_URL to a simulator that runs (`stagemaker start --state DIR` prints it), or "
            "choose AWS with --engine aws"
        )
    if engine == "aws" and os.environ.get("AWS_ENDPOINT_URL"):
        raise PlaceError("AWS_ENDPOINT_URL leads elsewhere than to AWS: unset it, or leave out --engine aws")
    if engine == "aws" and not (settings.role_arn and settings.default_bucket):
        raise PlaceError("AWS needs ROLE_ARN and DEFAULT_BUCKET in config.json: the jobs' role, and a bucket of yours")
    if ".amazonaws.com" in os.environ.get("AWS_ENDPOINT_URL", ""):
        raise PlaceError("AWS_ENDPOINT_URL leads to AWS: unset it, and choose AWS with --engine aws")
    chosen = PlaceSettings(
        engine or "process",
        role=settings.role_arn or None,
        bucket=settings.default_bucket or None,
        image=settings.image,
    )
    with open_place(chosen, lambda line: None) as place:
        if engine == "aws" and place.region != REGION and settings.image == IMAGE:
            raise PlaceError(
                f"AWS has a different image in each region: set IMAGE in config.json to that of {place.region}"
            )
        yield ProductionProject(place.services, settings, place.bucket, place.role)


def wait_for_end(look: Callable[[], dict[str, Any]], member: str, stop: Callable[[], object]) -> dict[str, Any]:
    """Call `look` until this member of its result is not in RUNNING.

    KeyboardInterrupt stops the work, waits for its end, and is raised.
    """
    try:
        return _look_until_end(look, member)
    except KeyboardInterrupt:
        with suppress(ClientError):  # it has just ended
            stop()
        _look_until_end(look, member)
        raise


def _look_until_end(look: Callable[[], dict[str, Any]], member: str) -> dict[str, Any]:
    while (description := look())[member] in RUNNING:
        time.sleep(PAUSE)
    return description
