"""Data capture: write invocations to S3 as JSON Lines, in one folder per endpoint, variant and hour."""

import base64
import contextlib
import json
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from random import Random

from stagemaker.compute.endpoints.fleet import Fleet
from stagemaker.compute.files import transfers
from stagemaker.compute.periodic import PeriodicDelivery
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.response import Response
from stagemaker.state.records import Record, now
from stagemaker.text import printable_logger

logger = printable_logger(__name__)

FULL_FILE_BYTES = 16 << 20  # size at which a file is full, and waiting invocations are written at once


@dataclass(frozen=True)
class CapturedInvocation:
    """An invocation to be written below `folder`. request: the request as received. time: when the invocation ended."""

    folder: str
    config: Record
    request: Record
    response: Response
    time: datetime

    @property
    def size(self) -> int:
        return len(self.request.get("Body", b"")) + len(self.response.body)

    @property
    def hour_folder(self) -> str:
        return f"{self.folder}/{self.time:%Y/%m/%d/%H}"

    def line(self) -> bytes:
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        data = {}
        for mode, body, content_type in (
            ("Input", self.request.get("Body", b""), self.request.get("ContentType")),
            ("Output", self.response.body, self.response.headers.get("content-type")),
        ):
            if modes & {mode, "InputAndOutput"}:
                data[f"endpoint{mode}"] = {"mode": mode.upper()} | _encode(body, content_type, self.config)
        metadata: Record = {"eventId": str(uuid.uuid4())}
        if inference_id := self.request.get("InferenceId"):
            metadata["inferenceId"] = inference_id
        if custom_attributes := self.request.get("CustomAttributes"):
            metadata["customAttributes"] = [custom_attributes]
        metadata["inferenceTime"] = f"{self.time:%Y-%m-%dT%H:%M:%SZ}"
        return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}).encode() + b"\n"


class DataCapture:
    """Captures invocations and writes them every second.

    max_waiting_bytes: the number of unwritten bytes above which new invocations wait, for at most max_wait_seconds.
    """

    def __init__(self, platform: Platform, max_waiting_bytes: int = 64 << 20, max_wait_seconds: float = 10):
        self._platform = platform
        self._max_waiting_bytes, self._max_wait_seconds = max_waiting_bytes, max_wait_seconds
        self._size = 0  # total size of the invocations that have not been written yet
        self._written = threading.Condition()
        self._periodic = PeriodicDelivery(platform, "data capture", self._write)
        self._random = Random()

    def capture(self, request: Record, fleet: Fleet, response: Response) -> None:
        """Capture an invocation if its fleet has data capture enabled and random sampling selects the invocation."""
        config = fleet.data_capture
        if not config or not config.get("EnableCapture", True):
            return
        if 100 * self._random.random() >= config["InitialSamplingPercentage"]:
            return
        folder = f"{config['DestinationS3Uri'].rstrip('/')}/{request['EndpointName']}/{fleet.variant}"
        invocation = CapturedInvocation(folder, config, request, response, now())
        with self._written:
            self._written.wait_for(lambda: self._size < self._max_waiting_bytes, self._max_wait_seconds)
            self._size += invocation.size
            is_urgent = self._size >= FULL_FILE_BYTES
        self._periodic.add(invocation, urgent=is_urgent)

    def _write(self, invocations: list[CapturedInvocation]) -> None:
        try:
            hour_folder = attrgetter("hour_folder")
            for folder, group in groupby(sorted(invocations, key=hour_folder), key=hour_folder):
                for first_time, content in _split_into_files(group):
                    name = f"{first_time:%M-%S}-{first_time.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
                    self._put(f"{folder}/{name}", content)
        finally:
            with self._written:
                self._size -= sum(invocation.size for invocation in invocations)
                self._written.notify_all()

    def _put(self, address: str, content: bytes) -> None:
        bucket, key = transfers.parse(address)
        try:
            self._platform.s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/jsonlines")
        except Exception as error:  # the invocation still succeeds, as on AWS
            logger.warning("data capture: %s was not written: %s", address, error)


def describe(config: Record) -> Record:
    """Return a DataCaptureConfig as it appears in the response to DescribeEndpoint."""
    is_enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": is_enabled,
        "CaptureStatus": "Started" if is_enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": "",
    }


def _split_into_files(invocations: Iterable[CapturedInvocation]) -> Iterable[tuple[datetime, bytes]]:
    lines: list[bytes] = []
    size, first_time = 0, None
    for invocation in invocations:
        first_time = first_time or invocation.time
        lines.append(invocation.line())
        size += len(lines[-1])
        if size >= FULL_FILE_BYTES:
            yield first_time, b"".join(lines)
            lines, size, first_time = [], 0, None
    if first_time:
        yield first_time, b"".join(lines)


def _encode(body: bytes, content_type: str | None, config: Record) -> Record:
    headers = config.get("CaptureContentTypeHeader", {})
    media_type = (content_type or "").partition(";")[0].strip().lower()
    common_members = {"observedContentType": content_type} if content_type else {}
    for name in ("Json", "Csv"):
        if media_type in [listed_type.lower() for listed_type in headers.get(f"{name}ContentTypes", [])]:
            with contextlib.suppress(UnicodeDecodeError):
                return common_members | {"data": body.decode(), "encoding": name.upper()}
    return common_members | {"data": base64.b64encode(body).decode(), "encoding": "BASE64"}
