"""Batch Transform's way to feed a model's server: objects become requests, and the responses become an object."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from recore.simulator.jobs.failure import JobFailed, JobStopped
from recore.simulator.serving.client import NoResponse, Response


class Server(Protocol):
    """What can be invoked: a model's server."""

    def invoke(self, body: bytes, headers: dict[str, str], seconds: float) -> Response: ...


@dataclass(frozen=True)
class Feeding:
    """How objects are split and responses assembled: the members of the request, with SageMaker's defaults.

    seconds: for one invocation. retries: further attempts after one that failed.
    """

    split: str = "None"
    strategy: str = "MultiRecord"
    megabytes: int = 6
    concurrent: int = 1
    assemble: str = "None"
    content_type: str = "application/octet-stream"
    accept: str = ""
    seconds: float = 600.0
    retries: int = 3

    def feed(self, server: Server, source: Path, target: Path, stopping: Callable[[], bool]) -> None:
        """Send one object through the server; responses keep the order of the requests.

        Only a few requests are in memory at a time. Raises JobFailed with the server's reason, or JobStopped.
        """

        def invoke(body: bytes) -> bytes:
            return self._invoke(server, body, stopping)

        with open(source, "rb") as given, open(target, "wb") as taken, ThreadPoolExecutor(self.concurrent) as pool:
            bodies = self.bodies(given)
            while group := list(islice(bodies, self.concurrent)):
                for part in pool.map(invoke, group):
                    taken.write(part)
                    if self.assemble == "Line" and part and not part.endswith(b"\n"):
                        taken.write(b"\n")

    def bodies(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """An object, which is a file or lines, as the bodies of requests. Raises JobFailed where one is too large."""
        limit = self.megabytes << 20
        body: list[bytes] = []
        size = 0
        for line in lines:
            alone = self.split == "Line" and self.strategy == "SingleRecord"
            if body and self.split == "Line" and (alone or size + len(line) > limit):
                yield b"".join(body)
                body, size = [], 0
            body.append(line)
            size += len(line)
            if size > limit:
                what = "record" if self.split == "Line" else "object"
                raise JobFailed(f"ClientError: An {what} is larger than MaxPayloadInMB, {self.megabytes} MB")
        if body:
            yield b"".join(body)

    def _invoke(self, server: Server, body: bytes, stopping: Callable[[], bool]) -> bytes:
        """One request, repeated where the server has no response or an error of its own."""
        headers = {"Content-Type": self.content_type} | ({"Accept": self.accept} if self.accept else {})
        reason = ""
        for attempt in range(self.retries + 1):
            if stopping():
                raise JobStopped
            try:
                response = server.invoke(body, headers, self.seconds)
            except NoResponse as error:
                reason = str(error)
            else:
                if response.status == 200:
                    return response.body
                reason = f"status {response.status}: {response.text[:700]}"
                if response.status < 500:
                    break
            time.sleep(min(0.2 * 2**attempt, 2))
        raise JobFailed(f"ClientError: The model's server refused a request: {reason}")
