"""Sends a job's output to CloudWatch Logs, line by line, while it runs."""

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.compute.logs.metrics import TrainingMetrics
from stagemaker.compute.processes.process import read_parts

logger = logging.getLogger(__name__)

MAX_OUTPUT_BYTES = 16 << 20  # bytes of a job's output that are kept; the rest is read and discarded
LINE_OVERHEAD = 100  # bytes that a line takes in addition to its text
MAX_EVENT_BYTES = 1 << 16  # size of an event; a longer line is split into several events
MAX_BATCH_BYTES = 1 << 19  # size of the events in one call; the API allows 1 MiB
DELIVERY_SECONDS = 0.5  # time between deliveries


class JobLog:
    """The output of one job, delivered to a CloudWatch log stream. Call `create` before the first line.

    stream: the stream's name. metrics: collects metrics from the output, if the job defines any. tail: the last lines
    of the output. period: the number of seconds after which another MAX_OUTPUT_BYTES are kept. It is finite only for
    servers, because they run forever.
    """

    def __init__(
        self, client: Any, group: str, stream: str, metrics: TrainingMetrics | None = None, period: float = math.inf
    ):
        self._client, self._group, self._stream, self._metrics = client, group, stream, metrics
        self._waiting_events: list[dict[str, Any]] = []
        self._waiting_bytes = 0
        self._kept_bytes = 0
        self._period, self._renewal = period, time.monotonic() + period
        self._lock = threading.Lock()
        self._replacements: dict[str, str] = {}
        self.tail: deque[str] = deque(maxlen=50)
        self._log_warnings()

    def create(self) -> "JobLog":
        """Create the stream and its group if they do not exist. Raises ClientError or BotoCoreError."""
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self._group)
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        return self

    def for_container(self, name: str) -> "JobLog":
        """Return the log of one container of an inference pipeline. Its stream must still be created."""
        return JobLog(self._client, self._group, f"{self._stream}/{name}", period=self._period)

    def read(self, pipe: IO[bytes], poll: Callable[[], int | None] = lambda: None) -> None:
        """Read lines from a pipe until it is closed, or until it is empty and `poll` does not return None."""
        last_delivery, rest = time.monotonic(), b""
        for part in read_parts(pipe, poll, DELIVERY_SECONDS):
            if self._kept_bytes >= MAX_OUTPUT_BYTES and not self._metrics and time.monotonic() < self._renewal:
                rest = (rest + part)[-MAX_EVENT_BYTES:]  # only for the tail
            else:
                *lines, rest = (rest + part).split(b"\n")
                if len(rest) >= MAX_EVENT_BYTES:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self.line(line.decode("utf-8", "replace"))
            if time.monotonic() - last_delivery > DELIVERY_SECONDS or self._waiting_bytes > MAX_BATCH_BYTES:
                self.deliver()
                last_delivery = time.monotonic()
        for line in rest.removesuffix(b"\n").split(b"\n") if rest else []:
            self.line(line.decode("utf-8", "replace"))
        self.deliver()

    @contextlib.contextmanager
    def replacing_path(self, path: Path, name: str) -> Iterator[None]:
        """Replace a path with a name in lines that are added within the block."""
        self._replacements[str(path)] = name
        try:
            yield
        finally:
            del self._replacements[str(path)]

    def line(self, text: str) -> None:
        """Add a line."""
        text = text.rstrip("\r\n")
        for path, name in self._replacements.items():
            text = text.replace(path, name)
        self.tail.append(text[:1000])
        self._keep(text)
        if self._metrics:
            self._metrics.measure(text)
            self._log_warnings()

    def deliver(self) -> None:
        """Send the waiting lines, in requests that the API accepts. The lines are lost if the group was deleted."""
        if self._metrics is not None:
            self._metrics.deliver()
        with self._lock:
            events, self._waiting_events, self._waiting_bytes = self._waiting_events, [], 0
        while events:
            size, count = 0, 0
            while count < len(events) and size < MAX_BATCH_BYTES:
                size += 4 * len(events[count]["message"]) + LINE_OVERHEAD
                count += 1
            try:
                self._client.put_log_events(
                    logGroupName=self._group, logStreamName=self._stream, logEvents=events[:count]
                )
            except (ClientError, BotoCoreError) as error:
                logger.debug("%s: %s", self._stream, error)
            events = events[count:]

    def _log_warnings(self) -> None:
        while self._metrics is not None and self._metrics.warnings:
            self._keep(self._metrics.warnings.pop(0))

    def _keep(self, text: str) -> None:
        with self._lock:
            if time.monotonic() >= self._renewal:
                self._kept_bytes, self._renewal = 0, time.monotonic() + self._period
            if self._kept_bytes >= MAX_OUTPUT_BYTES:
                return
            if self._kept_bytes + len(text) + LINE_OVERHEAD > MAX_OUTPUT_BYTES:
                text = f"[output beyond {MAX_OUTPUT_BYTES >> 20} MiB is not kept]"
                self._kept_bytes = MAX_OUTPUT_BYTES
            self._kept_bytes += len(text) + LINE_OVERHEAD
            self._waiting_bytes += len(text) + LINE_OVERHEAD
            self._waiting_events.append({"timestamp": int(1000 * time.time()), "message": text or " "})
