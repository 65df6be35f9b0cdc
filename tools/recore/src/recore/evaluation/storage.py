"""The objects of one run in a bucket: uploads, downloads and their removal."""

import contextlib
import re
from collections.abc import Callable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.data_file import DataFile, open_data
from recore.evaluation.job_requests import Place, RunSettings
from recore.evaluation.job_runner import StepFailed

MISSING = ("404", "NoSuchKey")  # codes of errors
MOST_REMOVED = 1000  # objects in one request to S3
NOT_IN_XML = re.compile("[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")  # characters that XML 1.0 cannot hold


class Storage:
    """Objects below a run's prefix. raise_if_stopping: called before transfers. hashes: SHA-256 of the data files."""

    def __init__(self, s3: Any, settings: RunSettings, raise_if_stopping: Callable[[], None]):
        self._s3, self._settings, self._raise_if_stopping = s3, settings, raise_if_stopping
        self.hashes: dict[str, str] = {}
        self._used = False
        self._private_key = ""  # of the private assays, as long as they may be in the bucket

    def put(self, content: Any, place: Place) -> None:
        self._begin_upload()
        self._s3.put_object(**self._address(place), Body=content)

    def upload(self, path: Path, place: Place) -> None:
        self._begin_upload()
        self._s3.upload_file(str(path), *self._address(place).values())

    def upload_data(self, name: str, path: Path, place: Place) -> None:
        """Upload a data file, gzipped, and keep the hash of exactly what is uploaded."""
        self._begin_upload()
        with self._open_hashed(name, path) as data, data.gzipped() as content:
            self._s3.upload_fileobj(content, *self._address(place).values())

    @contextlib.contextmanager
    def upload_private_assays(self, path: Path, place: Place) -> Iterator[None]:
        """The assays are in the bucket during the context. If their removal fails, `clear` tries again."""
        with self._open_hashed("actual", path) as data, data.gzipped() as content:
            self._private_key = self._address(place)["Key"]
            try:
                self.put(content, place)
                yield
            finally:
                with contextlib.suppress(StepFailed):
                    self._remove_private_assays()

    def hash(self, name: str, path: Path) -> None:
        """For a file that is uploaded later."""
        with self._open_hashed(name, path):
            pass

    def fetch(self, place: Place, target: Path) -> None:
        """Raises StepFailed if the object is missing."""
        self.size(place, "the job did not write")
        target.parent.mkdir(exist_ok=True)
        self.download(self._address(place)["Key"], target)

    def download(self, key: str, target: Path) -> None:
        self._raise_if_stopping()
        self._s3.download_file(self._settings.bucket, key, str(target))

    def open(self, place: Place) -> Any:
        return self._s3.get_object(**self._address(place))["Body"]

    def size(self, place: Place, message: str) -> int:
        """An object's bytes. Raises StepFailed with the message and its name if it is missing."""
        try:
            head = self._s3.head_object(**self._address(place))
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise StepFailed(f"{message} {place[-1]}") from None
            raise
        return int(head["ContentLength"])

    def clear(self, keep: bool) -> None:
        """Remove all objects, or with `keep` only private assays. Raises StepFailed if some remain."""
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
        """Raises StepFailed if the file has changed since it was hashed first."""
        with open_data(path) as data:
            if self.hashes.setdefault(name, data.sha256) != data.sha256:
                raise StepFailed(f"{path} has changed since the run began")
            yield data

    def _address(self, place: Place) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": self._settings.key(*place)}


def remove_version(s3: Any, bucket: str, key: str) -> None:
    """Remove an object, in a bucket with versions its version. Raises StepFailed if it remains."""
    address = {"Bucket": bucket, "Key": key}
    try:
        version = s3.head_object(**address).get("VersionId")
        s3.delete_object(**address, **({"VersionId": version} if version else {}))
    except (ClientError, BotoCoreError) as error:
        if not isinstance(error, ClientError) or error.response["Error"]["Code"] not in MISSING:
            raise StepFailed(f"s3://{bucket}/{key} is still there: {error}") from error


def list_objects(s3: Any, bucket: str, prefix: str, **members: str) -> Iterator[dict[str, Any]]:
    """Yield the objects whose keys begin with a prefix, as S3 describes them. members: others of the request."""
    # boto3 asks for keys in URL encoding here, as XML cannot hold all that a job may have named
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **members):
        yield from page.get("Contents", [])


def remove_objects(s3: Any, bucket: str, prefix: str) -> int:
    """Remove the objects whose keys begin so, and return their number. Raises StepFailed if some remain."""
    found, remaining = 0, dict[str, str]()
    for items in batched(list_objects(s3, bucket, prefix), MOST_REMOVED):
        keys = [item["Key"] for item in items]
        found += len(keys)
        together = [key for key in keys if not NOT_IN_XML.search(key)]
        try:
            if together:
                objects = [{"Key": key} for key in together]
                response = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                remaining |= {error["Key"]: str(error.get("Message")) for error in response.get("Errors", [])}
        except ClientError as error:
            remaining |= dict.fromkeys(together, str(error))
        for key in filter(NOT_IN_XML.search, keys):
            try:
                s3.delete_object(Bucket=bucket, Key=key)
            except ClientError as error:
                remaining[key] = str(error)
    if remaining:
        key, reason = next(iter(remaining.items()))
        count = "an object" if len(remaining) == 1 else f"{len(remaining)} objects"
        raise StepFailed(f"could not remove {count} from s3://{bucket}/{prefix}: {key!r}: {reason}")
    return found
