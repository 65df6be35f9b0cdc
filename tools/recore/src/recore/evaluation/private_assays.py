"""Keeps private assays from every job but the one that scores: they are in the bucket only while it runs."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from recore.evaluation.job_runner import StepFailed


class PrivateAssays:
    """The object with the assays. key: its key in the bucket as long as it may be there, otherwise ""."""

    def __init__(self, s3: Any, bucket: str):
        self._s3, self._bucket = s3, bucket
        self.key = ""

    @contextlib.contextmanager
    def uploaded(self, key: str, upload: Callable[[], None]) -> Iterator[None]:
        """Upload the object, and remove it at the end of the context. If that fails, call `remove` later."""
        self.key = key
        try:
            upload()
            yield
        finally:
            with contextlib.suppress(StepFailed):
                self.remove()

    def remove(self) -> None:
        """Remove the object, in a bucket with versions its version. Raises StepFailed if it remains."""
        if not self.key:
            return
        address = {"Bucket": self._bucket, "Key": self.key}
        try:
            version = self._s3.head_object(**address).get("VersionId")
            self._s3.delete_object(**address, **({"VersionId": version} if version else {}))
        except (ClientError, BotoCoreError) as error:
            missing = isinstance(error, ClientError) and error.response["Error"]["Code"] in ("404", "NoSuchKey")
            if not missing:
                raise StepFailed(f"s3://{address['Bucket']}/{address['Key']} is still there: {error}") from error
        self.key = ""
