"""Responses that a model's server may send; ambiguous ones are refused."""

import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recore.simulator.compute.servers.response import Disconnected, NoResponse, Response, read_response

LARGEST = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*parts: bytes, largest: int = LARGEST) -> tuple[Response, bool]:
    """Return the response of a server that sends these parts and closes the connection."""

    def send() -> None:
        with server, contextlib.suppress(OSError):
            for part in parts:
                server.sendall(part)

    client, server = socket.socketpair()
    client.settimeout(60)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with client:
            return read_response(client, largest)
    finally:
        sender.join()


LONG = "its head, or a line between chunks, is larger than 64 kB"
REFUSED = {
    "a version": (b"HTTP/2 200 OK\r\n\r\n", "illegal status line"),
    "a status with a sign": (b"HTTP/1.1 +20 OK\r\n\r\n", "illegal status line"),
    "a status that is too long": (b"HTTP/1.1 2000 OK\r\n\r\n", "illegal status line"),
    "a status that is too small": (b"HTTP/1.1 099 OK\r\n\r\n", "InformationalResponse status_code"),
    "a reason": (b"HTTP/1.1 200 \x1b[31m\r\n\r\n", "its head contains control characters"),
    "an endless first line": (b"HTTP/1.1 200 " + b"x" * 200_000, LONG),
    "a folded header": (
        OK + b"Content-Type: text/csv\r\n x\r\n\r\n",
        "its head contains a header that continues",
    ),
    "a header folded by a tab": (OK + b"A: b\r\n\tc\r\n\r\n", "its head contains a header that continues"),
    "a space after a name": (OK + b"Content-Length : 5\r\n\r\nhello", "illegal header line"),
    "a name of two words": (OK + b"Content Length: 5\r\n\r\nhello", "illegal header line"),
    "no name": (OK + b": 5\r\n\r\n", "illegal header line"),
    "no colon": (OK + b"hello\r\nContent-Length: 0\r\n\r\n", "illegal header line"),
    **{
        f"a header with {byte!r}": (
            OK + b"Content-Type: a" + byte + b"b\r\n\r\n",
            "illegal header|its head contains control",
        )
        for byte in (b"\0", b"\x1b", b"\x7f", b"\r", b"\x0b")
    },
    "many headers": (OK + b"A: b\r\n" * 20_000 + b"\r\n", LONG),
    "endless interim responses": (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "more than 10 interim responses"),
    "another protocol": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "it switches to another protocol"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "conflicting Content-Length headers"),
    **{
        f"the length {length!r}": (OK + b"Content-Length: " + length + b"\r\n\r\nhello", "bad Content-Length")
        for length in (b"-5", b"+5", b"5_0", b"0x5", b"", b"5" * 5000, b"\xb5")
    },
    **{
        f"the encoding {coding!r}": (
            OK + b"Transfer-Encoding: " + coding + b"\r\n\r\nhello",
            "Only Transfer-Encoding: chunked|multiple Transfer-Encoding",
        )
        for coding in (b"gzip", b"gzip, chunked", b"chunked\r\nTransfer-Encoding: chunked", b"")
    },
    **{
        f"the chunk {size[:9]!r}": (CHUNKED + size + b"\r\nhello\r\n0\r\n\r\n", "illegal chunk header")
        for size in (b"-5", b"-1", b"+5", b"0x5", b"5_0", b" 5", b"", b"xyz", b";a=b", b"5" * 21, b"5\r")
    },
    "an endless size": (CHUNKED + b"5" * 70_000, LONG),
    "a chunk that is too short": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", "malformed chunk footer"),
    "a trailer": (CHUNKED + b"0\r\n\x1b: a\r\n\r\n", "illegal header line"),
    "an endless trailer": (
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000,
        LONG,
    ),
}


@pytest.mark.parametrize(("sent", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_requests(sent: bytes, reason: str) -> None:
    with pytest.raises(NoResponse, match=f"^the server's response is not HTTP: ({reason})") as caught:
        read(sent)
    assert type(caught.value) is NoResponse
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "sent",
    [
        OK + b"Content-Length: 1048577\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n",
        OK + b"\r\n" + b"x" * ((1 << 20) + 1),
        CHUNKED + (b"80000\r\n" + b"x" * (1 << 19) + b"\r\n") * 2 + b"1\r\nx\r\n",
        CHUNKED + b"f" * 15 + b"\r\n" + b"x" * ((1 << 20) + 1),
    ],
    ids=lambda sent: repr(sent[15:60]),
)
def test_responses_that_are_too_large(sent: bytes) -> None:
    with pytest.raises(NoResponse, match=r"^the server's response is larger than 1 MB$"):
        read(sent)


ACCEPTED = {
    "a length": (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    "the same length twice": (OK + b"Content-Length: 5\r\ncontent-length:5 \r\n\r\nhello", b"hello", True),
    "nothing": (OK + b"Content-Length: 0\r\n\r\n", b"", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    "ends of lines without a return": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", b"hello", True),
    "chunks": (CHUNKED + b'3;a="b"\r\nhel\r\n00002\r\nlo\r\n0\r\nA: b\r\n\r\n', b"hello", True),
    "the end of the connection": (OK + b"\r\nhello", b"hello", False),
    "close": (OK + b"Connection: x, Close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    "HTTP/1.0 that keeps the connection": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        False,
    ),
    "chunks and a length": (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    "interim responses": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        b"",
        True,
    ),
    "a second response": ((OK + b"Content-Length: 1\r\n\r\na") * 2, b"a", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "204 with a body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"", False),
    "304 with chunks": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", False),
    "as much as it may be": (OK + b"Content-Length: 1048576\r\n\r\n" + b"x" * LARGEST, b"x" * LARGEST, True),
}


@pytest.mark.parametrize(("sent", "body", "keeps_connection"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted_responses(sent: bytes, body: bytes, keeps_connection: bool) -> None:
    response, can_be_kept = read(sent)
    assert (response.body, can_be_kept) == (body, keeps_connection)


@pytest.mark.parametrize(
    "sent", [OK + b"A: b\r\nContent-Length: 5\r\n\r\nhello", CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n"]
)
def test_a_response_that_is_cut_off(sent: bytes) -> None:
    with pytest.raises(Disconnected, match=r"^the server did not respond: it closed the connection$"):
        read(b"")
    for end in range(1, len(sent)):
        with pytest.raises(NoResponse, match=r"^the server's response is cut off$"):
            read(sent[:end])


heads = [OK, b"HTTP/1.1 100 C\r\n", b"HTTP/1.0 204\r\n", b"\r\n", b"\n", b": ", b" a", b"abc", b"\0", b"-", b"\xff"]
others = [b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close", b"3\r\nabc\r\n", b"5", b"0\r\n"]
pieces = st.sampled_from([*heads, *others])


@given(st.lists(pieces, max_size=12), st.booleans())
def test_any_bytes_are_either_a_response_or_an_error(sent: list[bytes], begins: bool) -> None:
    """The outcome does not depend on how the bytes are divided into parts; only the error's message may."""
    outcomes = []
    whole = (OK if begins else b"") + b"".join(sent)
    for parts in ([whole], [bytes([byte]) for byte in whole]):
        try:
            response, _ = read(*parts)
        except NoResponse as error:
            outcomes.append(str(error).partition("HTTP: ")[0])
        else:
            outcomes.append(str(response))
            assert response.status >= 200
            assert not any("\0" in value for value in response.headers.values())
    assert outcomes[0] == outcomes[1]
