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

from recore.simulator.compute.logs.metrics import TrainingMetrics
from recore.simulator.compute.processes.process import read_parts

logger = logging.getLogger(__name__)

LIMIT = 16 << 20  # bytes of a job's output that are kept; the rest is read and dropped
LINE_OVERHEAD = 100  # bytes that a line takes in addition to its text
WIDEST = 1 << 16  # bytes of one event; a longer line becomes several
BATCH = 1 << 19  # bytes of events in one call; the API allows 1 MiB
PERIOD = 0.5  # seconds between deliveries


class JobLog:
    """A log stream of one job, created by `create`.

    stream: its name. metrics: those to collect from the output, if any. tail: the last lines. period: seconds after
    which another LIMIT bytes are kept; only servers have one, because they run forever.
    """

    def __init__(
        self, client: Any, group: str, stream: str, metrics: TrainingMetrics | None = None, period: float = math.inf
    ):
        self._client, self._group, self._stream, self._metrics = client, group, stream, metrics
        self._waiting: list[dict[str, Any]] = []
        self._size = 0  # bytes that are waiting
        self._kept = 0
        self._period, self._renewal = period, time.monotonic() + period
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}
        self.tail: deque[str] = deque(maxlen=50)
        self._complain()

    def create(self) -> "JobLog":
        """Create the stream and its group if they do not exist. Raises ClientError or BotoCoreError."""
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self._group)
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        return self

    def of_container(self, name: str) -> "JobLog":
        """The log of one container of an inference pipeline. Its stream is not created yet."""
        return JobLog(self._client, self._group, f"{self._stream}/{name}", period=self._period)

    def read(self, pipe: IO[bytes], ended: Callable[[], int | None] = lambda: None) -> None:
        """Read lines from a pipe until it is closed, or until it is empty and `ended` does not return None."""
        delivered, rest = time.monotonic(), b""
        for part in read_parts(pipe, ended, PERIOD):
            if self._kept >= LIMIT and not self._metrics and time.monotonic() < self._renewal:
                rest = (rest + part)[-WIDEST:]  # only for the tail
            else:
                *lines, rest = (rest + part).split(b"\n")
                if len(rest) >= WIDEST:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self.line(line.decode("utf-8", "replace"))
            if time.monotonic() - delivered > PERIOD or self._size > BATCH:
                self.deliver()
                delivered = time.monotonic()
        for line in rest.removesuffix(b"\n").split(b"\n") if rest else []:
            self.line(line.decode("utf-8", "replace"))
        self.deliver()

    @contextlib.contextmanager
    def shown_as(self, path: Path, name: str) -> Iterator[None]:
        """Replace the path with the name in lines that are added within the block."""
        self._shown[str(path)] = name
        try:
            yield
        finally:
            del self._shown[str(path)]

    def line(self, text: str) -> None:
        """Add a line."""
        text = text.rstrip("\r\n")
        for path, name in self._shown.items():
            text = text.replace(path, name)
        self.tail.append(text[:1000])
        self._keep(text)
        if self._metrics:
            self._metrics.measure(text)
            self._complain()

    def deliver(self) -> None:
        """Send the lines that are waiting, in requests that the API accepts. They are lost if the group was deleted."""
        if self._metrics is not None:
            self._metrics.deliver()
        with self._lock:
            waiting, self._waiting, self._size = self._waiting, [], 0
        while waiting:
            size, count = 0, 0
            while count < len(waiting) and size < BATCH:
                size += 4 * len(waiting[count]["message"]) + LINE_OVERHEAD
                count += 1
            try:
                self._client.put_log_events(
                    logGroupName=self._group, logStreamName=self._stream, logEvents=waiting[:count]
                )
            except (ClientError, BotoCoreError) as error:
                logger.debug("%s: %s", self._stream, error)
            waiting = waiting[count:]

    def _complain(self) -> None:
        while self._metrics is not None and self._metrics.complaints:
            self._keep(self._metrics.complaints.pop(0))

    def _keep(self, text: str) -> None:
        with self._lock:
            if time.monotonic() >= self._renewal:
                self._kept, self._renewal = 0, time.monotonic() + self._period
            if self._kept >= LIMIT:
                return
            if self._kept + len(text) + LINE_OVERHEAD > LIMIT:
                text = f"[output beyond {LIMIT >> 20} MiB is not kept]"
                self._kept = LIMIT
            self._kept += len(text) + LINE_OVERHEAD
            self._size += len(text) + LINE_OVERHEAD
            self._waiting.append({"timestamp": int(1000 * time.time()), "message": text or " "})
