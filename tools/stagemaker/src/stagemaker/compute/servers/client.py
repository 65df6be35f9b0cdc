"""An HTTP client for a server on a Unix socket. It reuses connections, and each request has one deadline."""

import contextlib
import os
import re
import select
import socket
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.servers.response import Disconnected, NoResponse, Response, TimedOut, read_response

MAX_BODY_BYTES = 25 << 20  # maximum size of a response's body, unless a request sets a different limit
PART_SIZE = 1 << 20  # bytes that are sent at a time
VALID_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # matches a valid line in a request's head


class UnixClient:
    """A client for a server that listens on a Unix socket. Thread-safe; `close` closes its connections."""

    def __init__(self, socket: Path):
        self._socket = socket
        self._idle_connections: deque[UnixConnection] = deque()
        self._closed = False

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        deadline: Deadline,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> Response:
        """Send a request and return the complete response, whatever its status.

        deadline: the time limit for the complete response. Raises NoResponse, in particular TimedOut and Disconnected.
        """
        head = _head(method, path, body, headers or {})
        try:
            connection = self._take_idle() or UnixConnection(self._socket, deadline)
            try:
                return connection.exchange(head, body, deadline, max_bytes)
            finally:
                if connection.is_reusable and not self._closed:
                    self._idle_connections.append(connection)
                else:
                    connection.close()
        except TimeoutError:
            raise TimedOut(f"the server did not respond within {deadline.seconds:g} s") from None
        except OSError as error:
            raise Disconnected(f"the server did not respond: {str(error) or type(error).__name__}") from None

    def close(self) -> None:
        """Close the idle connections; those in use are closed after their requests."""
        self._closed = True
        while self._idle_connections:
            self._idle_connections.pop().close()

    def _take_idle(self) -> "UnixConnection | None":
        with contextlib.suppress(IndexError):
            while True:
                connection = self._idle_connections.pop()
                if connection.is_open():
                    return connection
                connection.close()
        return None


class UnixConnection(socket.socket):
    """A connection on which each request must be complete by its deadline. Raises TimeoutError.

    With a timeout for each byte, a server that sends a byte now and then would never time out. The kernel applies the
    timeouts, because Python would need twice as many system calls and might switch threads at each one.
    """

    def __init__(self, path: Path, deadline: Deadline):
        self._deadline, self.is_reusable = deadline, False
        # no symbolic link is followed: the job could replace the socket with a link to another server's
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            super().__init__(socket.AF_UNIX)
            try:
                with self._kernel_timeout(socket.SO_SNDTIMEO):
                    self.connect(f"/proc/self/fd/{descriptor}")
            except BaseException:
                self.close()
                raise
        finally:
            os.close(descriptor)

    def is_open(self) -> bool:
        """Return whether the server has neither closed the connection nor sent more data."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return not poll.poll(0)

    def exchange(self, head: bytes, body: bytes, deadline: Deadline, max_bytes: int) -> Response:
        """Send a request and read its response. Raises NoResponse or OSError.

        A server may respond and close the connection before it has read the entire request.
        """
        self._deadline, self.is_reusable = deadline, False
        if len(body) < PART_SIZE:  # send both together, so that the server wakes up only once
            head, body = head + body, b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sendall(head)
            self.sendall(body)
        response, self.is_reusable = read_response(self, max_bytes)
        return response

    def sendall(self, data: Any, flags: int = 0) -> None:
        for start in range(0, len(data), PART_SIZE):  # each part may take all of the remaining time
            with self._kernel_timeout(socket.SO_SNDTIMEO):
                super().sendall(data[start : start + PART_SIZE], flags)

    def recv(self, size: int, flags: int = 0) -> bytes:
        with self._kernel_timeout(socket.SO_RCVTIMEO):
            return super().recv(size, flags)

    @contextlib.contextmanager
    def _kernel_timeout(self, option: int) -> Iterator[None]:
        seconds_left = self._deadline.seconds_left
        if seconds_left < 1e-6:  # the kernel would treat this as no limit
            raise TimeoutError
        self.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", int(seconds_left), int(seconds_left % 1 * 1e6)))
        try:
            yield
        except BlockingIOError:
            raise TimeoutError from None


def _head(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    fields = {"Host": "localhost", **headers, "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if invalid_lines := [line for line in lines if not VALID_LINE.fullmatch(line)]:
        raise NoResponse(f"the request is not valid HTTP: {invalid_lines[0][:80]!r}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")
