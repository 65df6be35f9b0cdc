"""Data capture: writes the invocations that an endpoint's configuration asks for to S3, in SageMaker's folders."""

import logging
import threading
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from random import Random

from recore.simulator.compute.endpoints.captured_invocation import CapturedInvocation, Message
from recore.simulator.compute.endpoints.periodic import Periodic
from recore.simulator.compute.files import transfers
from recore.simulator.compute.platform import Platform
from recore.simulator.state.records import Record

logger = logging.getLogger(__name__)

LARGEST = 64 << 20  # bytes that wait to be written; an invocation that comes when there are more waits as well
LONGEST = 10.0  # seconds that it waits
LARGEST_FILE = 16 << 20  # bytes from which on a new file begins, and from which on it is written at once


class DataCapture:
    """Captures invocations and writes them soon. An invocation waits only if too much is unwritten."""

    def __init__(self, platform: Platform):
        self._platform = platform
        self._waiting: list[CapturedInvocation] = []
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
        captured = CapturedInvocation(folder, config, request, response, inference_id, custom_attributes, time)
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
