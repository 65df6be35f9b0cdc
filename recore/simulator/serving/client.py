"""HTTP to a server behind a Unix socket: connections are kept, and each request has one deadline."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpcore

LARGEST = 1 << 30  # bytes of a response's body
CONNECTIONS = 100  # open at a time


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
        self._pool = httpcore.ConnectionPool(
            uds=str(socket), max_connections=CONNECTIONS, network_backend=_DeadlineBackend()
        )

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
        timeouts = dict.fromkeys(("connect", "read", "write"), deadline) | {"pool": seconds}
        given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        try:
            with self._pool.stream(
                method, f"http://localhost{path}", headers=given, content=body, extensions={"timeout": timeouts}
            ) as response:
                parts, size = [], 0
                for part in response.iter_stream():
                    parts.append(part)
                    size += len(part)
                    if size > LARGEST:
                        raise NoResponse(f"the server's response has more than {LARGEST >> 20} MB")
                named = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
                return Response(response.status, named, b"".join(parts))
        except httpcore.TimeoutException:
            raise TimedOut(f"the server did not respond within {seconds:g} s") from None
        except httpcore.RemoteProtocolError as error:
            if "disconnected" in str(error) or "closed connection" in str(error):
                raise Disconnected("the server did not respond: it closed the connection") from None
            raise NoResponse(f"the server's response is not HTTP: {error}") from None
        except httpcore.LocalProtocolError as error:
            raise NoResponse(f"the request is not HTTP: {error}") from None
        except (httpcore.NetworkError, OSError) as error:
            raise Disconnected(f"the server did not respond: {error or type(error).__name__}") from None

    def close(self) -> None:
        self._pool.close()


class _DeadlineBackend(httpcore.NetworkBackend):
    """Unix sockets whose timeouts are deadlines, as a server that sends a byte now and then would never time out."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        # the socket itself: the job could put a link to another server's socket in its place
        try:
            place = os.open(path, os.O_PATH | os.O_NOFOLLOW)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        try:
            stream = self._backend.connect_unix_socket(f"/proc/self/fd/{place}", _left(timeout), socket_options)
        finally:
            os.close(place)
        return _DeadlineStream(stream)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream):
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), 1 << 20):  # each write has the timeout
            self._stream.write(buffer[start : start + (1 << 20)], _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float | None) -> float | None:
    """Seconds until a deadline. Raises ReadTimeout where it has passed."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
