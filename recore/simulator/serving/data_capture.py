"""Data capture: what a variant got and answered, as JSON Lines on S3, in SageMaker's folders and format."""

import base64
import json
import logging
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from random import Random
from typing import Any

from recore.simulator.jobs import transfers
from recore.simulator.jobs.platform import Platform
from recore.simulator.serving.periodic import Periodic
from recore.simulator.state.records import Record

logger = logging.getLogger(__name__)

LARGEST = 64 << 20  # bytes that wait to be written; what comes when there are more waits until they are written
LONGEST = 10.0  # seconds that it waits
LARGEST_FILE = 16 << 20  # bytes from which on a new file begins


@dataclass(frozen=True)
class Message:
    """The body of a request or of a response, and its content type if it has one."""

    body: bytes
    content_type: str | None


@dataclass(frozen=True)
class Captured:
    """An invocation that was captured. folder: below which its file is. config: of its capture. time: when it ended."""

    folder: str
    config: Record
    request: Message
    response: Message
    inference_id: str | None
    custom_attributes: str | None
    time: datetime

    @property
    def size(self) -> int:
        return len(self.request.body) + len(self.response.body)

    @property
    def hour(self) -> str:
        return f"{self.folder}/{self.time:%Y/%m/%d/%H}"

    def line(self) -> bytes:
        """A line of a file."""
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        messages = {"Input": self.request, "Output": self.response}
        data = {
            f"endpoint{mode}": {"mode": mode.upper()} | _encode(message, self.config)
            for mode, message in messages.items()
            if modes & {mode, "InputAndOutput"}
        }
        metadata: Record = {"eventId": str(uuid.uuid4())}
        if self.inference_id:
            metadata["inferenceId"] = self.inference_id
        if self.custom_attributes:
            metadata["customAttributes"] = [self.custom_attributes]
        metadata["inferenceTime"] = f"{self.time:%Y-%m-%dT%H:%M:%SZ}"
        return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}).encode() + b"\n"


class DataCapture:
    """Takes what is to be captured, and writes it every second, so that no invocation waits for S3."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._waiting: list[Captured] = []
        self._size = 0
        self._written = threading.Condition()
        self._periodic = Periodic(platform, "data capture", self._write)
        self._random = Random()

    def take(
        self,
        endpoint: str,
        variant: str,
        config: Record | None,
        request: Message,
        response: Message,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
    ) -> None:
        """Capture an invocation if the sample has it. config: a DataCaptureConfig; without one nothing is captured."""
        if config is None or not is_enabled(config):
            return
        if 100 * self._random.random() >= config["InitialSamplingPercentage"]:
            return
        folder = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}"
        time = datetime.now(UTC)
        captured = Captured(folder, config, request, response, inference_id, custom_attributes, time)
        with self._written:
            self._written.wait_for(lambda: self._size < LARGEST, LONGEST)
            self._waiting.append(captured)
            self._size += captured.size
        self._periodic.start()

    def _write(self) -> None:
        """Write what was captured since the last time."""
        with self._written:
            waiting, self._waiting, self._size = self._waiting, [], 0
            self._written.notify_all()
        for hour, captured in groupby(sorted(waiting, key=lambda each: each.hour), key=lambda each: each.hour):
            for first, content in _files(captured):
                self._put(f"{hour}/{first:%M-%S}-{first.microsecond // 1000:03}-{uuid.uuid4()}.jsonl", content)

    def _put(self, address: str, content: bytes) -> None:
        bucket, key = transfers.parse(address)
        try:
            self._platform.s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="application/jsonlines")
        except Exception as error:  # no invocation fails for it, as on AWS
            logger.warning("data capture: %s was not written: %s", address, error)


def is_enabled(config: Record) -> bool:
    """Whether anything is to be captured."""
    return bool(config.get("EnableCapture", True))


def describe(config: Record) -> Record:
    """DataCaptureConfig in the response of DescribeEndpoint."""
    enabled = is_enabled(config)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": "",
    }


def _files(captured: Iterable[Captured]) -> Iterable[tuple[datetime, bytes]]:
    """The contents of files that are not too large, each with the time of its first line."""
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


def _encode(message: Message, config: Record) -> dict[str, Any]:
    """A message's text where its content type is declared as text of some kind, and else its base64."""
    headers = config.get("CaptureContentTypeHeader", {})
    kind = (message.content_type or "").partition(";")[0].strip().lower()
    encoding = "BASE64"
    for name in ("Csv", "Json"):
        if kind in [declared.lower() for declared in headers.get(f"{name}ContentTypes", [])]:
            encoding = name.upper()
    observed = {"observedContentType": message.content_type} if message.content_type else {}
    try:
        data = message.body.decode() if encoding != "BASE64" else base64.b64encode(message.body).decode()
    except UnicodeDecodeError:
        encoding, data = "BASE64", base64.b64encode(message.body).decode()
    return observed | {"data": data, "encoding": encoding}
