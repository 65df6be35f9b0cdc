"""Uploads to S3, which raise UploadError for every kind of failed request."""

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from .environment import SageMakerEnv
from .errors import UploadError

REASONS = {
    "NoSuchBucket": "the bucket {bucket} does not exist: create it, or correct ML2P_S3_URL",
    "AccessDenied": "access to the bucket {bucket} is denied: grant the role s3:PutObject on it",
}
_making = threading.Lock()  # boto3 sessions cannot create clients in several threads at once


def make_s3_client(session: Any = None, **options: Any) -> Any:
    """Return a client for S3. session: a boto3 session; None for the default session. Raises BotoCoreError."""
    with _making:
        return (session or boto3).client("s3", **options)


class S3Uploader:
    """Writes objects to S3. get_client: returns the boto3 client, called when needed."""

    def __init__(self, get_client: Callable[[], Any]):
        self._get_client = get_client

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self._upload(bucket, key, lambda s3: s3.put_object(Bucket=bucket, Key=key, Body=body))

    def put_file(self, bucket: str, key: str, path: str | os.PathLike[str]) -> None:
        """Upload a file. Raises UploadError, or OSError if the file cannot be read."""
        os.stat(path)  # boto3 would raise a different error for a missing file
        self._upload(bucket, key, lambda s3: s3.upload_file(os.fspath(path), bucket, key))

    def _upload(self, bucket: str, key: str, upload: Callable[[Any], Any]) -> None:
        try:
            upload(self._get_client())
        except (Boto3Error, BotoCoreError, ClientError) as error:
            raise UploadError(f"s3://{bucket}/{key} could not be written: {reason_of(error, bucket)}") from error


class S3Access:
    """Base class for parts of a model that write to S3. env: the part's environment."""

    def __init__(self, env: SageMakerEnv):
        self.env = env
        self._uploader = S3Uploader(lambda: self.s3_client)

    @cached_property
    def s3_client(self) -> Any:
        return make_s3_client(self.env.session)


def reason_of(error: Exception, bucket: str) -> str:
    message = str(error)
    for code, reason in REASONS.items():
        if f"({code})" in message:
            return reason.format(bucket=bucket)
    return message
