"""Objects of a run in a bucket: uploads, downloads and removal."""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.data_file import DataFile, open_data
from recore.evaluation.job_requests import HOST, PREFIXES, KeyParts, RunSettings
from recore.evaluation.job_runner import StepFailed

MISSING = ("404", "NoSuchKey")  # error codes
MAX_REMOVED = 1000  # maximum number of objects in one request to S3
NOT_IN_XML = re.compile("[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")  # characters that XML 1.0 does not allow


class Storage:
    """The objects of a run. raise_if_stopping: called before transfers. hashes: SHA-256 of data files, by name.

    uploaded: SHA-256 of uploaded data, by key.
    """

    def __init__(self, s3: Any, settings: RunSettings, raise_if_stopping: Callable[[], None]):
        self._s3, self._settings, self._raise_if_stopping = s3, settings, raise_if_stopping
        self.hashes: dict[str, str] = {}
        self.uploaded: dict[KeyParts, str] = {}
        self._used = False
        self._private_key = ""  # key of the private assays, as long as they may be in the bucket

    def put(self, content: Any, key: KeyParts) -> None:
        self._begin_upload()
        self._s3.put_object(**self._address(key), Body=content)

    def upload(self, path: Path, key: KeyParts) -> None:
        self._begin_upload()
        self._s3.upload_file(str(path), *self._address(key).values())

    def upload_data(self, name: str, path: Path, key: KeyParts) -> None:
        """Upload a data file, gzipped, and keep the hash of the file."""
        with self._open_hashed(name, path) as data, data.open_compressed() as content:
            self.upload_hashed(content, key)

    def upload_hashed(self, content: Any, key: KeyParts) -> None:
        """Upload the contents of an open binary file, and keep their hash."""
        self._begin_upload()
        self.uploaded[key] = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        self._s3.upload_fileobj(content, *self._address(key).values())

    def copy(self, source: KeyParts, destination: KeyParts, message: str) -> int:
        """Copy an object within the bucket, and return its size. Raises StepFailed like `size`."""
        self.size(source, message)
        self._begin_upload()
        self._s3.copy(self._address(source), *self._address(destination).values())
        return self.size(destination, message)

    @contextlib.contextmanager
    def upload_private_assays(self, path: Path, key: KeyParts) -> Iterator[None]:
        """Upload the assays, and remove them on exit. If removal fails, `clear` tries again."""
        with self._open_hashed("actual", path) as data, data.open_compressed() as content:
            self._private_key = self._address(key)["Key"]
            try:
                self.upload_hashed(content, key)
                yield
            finally:
                with contextlib.suppress(StepFailed):
                    self._remove_private_assays()

    def hash(self, name: str, path: Path) -> None:
        """Hash a file that will be uploaded later."""
        with self._open_hashed(name, path):
            pass

    def fetch(self, key: KeyParts, destination: Path) -> None:
        """Download an object. Raises StepFailed if it is missing."""
        self.size(key, "the job did not write")
        destination.parent.mkdir(exist_ok=True)
        self.download(self._address(key)["Key"], destination)

    def download(self, key: str, destination: Path) -> None:
        self._raise_if_stopping()
        self._s3.download_file(self._settings.bucket, key, str(destination))

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
        try:
            self._remove_private_assays()
        finally:
            if not keep:
                remove_runs(self._s3, self._settings.bucket, f"{self._settings.name}/")

    def _remove_private_assays(self) -> None:
        if self._private_key:
            remove_version(self._s3, self._settings.bucket, self._private_key)
            self._private_key = ""

    def _begin_upload(self) -> None:
        self._raise_if_stopping()
        self._used = True

    @contextlib.contextmanager
    def _open_hashed(self, name: str, path: Path) -> Iterator[DataFile]:
        """Open a data file and hash it. Raises OSError if it has changed since it was first hashed."""
        with open_data(path) as data:
            if self.hashes.setdefault(name, data.sha256) != data.sha256:
                raise OSError(f"{path} has changed since the run began")
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


def remove_runs(s3: Any, bucket: str, name: str) -> int:
    """Remove the objects of the runs whose names begin with `name`, and return their number.

    In a versioned bucket, earlier versions are removed only of what the host uploaded to be scored. Raises StepFailed
    if some remain.
    """
    number, errors = 0, list[str]()
    for prefix in PREFIXES:
        try:
            number += (_remove_versions if prefix == HOST else remove_objects)(s3, bucket, f"{prefix}/{name}")
        except StepFailed as error:
            errors.append(str(error))
    if errors:
        raise StepFailed("; ".join(errors))
    return number


def _remove_versions(s3: Any, bucket: str, prefix: str) -> int:
    keys = [item["Key"] for item in list_objects(s3, bucket, prefix)]
    for key in keys:
        remove_version(s3, bucket, key)
    return len(keys)


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
