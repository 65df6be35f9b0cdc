"""Send a job's output to CloudWatch Logs, line by line, while it runs."""

import contextlib
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
from stagemaker.text import printable_logger

logger = printable_logger(__name__)

MAX_OUTPUT_BYTES = 16 << 20  # bytes of a job's output that are kept: half of them from its start, half from its end
LINE_OVERHEAD = 100  # bytes that a line takes in addition to its characters
MAX_EVENT_BYTES = 1 << 16  # size of an event; a longer line is split into several events
MAX_BATCH_BYTES = 1 << 19  # size of the events in one call; the API allows 1 MiB
DELIVERY_SECONDS = 0.5  # time between deliveries


def stream_name(container: str) -> str:
    """Return a container or model name for use in a log stream name, with the invalid characters replaced."""
    return container.replace(":", "_").replace("*", "_")


class JobLog:
    """The output of one job, delivered to a CloudWatch log stream. Call `create` before the first line.

    metrics: collects metrics from the output. tail: the output's last lines. period: the duration in seconds for which
    MAX_OUTPUT_BYTES are kept before the count restarts; finite only for servers, which never end. The last part of a
    long output is delivered when the output or the period ends.
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
        """Create the stream and its group, unless they exist. Raises ClientError or BotoCoreError."""
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self._group)
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        return self

    def for_container(self, name: str) -> "JobLog":
        """Return the log of one of several containers or models. Call `create` to create its stream."""
        return JobLog(self._client, self._group, f"{self._stream}/{stream_name(name)}", period=self._period)

    def read(self, pipe: IO[bytes], poll: Callable[[], int | None] = lambda: None) -> None:
        """Read lines from a pipe until it is closed, or until it is empty and `poll` does not return None."""
        last_delivery, rest, unmeasured_part, last_output = time.monotonic(), b"", b"", LastOutput()
        for part in read_parts(pipe, poll, DELIVERY_SECONDS):
            unmeasured_part = self._measure(unmeasured_part + part)
            if time.monotonic() >= self._renewal:
                rest, last_output = self._add_last(last_output, rest), LastOutput()
                self._kept_bytes, self._renewal = 0, time.monotonic() + self._period
            if not last_output.parts and self._kept_bytes + _size(part) <= MAX_OUTPUT_BYTES // 2:
                rest = self._add(rest + part)
            elif part:
                last_output.add(part)
            if time.monotonic() - last_delivery > DELIVERY_SECONDS or self._waiting_bytes > MAX_BATCH_BYTES:
                self.deliver()
                last_delivery = time.monotonic()
        self._measure(unmeasured_part + b"\n")
        if rest := self._add_last(last_output, rest):
            self.line(rest.decode("utf-8", "replace"))
        self.deliver()

    @contextlib.contextmanager
    def replacing_path(self, path: Path, name: str) -> Iterator[None]:
        self._replacements[str(path)] = name
        try:
            yield
        finally:
            del self._replacements[str(path)]

    def line(self, message: str, milliseconds: int | None = None) -> None:
        """Add a line. milliseconds: the Unix time at which it was printed, by default now."""
        message = message.rstrip("\r\n")
        for path, name in self._replacements.items():
            message = message.replace(path, name)
        self.tail.append(message[:1000])
        self._add_event(message, milliseconds)

    def deliver(self) -> None:
        """Send waiting lines in batches within the API's limits. The lines are lost if the log group was deleted."""
        if self._metrics is not None:
            self._metrics.deliver()
        with self._lock:
            events, self._waiting_events, self._waiting_bytes = self._waiting_events, [], 0
        while events:
            size, count = 0, 0
            while count < len(events) and size < MAX_BATCH_BYTES:
                size += 4 * len(events[count]["message"]) + LINE_OVERHEAD
                count += 1
            stream = {"logGroupName": self._group, "logStreamName": self._stream}
            try:
                self._client.put_log_events(**stream, logEvents=events[:count])
            except (ClientError, BotoCoreError) as error:
                logger.debug("%s: %s", self._stream, error)
            events = events[count:]

    def _add(self, output: bytes, milliseconds: int | None = None) -> bytes:
        lines, rest = _split(output)
        for line in lines:
            self.line(line, milliseconds)
        return rest

    def _add_last(self, last_output: "LastOutput", rest: bytes) -> bytes:
        if last_output.omitted_bytes:
            size, limit = f"{last_output.omitted_bytes / (1 << 20):,.1f} MiB", f"{MAX_OUTPUT_BYTES / (2 << 20):g} MiB"
            note = f"[{size} of output omitted here; the first and last {limit} are kept]\n"
            rest = self._add((rest + b"\n" if rest else b"") + note.encode(), last_output.parts[0][0])
        for milliseconds, part in last_output.parts:
            rest = self._add(rest + part, milliseconds)
        return rest

    def _measure(self, output: bytes) -> bytes:
        if self._metrics is None:
            return b""
        lines, rest = _split(output)
        for line in lines:
            self._metrics.measure(line)
            self._log_warnings()
        return rest

    def _log_warnings(self) -> None:
        while self._metrics is not None and self._metrics.warnings:
            self._add_event(self._metrics.warnings.pop(0))

    def _add_event(self, message: str, milliseconds: int | None = None) -> None:
        with self._lock:
            self._kept_bytes += len(message) + LINE_OVERHEAD
            self._waiting_bytes += len(message) + LINE_OVERHEAD
            timestamp = _milliseconds() if milliseconds is None else milliseconds
            self._waiting_events.append({"timestamp": timestamp, "message": message or " "})


class LastOutput:
    """An output's last MAX_OUTPUT_BYTES // 2 bytes, in parts with timestamps in ms.

    omitted_bytes: the number of earlier bytes, which were dropped."""

    def __init__(self) -> None:
        self.parts: deque[tuple[int, bytes]] = deque()
        self.omitted_bytes = self._size = 0

    def add(self, part: bytes) -> None:
        self.parts.append((_milliseconds(), part))
        self._size += LINE_OVERHEAD + _size(part)  # a part takes memory even if it is a single byte
        while self._size > MAX_OUTPUT_BYTES // 2 and len(self.parts) > 1:
            _, first_part = self.parts.popleft()
            self._size -= LINE_OVERHEAD + _size(first_part)
            self.omitted_bytes += len(first_part)


def _split(output: bytes) -> tuple[list[str], bytes]:
    *lines, rest = output.split(b"\n")
    if len(rest) >= MAX_EVENT_BYTES:
        lines, rest = [*lines, rest], b""
    return [line.decode("utf-8", "replace").rstrip("\r") for line in lines], rest


def _size(output: bytes) -> int:
    return len(output) + LINE_OVERHEAD * output.count(b"\n")


def _milliseconds() -> int:
    return int(1000 * time.time())
