"""A job's output, line by line, to CloudWatch Logs while it runs."""

import re
import threading
import time
from collections import deque
from typing import IO, Any

LIMIT = 32 << 20  # bytes of a job's output that are kept; the rest is read and let go
PERIOD = 0.5  # seconds between deliveries


class JobLog:
    """A log stream of one job, and what is looked for in its output.

    metrics: regular expressions by metric name; the last value that each matched is in `values`.
    tail: the last lines.
    """

    def __init__(self, client: Any, group: str, job: str, metrics: dict[str, str] | None = None):
        self._client, self._group, self._stream = client, group, f"{job}/algo-1-{int(time.time())}"
        self._patterns = {name: re.compile(pattern) for name, pattern in (metrics or {}).items()}
        self._waiting: list[dict[str, Any]] = []
        self._kept = 0
        self._lock = threading.Lock()
        self.values: dict[str, float] = {}
        self.tail: deque[str] = deque(maxlen=50)
        for create, name in (
            (client.create_log_group, {}),
            (client.create_log_stream, {"logStreamName": self._stream}),
        ):
            try:
                create(logGroupName=group, **name)
            except client.exceptions.ResourceAlreadyExistsException:
                continue

    def read(self, pipe: IO[bytes]) -> None:
        """Take lines from a pipe until it ends."""
        delivered = time.monotonic()
        while line := pipe.readline(1 << 16):
            self.line(line.decode("utf-8", "replace").rstrip("\r\n"))
            if time.monotonic() - delivered > PERIOD or len(self._waiting) > 2000:
                self.deliver()
                delivered = time.monotonic()
        self.deliver()

    def line(self, text: str) -> None:
        """Take one line."""
        self.tail.append(text[:1000])
        for name, pattern in self._patterns.items():
            if found := pattern.search(text[:1000]):
                try:
                    self.values[name] = float(found[1])
                except (ValueError, IndexError):
                    continue
        with self._lock:
            if self._kept <= LIMIT < self._kept + len(text):
                text = f"[output beyond {LIMIT >> 20} MiB is not kept]"
                self._kept = LIMIT
            elif self._kept >= LIMIT:
                return
            self._kept += len(text) + 1
            self._waiting.append({"timestamp": int(1000 * time.time()), "message": text or " "})

    def deliver(self) -> None:
        """Send what is waiting, in calls of the size that the API takes."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), 1000):
            self._client.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=waiting[first : first + 1000]
            )
