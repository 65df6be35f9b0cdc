"""HTTP to a server behind a Unix socket: connections are kept, and each request has one deadline."""

import contextlib
import http.client
import os
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 1 << 30  # bytes of a response's body
PART = 1 << 20  # bytes of a response that are read at a time


class NoResponse(Exception):
    """The server sent no response, or none that is HTTP; the message says which.

    container: the name of the container whose server it is, where the server is one of a chain.
    """

    def __init__(self, message: str, container: str = ""):
        super().__init__(message)
        self.container = container


class TimedOut(NoResponse):
    """The whole response was not there in time."""


class Disconnected(NoResponse):
    """The connection could not be opened, or it broke before the end of the response."""


@dataclass(frozen=True)
class Response:
    """headers: by their names in lower case; of a name that occurs twice the last one.

    container: the name of the container that gave it, where the server is one of a chain.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    container: str = ""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip()


class UnixClient:
    """A client of the server that listens on a Unix socket. For several threads; `close` ends its connections."""

    def __init__(self, socket: Path):
        self._socket = socket
        self._idle: deque[UnixConnection] = deque()
        self._closed = False

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = 60.0,
    ) -> Response:
        """Send a request and return the whole response, whatever its status.

        seconds: from now until the last byte of the response. Raises NoResponse, in particular TimedOut and
        Disconnected.
        """
        deadline = time.monotonic() + seconds
        with self._connection() as connection:
            try:
                connection.send_request(method, path, body, headers or {}, deadline)
                return connection.read_response()
            except TimeoutError:
                raise TimedOut(f"the server did not respond within {seconds:g} s") from None
            except (http.client.RemoteDisconnected, http.client.IncompleteRead):
                raise Disconnected("the server did not respond: it closed the connection") from None
            except http.client.HTTPException as error:
                raise NoResponse(f"the server's response is not HTTP: {error or type(error).__name__}") from None
            except OSError as error:
                raise Disconnected(f"the server did not respond: {error or type(error).__name__}") from None

    def close(self) -> None:
        """End the connections that no request uses; the others end with their requests."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator["UnixConnection"]:
        """A connection for one request. It is kept afterwards if the server and the response allow it."""
        connection = self._take_idle() or UnixConnection(self._socket)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if connection.sock and not self._closed:
            self._idle.append(connection)
        else:
            connection.close()

    def _take_idle(self) -> "UnixConnection | None":
        with contextlib.suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if connection.is_open():
                    return connection
                connection.close()
        return None


class UnixConnection(http.client.HTTPConnection):
    """One connection. Its requests have deadlines, as a server that sends a byte now and then would never time out."""

    sock: Any

    def __init__(self, path: Path):
        super().__init__("localhost")
        self._path, self._deadline = path, 0.0

    def connect(self) -> None:
        # the socket itself: the job could put a link to another server's socket in its place
        place = os.open(self._path, os.O_PATH | os.O_NOFOLLOW)
        try:
            self.sock = DeadlineSocket(self._deadline)
            self.sock.connect(f"/proc/self/fd/{place}")
        finally:
            os.close(place)

    def is_open(self) -> bool:
        """Whether the server has neither closed the connection nor sent anything since the last response."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def send_request(self, method: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float) -> None:
        """Raises NoResponse where the request cannot be HTTP."""
        self._deadline = deadline
        if self.sock:
            self.sock.deadline = deadline
        try:
            self.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers.items():
                self.putheader(name, value)
            if body or method == "POST":
                self.putheader("Content-Length", str(len(body)))
        except ValueError as error:
            raise NoResponse(f"the request is not HTTP: {error}") from None
        self.endheaders(body)

    def read_response(self) -> Response:
        """The response to the last request. Raises HTTPException, or NoResponse where it is too large."""
        with self.getresponse() as response:
            if len(set(response.headers.get_all("Content-Length", []))) > 1:
                raise http.client.HTTPException("it has several lengths")
            parts, size = [], 0
            while part := response.read(PART):
                parts.append(part)
                size += len(part)
                if size > LARGEST:
                    raise NoResponse(f"the server's response has more than {LARGEST >> 20} MB")
            if response.length:  # bytes that are missing
                raise http.client.IncompleteRead(b"", response.length)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status, headers, b"".join(parts))


class DeadlineSocket(socket.socket):
    """A Unix socket on which everything must be done by a deadline, a time of the monotonic clock."""

    def __init__(self, deadline: float):
        super().__init__(socket.AF_UNIX)
        self.deadline = deadline

    def connect(self, address: Any) -> None:
        self._set_timeout()
        super().connect(address)

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._set_timeout()  # for all of the data
        super().sendall(data, flags)

    def recv_into(self, *arguments: Any) -> int:
        self._set_timeout()
        return super().recv_into(*arguments)

    def _set_timeout(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)
