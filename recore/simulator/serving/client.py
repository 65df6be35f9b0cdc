"""HTTP to a server behind a Unix socket: connections are kept, and each request has one deadline."""

import contextlib
import http.client
import os
import re
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 25 << 20  # bytes of a response's body, unless a request says otherwise
PART = 1 << 20  # bytes that are read or copied at a time
LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # of a request's head
LENGTH = re.compile("[0-9]{1,18}")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)  # the line of its size
LONGEST_LINE = 1 << 16  # bytes


class NoResponse(Exception):
    """The server sent no response, or none that is HTTP; the message says which.

    container: the name of the container whose server it is. A model's only container has none.
    """

    def __init__(self, message: str, container: str = ""):
        super().__init__(message)
        self.container = container


class TimedOut(NoResponse):
    """The whole response was not there in time."""


class Disconnected(NoResponse):
    """The connection could not be opened, or it broke before the response began."""


@dataclass(frozen=True)
class Response:
    """headers: by their names in lower case; of a name that occurs twice the last one.

    container: the name of the container that gave it. A model's only container has none.
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
        largest: int = LARGEST,
    ) -> Response:
        """Send a request and return the whole response, whatever its status.

        seconds: from now until the last byte of the response. largest: bytes that its body may have. Raises NoResponse,
        in particular TimedOut and Disconnected.
        """
        deadline = time.monotonic() + seconds
        head = _request(method, path, body, headers or {})
        try:
            with self._connection(deadline) as connection:
                return connection.exchange(head, body, deadline, largest)
        except TimeoutError:
            raise TimedOut(f"the server did not respond within {seconds:g} s") from None
        except http.client.RemoteDisconnected:
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
    def _connection(self, deadline: float) -> Iterator["UnixConnection"]:
        """A connection for one request. It is kept afterwards if the server and the response allow it."""
        connection = self._take_idle() or UnixConnection(self._socket, deadline)
        connection.can_be_kept = False
        try:
            yield connection
        finally:
            if connection.can_be_kept and not self._closed:
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


class UnixConnection:
    """One connection. Its requests have deadlines, as a server that sends a byte now and then would never time out."""

    def __init__(self, path: Path, deadline: float):
        """Open it. deadline: by the monotonic clock; later requests have others."""
        self.can_be_kept = False
        # the socket itself: the job could put a link to another server's socket in its place
        place = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            self._socket = DeadlineSocket(deadline)
            try:
                self._socket.connect(f"/proc/self/fd/{place}")
            except BaseException:
                self.close()
                raise
        finally:
            os.close(place)

    def is_open(self) -> bool:
        """Whether the server has neither closed the connection nor sent anything since the last response."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def exchange(self, request: bytes, body: bytes, deadline: float, largest: int) -> Response:
        """Send a request and read its response. Raises HTTPException, or NoResponse where it is too large or cut off.

        A server may respond and close the connection before it has read the whole request.
        """
        self._socket.deadline = deadline
        if len(body) < PART:  # together, so that the server wakes only once
            request, body = request + body, b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(request)
            self._socket.sendall(body)
        with StrictResponse(self._socket) as response:
            response.begin()
            try:
                parsed = _read(response, largest)
            except (http.client.IncompleteRead, ConnectionError):
                raise NoResponse("the server's response is cut off") from None
            self.can_be_kept = not response.will_close
            return parsed

    def close(self) -> None:
        self._socket.close()


class DeadlineSocket(socket.socket):
    """A Unix socket on which everything must be done by a deadline, a time of the monotonic clock.

    The kernel keeps the time: Python's own timeouts take twice as many system calls, and in each of them another thread
    may run, for which an invocation among many has to wait. Raises TimeoutError.
    """

    def __init__(self, deadline: float):
        super().__init__(socket.AF_UNIX)
        self.deadline = deadline

    def connect(self, address: Any) -> None:
        with self._timed(socket.SO_SNDTIMEO):
            super().connect(address)

    def sendall(self, data: Any, flags: int = 0) -> None:
        for start in range(0, len(data), PART):  # each part has the time that is left
            with self._timed(socket.SO_SNDTIMEO):
                super().sendall(data[start : start + PART], flags)

    def recv_into(self, *arguments: Any) -> int:
        with self._timed(socket.SO_RCVTIMEO):
            return super().recv_into(*arguments)

    @contextlib.contextmanager
    def _timed(self, option: int) -> Iterator[None]:
        left = self.deadline - time.monotonic()
        if left < 1e-6:  # which the kernel would take for no limit
            raise TimeoutError
        self.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", int(left), int(left % 1 * 1e6)))
        try:
            yield
        except BlockingIOError:
            raise TimeoutError from None


class StrictResponse(http.client.HTTPResponse):
    """A response whose chunks have sizes: the base class takes -1 for all that comes until the connection ends."""

    def _read_next_chunk_size(self) -> int:
        line = self.fp.readline(LONGEST_LINE)
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            raise http.client.IncompleteRead(b"")
        size = CHUNK.fullmatch(line)
        if not size:
            raise http.client.HTTPException(f"the size of a chunk is {line[:20]!r}")
        return int(size[1], 16)


def _request(method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A request's lines before its body. Raises NoResponse where that would not be HTTP."""
    fields = {"Host": "localhost", **headers, "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if wrong := [line for line in lines if not LINE.fullmatch(line)]:
        raise NoResponse(f"the request is not HTTP: {wrong[0][:80]!r}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def _read(response: http.client.HTTPResponse, largest: int) -> Response:
    lengths = set(response.headers.get_all("Content-Length", []))
    if len(lengths) > 1:
        raise http.client.HTTPException("it has several lengths")
    if wrong := [length for length in lengths if not LENGTH.fullmatch(length)]:
        raise http.client.HTTPException(f"its length is {wrong[0][:20]!r}")
    parts, size = [], 0
    while part := response.read(PART):
        parts.append(part)
        size += len(part)
        if size > largest:
            raise NoResponse(f"the server's response has more than {largest >> 20} MB")
    if response.length:  # bytes that are missing
        raise http.client.IncompleteRead(b"", response.length)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status, headers, b"".join(parts))
