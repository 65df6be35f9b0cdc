"""A response of a model's server, read strictly: what is not HTTP, or is open to two readings, is refused."""

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from recore.simulator.jobs.failure import printable

PART = 1 << 18  # bytes that are read at a time
HEAD = 64 << 10  # bytes of a head, of a chunk's line, and of a trailer
TEXT = 64 << 10  # bytes of a body that messages quote
INTERIM = 10  # responses with which a server may announce the one that counts
NO_BODY = (204, 304)
STATUS = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
LENGTH = re.compile("[0-9]{1,18}")


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
        """The beginning of the body as the text of a message, in which nothing can direct a terminal."""
        return printable(self.body[:TEXT].decode("utf-8", "replace").strip())


def read_response(connection: socket.socket, largest: int) -> tuple[Response, bool]:
    """The next response on a connection, and whether the connection can take another request.

    largest: bytes that its body may have. Raises NoResponse, in particular Disconnected.
    """
    incoming = Incoming(connection)
    for _ in range(INTERIM + 1):
        head = Head.read(incoming)
        if head.status >= 200:
            break
        if head.status == 101:  # what follows would be another protocol
            _refuse("it switches to another protocol")
    else:
        _refuse(f"more than {INTERIM} interim responses precede it")
    body = bytearray()
    for part in _parts(incoming, head, largest):
        body += part
        if len(body) > largest:
            raise _too_large(largest)
    headers = {name: values[-1] for name, values in head.fields.items()}
    return Response(head.status, headers, bytes(body)), head.keeps_connection and not incoming.waiting


class Incoming:
    """What a server sends on a connection. waiting: what was received and not yet read."""

    def __init__(self, connection: socket.socket):
        self._connection, self._begun = connection, False
        self.waiting = bytearray()

    def line(self) -> bytes:
        """The next line, without its end."""
        searched = 0
        while (end := self.waiting.find(b"\n", searched, HEAD)) < 0:
            searched = len(self.waiting)
            if searched >= HEAD:
                _refuse(f"one of its lines has more than {HEAD >> 10} kB")
            self.waiting += self._receive(PART) or self._cut_off()
        line = bytes(self.waiting[:end])
        del self.waiting[: end + 1]
        return line.removesuffix(b"\r")

    def part(self, most: int) -> bytes:
        """Some of the next bytes, at least one and at most so many; none at the end of the connection."""
        if not self.waiting:
            return self._receive(min(most, PART))
        part = bytes(self.waiting[:most])
        del self.waiting[:most]
        return part

    def exactly(self, size: int) -> Iterator[bytes]:
        """The next bytes, in parts."""
        while size:
            part = self.part(size) or self._cut_off()
            size -= len(part)
            yield part

    def _receive(self, most: int) -> bytes:
        try:
            part = self._connection.recv(most)
        except ConnectionError:
            if self._begun:
                self._cut_off()
            raise
        self._begun = self._begun or bool(part)
        return part

    def _cut_off(self) -> NoReturn:
        if self._begun:
            raise NoResponse("the server's response is cut off")
        raise Disconnected("the server did not respond: it closed the connection")


@dataclass(frozen=True)
class Head:
    """What precedes a body. fields: the values of the headers by their names in lower case. minor: HTTP's version."""

    minor: int
    status: int
    fields: Mapping[str, list[str]]

    @classmethod
    def read(cls, incoming: Incoming) -> "Head":
        line = incoming.line()
        found = STATUS.fullmatch(line)
        if not found:
            _refuse(f"its first line is {_quote(line)}")
        return cls(int(found[1]), int(found[2]), _fields(incoming))

    @property
    def length(self) -> int | None:
        """Bytes of the body, where the head says it."""
        lengths = set(self.fields.get("content-length", []))
        if len(lengths) > 1:
            _refuse("it has several lengths")
        if wrong := [length for length in lengths if not LENGTH.fullmatch(length)]:
            _refuse(f"its length is {_quote(wrong[0].encode('latin-1'))}")
        return int(lengths.pop()) if lengths else None

    @property
    def is_chunked(self) -> bool:
        codings = self.fields.get("transfer-encoding", [])
        if codings and [coding.lower() for coding in codings] != ["chunked"]:
            _refuse(f"its transfer encoding is {_quote(', '.join(codings).encode('latin-1'))}")
        if codings and "content-length" in self.fields:
            _refuse("it has a transfer encoding and a length")
        return bool(codings)

    @property
    def keeps_connection(self) -> bool:
        options = {option.strip().lower() for value in self.fields.get("connection", []) for option in value.split(",")}
        if "close" in options or (self.minor == 0 and "keep-alive" not in options):
            return False
        if self.status in NO_BODY:  # of which some servers send one all the same
            return not self.is_chunked and not self.length
        return self.is_chunked or self.length is not None


def _fields(incoming: Incoming) -> dict[str, list[str]]:
    """The lines of headers, or of a trailer, and the empty one after them."""
    fields: dict[str, list[str]] = {}
    size = 0
    while line := incoming.line():
        size += len(line)
        if size > HEAD:
            _refuse(f"its head has more than {HEAD >> 10} kB")
        found = FIELD.fullmatch(line)
        if not found:
            _refuse(f"a line of its head is {_quote(line)}")
        name, value = (text.decode("latin-1") for text in found.groups())
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return fields


def _parts(incoming: Incoming, head: Head, largest: int) -> Iterator[bytes]:
    """The body, in parts."""
    chunked, length = head.is_chunked, head.length
    if head.status in NO_BODY:
        return
    if chunked:
        yield from _chunks(incoming, largest)
    elif length is None:
        while part := incoming.part(PART):
            yield part
    elif length > largest:
        raise _too_large(largest)
    else:
        yield from incoming.exactly(length)


def _chunks(incoming: Incoming, largest: int) -> Iterator[bytes]:
    """The body in its chunks, whose own lines may have as many bytes as the body."""
    left = max(largest, HEAD)
    while True:
        line = incoming.line()
        found = CHUNK.fullmatch(line)
        if not found:
            _refuse(f"the size of a chunk is {_quote(line)}")
        size, left = int(found[1], 16), left - len(line)
        if size > largest or left < 0:
            raise _too_large(largest)
        if not size:
            _fields(incoming)
            return
        yield from incoming.exactly(size)
        if line := incoming.line():
            _refuse(f"{_quote(line)} follows a chunk")


def _too_large(largest: int) -> NoResponse:
    return NoResponse(f"the server's response has more than {largest >> 20} MB")


def _refuse(reason: str) -> NoReturn:
    raise NoResponse(f"the server's response is not HTTP: {reason}")


def _quote(line: bytes) -> str:
    """The start of a line, with escapes for what is not ASCII."""
    return repr(line[:40])[1:]
