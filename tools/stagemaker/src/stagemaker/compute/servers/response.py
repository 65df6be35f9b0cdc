"""Read a model server's responses with h11, which rejects invalid HTTP."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import h11

from stagemaker.text import printable

READ_SIZE = 1 << 16  # bytes that are read at a time
MAX_HEAD_BYTES = 64 << 10  # maximum size of a head, of a line between chunks, and of a trailer
MAX_TEXT_BYTES = 64 << 10  # maximum size of the part of a body that is converted to text
MAX_INTERIM_RESPONSES = 10  # informational responses that a server may send before the final one
# rejected in a head, although h11 accepts these characters in values and joins continued lines
FORBIDDEN = re.compile(rb"(?P<control>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f])|\n[ \t]")
CLEARER_MESSAGES = {  # replacements for h11's messages that are hard to understand
    "illegal request line": "it does not begin with a status line",
    "Receive buffer too long": f"its head, or a line between chunks, is larger than {MAX_HEAD_BYTES >> 10} kB",
    "Received server _SWITCH_UPGRADE event without a pending proposal": "it switches to a different protocol",
}
# h11 can read a response only after a request
REQUEST = h11.Request(method="POST", target="/", headers=[("Host", "localhost")])


class NoResponse(Exception):
    """Raised if the server sent no valid response. container: the container's name, empty if the model has only one."""

    def __init__(self, message: str, container: str = ""):
        super().__init__(message)
        self.container = container


class TimedOut(NoResponse):
    """Raised if the response was not complete in time."""


class Disconnected(NoResponse):
    """Raised if the connection could not be opened, or broke before the response began."""


@dataclass(frozen=True)
class Response:
    """A server's response.

    headers: the last value of each header, by lower-case name. container: the name of the container that responded,
    which is empty for a model's only container.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    container: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return printable(self.body[:MAX_TEXT_BYTES].decode("utf-8", "replace").strip())


def read_response(connection: socket.socket, max_bytes: int) -> tuple[Response, bool]:
    """Read the next response; return it and whether the connection can be reused. Raises NoResponse."""
    incoming = IncomingData(connection)
    head, body = _head(incoming), bytearray()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
    size = int(headers.get("content-length", 0))  # the announced size, or the size received so far
    while size <= max_bytes and isinstance(event := incoming.next_event(), h11.Data):
        body += event.data
        size = max(size, len(body))
    if size > max_bytes:
        raise NoResponse(f"the server's response is larger than {max_bytes >> 20} MB")
    return Response(head.status_code, headers, bytes(body)), incoming.connection_is_idle


class IncomingData:
    def __init__(self, connection: socket.socket):
        self._connection, self._has_ended = connection, False
        self._received = bytearray()  # the bytes before the body, and some of the body
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        for event in (REQUEST, h11.EndOfMessage()):
            self._protocol.send(event)

    @property
    def head(self) -> bytes:
        return bytes(self._received[: len(self._received) - len(self._protocol.trailing_data[0])])

    @property
    def connection_is_idle(self) -> bool:
        """Whether the server is waiting for another request, and has sent no more data."""
        states = {self._protocol.our_state, self._protocol.their_state}
        return states == {h11.DONE} and not self._protocol.trailing_data[0] and not self._has_ended

    def next_event(self) -> h11.Event:
        """Return the next event. Raises NoResponse if the response is invalid, or OSError if nothing arrived."""
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                self._receive()
        except h11.RemoteProtocolError as error:
            if self._has_ended:
                raise NoResponse("the server's response was cut off") from None
            raise _invalid_http(CLEARER_MESSAGES.get(str(error), str(error))) from None
        assert isinstance(event, h11.Event)  # noqa: S101 - anything else is an event
        return event

    def _receive(self) -> None:
        try:
            part = self._connection.recv(READ_SIZE)
        except ConnectionError:
            if self._received:
                raise NoResponse("the server's response was cut off") from None
            raise
        if not part and not self._received:
            raise Disconnected("the server did not respond: it closed the connection")
        self._has_ended = not part
        if self._protocol.their_state is h11.SEND_RESPONSE:
            self._received += part
        self._protocol.receive_data(part)


def _head(incoming: IncomingData) -> h11.Response:
    for _ in range(MAX_INTERIM_RESPONSES + 1):
        event, head = incoming.next_event(), incoming.head
        if match := FORBIDDEN.search(head):
            reason = "control characters" if match["control"] else "a header that continues on another line"
            raise _invalid_http(f"its head contains {reason}")
        if len(head) > MAX_HEAD_BYTES:
            raise _invalid_http(CLEARER_MESSAGES["Receive buffer too long"])
        if isinstance(event, h11.Response):
            return event
    raise _invalid_http(f"more than {MAX_INTERIM_RESPONSES} interim responses precede it")


def _invalid_http(reason: str) -> NoResponse:
    return NoResponse(f"the server's response is not valid HTTP: {printable(reason)[:120]}")
