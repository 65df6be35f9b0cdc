"""Data capture: writes invocations to S3 as SageMaker does, if an endpoint's configuration asks for it.

Each invocation is a line of JSON in a file below the folder of its endpoint, variant and hour.
"""

import base64
import contextlib
import json
import logging
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from random import Random

from recore.simulator.compute.endpoints.fleet import Fleet
from recore.simulator.compute.endpoints.periodic import Periodic
from recore.simulator.compute.files import transfers
from recore.simulator.compute.platform import Platform
from recore.simulator.compute.servers.response import Response
from recore.simulator.state.records import Record, now

logger = logging.getLogger(__name__)

LARGEST = 64 << 20  # bytes that may wait to be written; if there are more, new invocations wait as well
LONGEST = 10.0  # maximum seconds that an invocation waits
LARGEST_FILE = 16 << 20  # bytes at which a file is full, and waiting invocations are written at once


@dataclass(frozen=True)
class CapturedInvocation:
    """An invocation to be written.

    folder: the one below which its file is written. config: the DataCaptureConfig. request: the request as it was
    received. time: when the invocation ended.
    """

    folder: str
    config: Record
    request: Record
    response: Response
    time: datetime

    @property
    def size(self) -> int:
        return len(self.request.get("Body", b"")) + len(self.response.body)

    @property
    def hour(self) -> str:
        """The folder of the invocation's file; there is one for each hour."""
        return f"{self.folder}/{self.time:%Y/%m/%d/%H}"

    def line(self) -> bytes:
        """The invocation's line in the file."""
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        messages = {
            "Input": (self.request.get("Body", b""), self.request.get("ContentType")),
            "Output": (self.response.body, self.response.headers.get("content-type")),
        }
        data = {
            f"endpoint{mode}": {"mode": mode.upper()} | _encode(*message, self.config)
            for mode, message in messages.items()
            if modes & {mode, "InputAndOutput"}
        }
        metadata: Record = {"eventId": str(uuid.uuid4())}
        if inference_id := self.request.get("InferenceId"):
            metadata["inferenceId"] = inference_id
        if custom_attributes := self.request.get("CustomAttributes"):
            metadata["customAttributes"] = [custom_attributes]
        metadata["inferenceTime"] = f"{self.time:%Y-%m-%dT%H:%M:%SZ}"
        return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}).encode() + b"\n"


class DataCapture:
    """Captures invocations and writes them every second. An invocation waits only if too much is unwritten."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._waiting: list[CapturedInvocation] = []
        self._size = 0
        self._written = threading.Condition()
        self._periodic = Periodic(platform, "data capture", self._write)
        self._random = Random()

    def take(self, request: Record, fleet: Fleet, response: Response) -> None:
        """Capture an invocation if its fleet has a DataCaptureConfig and the invocation is in the sample."""
        config = fleet.data_capture
        if not config or not config.get("EnableCapture", True):
            return
        if 100 * self._random.random() >= config["InitialSamplingPercentage"]:
            return
        folder = f"{config['DestinationS3Uri'].rstrip('/')}/{request['EndpointName']}/{fleet.variant}"
        captured = CapturedInvocation(folder, config, request, response, now())
        with self._written:
            self._written.wait_for(lambda: self._size < LARGEST, LONGEST)
            self._waiting.append(captured)
            self._size += captured.size
            urgent = self._size >= LARGEST_FILE
        self._periodic.notify(urgent)

    def _write(self) -> None:
        """Write what was captured since the last delivery."""
        with self._written:
            waiting, self._waiting = self._waiting, []
        try:
            for hour, captured in groupby(sorted(waiting, key=lambda each: each.hour), key=lambda each: each.hour):
                for first, content in _files(captured):
                    self._put(f"{hour}/{first:%M-%S}-{first.microsecond // 1000:03}-{uuid.uuid4()}.jsonl", content)
        finally:
            with self._written:
                self._size -= sum(each.size for each in waiting)
                self._written.notify_all()

    def _put(self, address: str, content: bytes) -> None:
        bucket, key = transfers.parse(address)
        try:
            self._platform.s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/jsonlines")
        except Exception as error:  # the invocation still succeeds, as on AWS
            logger.warning("data capture: %s was not written: %s", address, error)


def describe(config: Record) -> Record:
    """The DataCaptureConfig in the response to DescribeEndpoint."""
    enabled = config.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": "",
    }


def _files(captured: Iterable[CapturedInvocation]) -> Iterable[tuple[datetime, bytes]]:
    """Split lines into files that are not too large, each with the time of its first line."""
    lines: list[bytes] = []
    size, first = 0, None
    for each in captured:
        first = first or each.time
        lines.append(each.line())
        size += len(lines[-1])
        if size >= LARGEST_FILE:
            yield first, b"".join(lines)
            lines, size, first = [], 0, None
    if first:
        yield first, b"".join(lines)


def _encode(body: bytes, content_type: str | None, config: Record) -> Record:
    """A body as text if it is UTF-8 and the configuration lists its content type as JSON or CSV, else as base64."""
    headers = config.get("CaptureContentTypeHeader", {})
    kind = (content_type or "").partition(";")[0].strip().lower()
    observed = {"observedContentType": content_type} if content_type else {}
    for name in ("Json", "Csv"):
        if kind in [declared.lower() for declared in headers.get(f"{name}ContentTypes", [])]:
            with contextlib.suppress(UnicodeDecodeError):
                return observed | {"data": body.decode(), "encoding": name.upper()}
    return observed | {"data": base64.b64encode(body).decode(), "encoding": "BASE64"}
