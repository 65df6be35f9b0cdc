"""Objects of a run in a bucket: uploads, downloads and removal."""

import contextlib
import re
from collections.abc import Callable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.data_file import DataFile, open_data
from recore.evaluation.job_requests import KeyParts, RunSettings
from recore.evaluation.job_runner import StepFailed

MISSING = ("404", "NoSuchKey")  # error codes
MAX_REMOVED = 1000  # maximum number of objects in one request to S3
NOT_IN_XML = re.compile("[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")  # characters that XML 1.0 does not allow


class Storage:
    """The objects under a run's prefix. raise_if_stopping: called before transfers. hashes: SHA-256 of data files."""

    def __init__(self, s3: Any, settings: RunSettings, raise_if_stopping: Callable[[], None]):
        self._s3, self._settings, self._raise_if_stopping = s3, settings, raise_if_stopping
        self.hashes: dict[str, str] = {}
        self._used = False
        self._private_key = ""  # key of the private assays, as long as they may be in the bucket

    def put(self, content: Any, key: KeyParts) -> None:
        self._begin_upload()
        self._s3.put_object(**self._address(key), Body=content)

    def upload(self, path: Path, key: KeyParts) -> None:
        self._begin_upload()
        self._s3.upload_file(str(path), *self._address(key).values())

    def upload_data(self, name: str, path: Path, key: KeyParts) -> None:
        """Upload a data file, gzipped, and keep the hash of exactly the uploaded content."""
        self._begin_upload()
        with self._open_hashed(name, path) as data, data.open_compressed() as content:
            self._s3.upload_fileobj(content, *self._address(key).values())

    @contextlib.contextmanager
    def upload_private_assays(self, path: Path, key: KeyParts) -> Iterator[None]:
        """Upload the assays, and remove them when the context ends. If removal fails, `clear` tries again."""
        with self._open_hashed("actual", path) as data, data.open_compressed() as content:
            self._private_key = self._address(key)["Key"]
            try:
                self.put(content, key)
                yield
            finally:
                with contextlib.suppress(StepFailed):
                    self._remove_private_assays()

    def hash(self, name: str, path: Path) -> None:
        """Hash a file that will be uploaded later."""
        with self._open_hashed(name, path):
            pass

    def fetch(self, key: KeyParts, target: Path) -> None:
        """Download an object. Raises StepFailed if it is missing."""
        self.size(key, "the job did not write")
        target.parent.mkdir(exist_ok=True)
        self.download(self._address(key)["Key"], target)

    def download(self, key: str, target: Path) -> None:
        self._raise_if_stopping()
        self._s3.download_file(self._settings.bucket, key, str(target))

    def open(self, key: KeyParts) -> Any:
        return self._s3.get_object(**self._address(key))["Body"]

    def size(self, key: KeyParts, message: str) -> int:
        """Return an object's size in bytes. Raises StepFailed with `message` and the object's name if it is missing."""
        try:
            head = self._s3.head_object(**self._address(key))
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise StepFailed(f"{message} {key[-1]}") from None
            raise
        return int(head["ContentLength"])

    def clear(self, keep: bool) -> None:
        """Remove all objects or, if `keep` is set, only the private assays. Raises StepFailed if some remain."""
        if not self._used:
            return
        errors: list[StepFailed] = []
        try:
            self._remove_private_assays()
        except StepFailed as error:
            errors.append(error)
        if not keep:
            try:
                remove_objects(self._s3, self._settings.bucket, self._settings.key() + "/")
            except StepFailed as error:
                errors.append(error)
        if errors:
            raise StepFailed("; ".join(map(str, errors)))

    def _remove_private_assays(self) -> None:
        if self._private_key:
            remove_version(self._s3, self._settings.bucket, self._private_key)
            self._private_key = ""

    def _begin_upload(self) -> None:
        self._raise_if_stopping()
        self._used = True

    @contextlib.contextmanager
    def _open_hashed(self, name: str, path: Path) -> Iterator[DataFile]:
        """Open a data file and hash it. Raises StepFailed if it has changed since it was first hashed."""
        with open_data(path) as data:
            if self.hashes.setdefault(name, data.sha256) != data.sha256:
                raise StepFailed(f"{path} has changed since the run began")
            yield data

    def _address(self, key: KeyParts) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": self._settings.key(*key)}


def remove_version(s3: Any, bucket: str, key: str) -> None:
    """Remove an object or, in a versioned bucket, its current version. Raises StepFailed if it remains."""
    address = {"Bucket": bucket, "Key": key}
    try:
        version = s3.head_object(**address).get("VersionId")
        s3.delete_object(**address, **({"VersionId": version} if version else {}))
    except (ClientError, BotoCoreError) as error:
        if not isinstance(error, ClientError) or error.response["Error"]["Code"] not in MISSING:
            raise StepFailed(f"s3://{bucket}/{key} could not be deleted: {error}") from error


def list_objects(s3: Any, bucket: str, prefix: str, **members: str) -> Iterator[dict[str, Any]]:
    """Yield the objects whose keys begin with a prefix, as S3 describes them. members: other members of the request."""
    # boto3 requests URL-encoded keys here, because keys from jobs can have characters that XML does not allow
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **members):
        yield from page.get("Contents", [])


def remove_objects(s3: Any, bucket: str, prefix: str) -> int:
    """Remove the objects whose keys begin with a prefix, and return their number. Raises StepFailed if some remain."""
    count, remaining = 0, dict[str, str]()
    for items in batched(list_objects(s3, bucket, prefix), MAX_REMOVED):
        keys = [item["Key"] for item in items]
        count += len(keys)
        batch = [key for key in keys if not NOT_IN_XML.search(key)]
        try:
            if batch:
                objects = [{"Key": key} for key in batch]
                response = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                remaining |= {error["Key"]: str(error.get("Message")) for error in response.get("Errors", [])}
        except ClientError as error:
            remaining |= dict.fromkeys(batch, str(error))
        for key in filter(NOT_IN_XML.search, keys):
            try:
                s3.delete_object(Bucket=bucket, Key=key)
            except ClientError as error:
                remaining[key] = str(error)
    if remaining:
        key, reason = next(iter(remaining.items()))
        others = f" and {len(remaining) - 1} other object{'s' * (len(remaining) > 2)}" if len(remaining) > 1 else ""
        raise StepFailed(f"could not remove {key!r}{others} from s3://{bucket}/{prefix}: {reason}")
    return count
