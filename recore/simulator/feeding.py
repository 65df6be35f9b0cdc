"""Batch Transform's way of feeding a model's server: objects cut into requests, answers put together again."""

import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from recore.simulator.failure import JobFailed, JobStopped

LARGEST = 1 << 30  # bytes of an answer


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a server that listens on a Unix socket."""

    def __init__(self, path: Path, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        # the socket itself and no link, which the job could have put there to have another one asked
        place = os.open(self._path, os.O_PATH | os.O_NOFOLLOW)
        try:
            self.sock.connect(f"/proc/self/fd/{place}")
        finally:
            os.close(place)


@dataclass(frozen=True)
class Server:
    """A model's server behind a Unix socket. timeout: seconds for an invocation; retries: how many more tries."""

    socket: Path
    timeout: float = 600.0
    retries: int = 3

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request: status and body. Raises OSError or HTTPException where the server does not answer."""
        connection = UnixConnection(self.socket, self.timeout)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            answer = connection.getresponse()
            content = answer.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise JobFailed(f"AlgorithmError: The model's server answered with more than {LARGEST >> 20} MB")
            return answer.status, content
        finally:
            connection.close()

    def wait(self, seconds: float, ended: Callable[[], str | None]) -> None:
        """Ping until the server is ready. Raises JobFailed where it ends (`ended` says how) or takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            if (reason := ended()) is not None:
                raise JobFailed(f"AlgorithmError: The model's server ended before it was ready: {reason}")
            try:
                if self.request("GET", "/ping")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > deadline:
                raise JobFailed(
                    f"AlgorithmError: The model's server did not answer /ping with 200 within {seconds:g} s"
                )
            time.sleep(0.1)

    def invoke(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Send a request until it is answered. Raises JobFailed with the server's reason."""
        reason = ""
        for attempt in range(self.retries + 1):
            try:
                headers = {"Content_Type": content_type} | ({"Accept": accept} if accept else {})
                status, answer = self.request("POST", "/invocations", body, **headers)
            except (OSError, http.client.HTTPException) as error:
                reason = f"the server did not answer: {error!r}"
            else:
                if status == 200:
                    return answer
                reason = f"status {status}: {answer[:700].decode('utf-8', 'replace').strip()}"
                if status < 500:
                    break
            time.sleep(min(0.2 * 2**attempt, 2))
        raise JobFailed(f"ClientError: The model's server refused a request: {reason}")


@dataclass(frozen=True)
class Feeding:
    """How objects are cut and answers joined: the request's own members, with SageMaker's defaults."""

    split: str = "None"
    strategy: str = "MultiRecord"
    megabytes: int = 6
    concurrent: int = 1
    assemble: str = "None"
    content_type: str = "application/octet-stream"
    accept: str = ""

    def feed(self, server: Server, source: Path, target: Path, stopping: Callable[[], bool]) -> None:
        """One object through the server, answers in the order of the requests, in memory a few requests at a time."""

        def answer(body: bytes) -> bytes:
            if stopping():
                raise JobStopped
            return server.invoke(body, self.content_type, self.accept)

        with open(source, "rb") as given, open(target, "wb") as taken, ThreadPoolExecutor(self.concurrent) as pool:
            bodies = self.bodies(given)
            while group := list(islice(bodies, self.concurrent)):
                for part in pool.map(answer, group):
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
