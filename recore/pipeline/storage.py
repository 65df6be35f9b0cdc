"""A run's own part of a bucket: what it puts there, fetches and removes."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.pipeline.jobs import StepFailed
from recore.pipeline.requests import Settings

Place = tuple[str, ...]


class Storage:
    """Objects below a run's prefix, by their places in it. go_on: raises where the run is to stop.

    hashes: SHA-256 of the files that were uploaded as data, by their names.
    """

    def __init__(self, s3: Any, settings: Settings, go_on: Callable[[], None]):
        self._s3, self._settings, self._go_on = s3, settings, go_on
        self.hashes: dict[str, str] = {}
        self._used = False
        self._lent = ""  # the key of what must not stay

    def put(self, content: Any, place: Place) -> None:
        """Bytes, or an open file, as one object."""
        self._begin()
        self._s3.put_object(**self._at(place), Body=content)

    def upload(self, path: Path, place: Place) -> None:
        """A file, in parts where it is large."""
        self._begin()
        self._s3.upload_file(str(path), *self._at(place).values())

    def upload_data(self, name: str, path: Path, place: Place) -> None:
        """A data file, its hash taken of the very file that is uploaded."""
        self._begin()
        with open(path, "rb") as file:
            self._note(name, path, file)
            self._s3.upload_fileobj(file, *self._at(place).values())

    @contextlib.contextmanager
    def lend(self, name: str, path: Path, place: Place) -> Iterator[None]:
        """A data file that is there while the context lasts. What cannot be removed at its end, `clear` removes or names."""
        with open(path, "rb") as file:
            self._note(name, path, file)
            self._lent = self._at(place)["Key"]
            try:
                self.put(file, place)
                yield
            finally:
                with contextlib.suppress(StepFailed):
                    self._take_back()

    def note(self, name: str, path: Path) -> None:
        """The hash of a file that is uploaded later."""
        with open(path, "rb") as file:
            self._note(name, path, file)

    def fetch(self, place: Place, target: Path) -> None:
        """An object that a job should have left, as a file. Raises StepFailed where it did not."""
        self.size(place, "the job left no")
        target.parent.mkdir(exist_ok=True)
        self.download(self._at(place)["Key"], target)

    def download(self, key: str, target: Path) -> None:
        self._go_on()
        self._s3.download_file(self._settings.bucket, key, str(target))

    def open(self, place: Place) -> Any:
        """An object's content, to be read."""
        return self._s3.get_object(**self._at(place))["Body"]

    def size(self, place: Place, otherwise: str) -> int:
        """Bytes of an object that a job should have left. Raises StepFailed where it did not."""
        try:
            head = self._s3.head_object(**self._at(place))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                raise StepFailed(f"{otherwise} {place[-1]}") from None
            raise
        return int(head["ContentLength"])

    def clear(self, keep: bool) -> None:
        """Remove all; keep: only what was lent and is there still. Raises StepFailed where something stays."""
        if not self._used:
            return
        self._take_back()
        bucket, prefix = self._settings.bucket, self._settings.key() + "/"
        pages = [] if keep else self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            if objects := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
                for error in answer.get("Errors", [])[:1]:
                    raise StepFailed(
                        f"s3://{bucket}/{prefix} is still there: {error.get('Key')}: {error.get('Message')}"
                    )

    def _begin(self) -> None:
        """Before anything is put there: from now on there is something to clear."""
        self._go_on()
        self._used = True

    def _take_back(self) -> None:
        """Remove what was lent, and in a bucket with versions each version. Raises StepFailed where it stays."""
        if not self._lent:
            return
        bucket, key = self._settings.bucket, self._lent
        try:
            version = self._s3.head_object(Bucket=bucket, Key=key).get("VersionId")
            self._s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchKey"):
                raise StepFailed(f"s3://{bucket}/{key} is still there: {error}") from error
        except BotoCoreError as error:
            raise StepFailed(f"s3://{bucket}/{key} is still there: {error}") from error
        self._lent = ""

    def _note(self, name: str, path: Path, file: Any) -> None:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        if self.hashes.setdefault(name, digest) != digest:
            raise StepFailed(f"{path} is another file than when the run began")

    def _at(self, place: Place) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": self._settings.key(*place)}
