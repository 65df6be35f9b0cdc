"""Responses from a model server: valid ones are read, and invalid or ambiguous ones are rejected."""

import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemaker.compute.servers.response import Disconnected, NoResponse, Response, read_response

MAX_BYTES = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED_HEAD = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*parts: bytes, max_bytes: int = MAX_BYTES) -> tuple[Response, bool]:

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
            return read_response(client, max_bytes)
    finally:
        sender.join()


TOO_LONG = "its head, or a line between chunks, is larger than 64 kB"
INVALID_RESPONSES = [
    (b"HTTP/2 200 OK\r\n\r\n", "illegal status line"),
    (b"HTTP/1.1 +20 OK\r\n\r\n", "illegal status line"),
    (b"HTTP/1.1 2000 OK\r\n\r\n", "illegal status line"),
    (b"HTTP/1.1 099 OK\r\n\r\n", "InformationalResponse status_code"),
    (b"HTTP/1.1 200 \x1b[31m\r\n\r\n", "its head contains control characters"),
    (b"HTTP/1.1 200 " + b"x" * 200_000, TOO_LONG),
    (OK + b"Content-Type: text/csv\r\n x\r\n\r\n", "its head contains a header that continues"),
    (OK + b"A: b\r\n\tc\r\n\r\n", "its head contains a header that continues"),
    (OK + b"Content-Length : 5\r\n\r\nhello", "illegal header line"),
    (OK + b"Content Length: 5\r\n\r\nhello", "illegal header line"),
    (OK + b": 5\r\n\r\n", "illegal header line"),
    (OK + b"hello\r\nContent-Length: 0\r\n\r\n", "illegal header line"),
    *(
        (OK + b"A: a" + byte + b"b\r\n\r\n", "illegal header|its head contains control")
        for byte in (b"\0", b"\x1b", b"\x7f", b"\r", b"\x0b")
    ),
    (OK + b"A: b\r\n" * 20_000 + b"\r\n", TOO_LONG),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "more than 10 interim responses"),
    (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", "it switches to a different protocol"),
    (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "conflicting Content-Length headers"),
    *(
        (OK + b"Content-Length: " + length + b"\r\n\r\nhello", "bad Content-Length")
        for length in (b"-5", b"+5", b"5_0", b"0x5", b"", b"5" * 5000, b"\xb5")
    ),
    *(
        (
            OK + b"Transfer-Encoding: " + coding + b"\r\n\r\nhello",
            "Only Transfer-Encoding: chunked|multiple Transfer-Encoding",
        )
        for coding in (b"gzip", b"gzip, chunked", b"chunked\r\nTransfer-Encoding: chunked", b"")
    ),
    *(
        (CHUNKED_HEAD + size + b"\r\nhello\r\n0\r\n\r\n", "illegal chunk header")
        for size in (b"-5", b"-1", b"+5", b"0x5", b"5_0", b" 5", b"", b"xyz", b";a=b", b"5" * 21, b"5\r")
    ),
    (CHUNKED_HEAD + b"5" * 70_000, TOO_LONG),
    (CHUNKED_HEAD + b"4\r\nhello\r\n0\r\n\r\n", "malformed chunk footer"),
    (CHUNKED_HEAD + b"0\r\n\x1b: a\r\n\r\n", "illegal header line"),
    (CHUNKED_HEAD + b"0\r\n" + b"A: b\r\n" * 20_000, TOO_LONG),
]


@pytest.mark.parametrize(("data", "reason"), INVALID_RESPONSES, ids=lambda value: repr(value)[:70])
def test_invalid_responses_are_rejected(data: bytes, reason: str) -> None:
    with pytest.raises(NoResponse, match=f"^the server's response is not valid HTTP: ({reason})") as excinfo:
        read(data)
    assert type(excinfo.value) is NoResponse
    assert str(excinfo.value).isascii()
    assert str(excinfo.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Content-Length: 1048577\r\n\r\n",
        OK + b"Content-Length: " + b"9" * 18 + b"\r\n\r\n",
        OK + b"\r\n" + b"x" * ((1 << 20) + 1),
        CHUNKED_HEAD + (b"80000\r\n" + b"x" * (1 << 19) + b"\r\n") * 2 + b"1\r\nx\r\n",
        CHUNKED_HEAD + b"f" * 15 + b"\r\n" + b"x" * ((1 << 20) + 1),
    ],
    ids=lambda data: repr(data[15:60]),
)
def test_responses_that_are_too_large_are_rejected(data: bytes) -> None:
    with pytest.raises(NoResponse, match=r"^the server's response is larger than 1 MB$"):
        read(data)


VALID_RESPONSES = [
    (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    (OK + b"Content-Length: 5\r\ncontent-length:5 \r\n\r\nhello", b"hello", True),
    (OK + b"Content-Length: 0\r\n\r\n", b"", True),
    (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
    (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", b"hello", True),
    (CHUNKED_HEAD + b'3;a="b"\r\nhel\r\n00002\r\nlo\r\n0\r\nA: b\r\n\r\n', b"hello", True),
    (OK + b"\r\nhello", b"hello", False),
    (OK + b"Connection: x, Close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    (OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello", True),
    (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        b"",
        True,
    ),
    ((OK + b"Content-Length: 1\r\n\r\na") * 2, b"a", False),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", b"", False),
    (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", False),
    (OK + b"Content-Length: 1048576\r\n\r\n" + b"x" * MAX_BYTES, b"x" * MAX_BYTES, True),
]


@pytest.mark.parametrize(("data", "body", "keeps_connection"), VALID_RESPONSES, ids=lambda value: repr(value)[:70])
def test_valid_responses_are_read(data: bytes, body: bytes, keeps_connection: bool) -> None:
    response, can_be_kept = read(data)
    assert (response.body, can_be_kept) == (body, keeps_connection)


@pytest.mark.parametrize(
    "data", [OK + b"A: b\r\nContent-Length: 5\r\n\r\nhello", CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n"]
)
def test_a_response_that_is_cut_off_is_rejected(data: bytes) -> None:
    with pytest.raises(Disconnected, match=r"^the server did not respond: it closed the connection$"):
        read(b"")
    for end in range(1, len(data)):
        with pytest.raises(NoResponse, match=r"^the server's response was cut off$"):
            read(data[:end])


head_fragments = [OK, b"HTTP/1.1 100 C\r\n", b"HTTP/1.0 204\r\n", b"\r\n", b"\n", b": ", b" a", b"abc", b"\0", b"-"]
other_fragments = [b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close", b"3\r\nabc\r\n", b"5"]
fragment = st.sampled_from([*head_fragments, *other_fragments, b"0\r\n", b"\xff"])


@given(st.lists(fragment, max_size=12), st.booleans())
def test_any_bytes_are_either_a_response_or_an_error(fragments: list[bytes], has_status_line: bool) -> None:
    """Except for the error message, the outcome does not depend on how the bytes are split into chunks."""
    outcomes = []
    data = (OK if has_status_line else b"") + b"".join(fragments)
    for parts in ([data], [bytes([byte]) for byte in data]):
        try:
            response, _ = read(*parts)
        except NoResponse as error:
            outcomes.append(str(error).partition("HTTP: ")[0])
        else:
            outcomes.append(str(response))
            assert response.status >= 200
            assert not any("\0" in value for value in response.headers.values())
    assert outcomes[0] == outcomes[1]
