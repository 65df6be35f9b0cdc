"""The client of a model's server: one deadline per request, persistent connections, and servers that misbehave."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.servers.client import UnixClient
from stagemaker.compute.servers.response import Disconnected, NoResponse, TimedOut

pytestmark = pytest.mark.everywhere

OK = b"HTTP/1.1 200 OK\r\n"
counter = itertools.count()


@pytest.fixture
def socket_path(socket_folder: Path) -> Path:
    return socket_folder / f"http-{next(counter)}"


@contextmanager
def serve(path: Path, respond: Callable[[socket.socket], None]) -> Iterator[list[socket.socket]]:
    connections: list[socket.socket] = []

    def respond_once(connection: socket.socket) -> None:
        try:
            respond(connection)
        except OSError:
            connection.close()

    def accept() -> None:
        with contextlib.suppress(OSError):  # the server was closed
            while True:
                connections.append(server.accept()[0])
                threading.Thread(target=respond_once, args=(connections[-1],), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        threading.Thread(target=accept, daemon=True).start()
        yield connections
        server.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()


def read_request(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (part := connection.recv(1)):
            return b""
        head += part
    return head


def respond_with(response: bytes) -> Callable[[socket.socket], None]:
    """Return a function that reads a request's headers, sends this response and closes the connection."""

    def respond(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(response)
        connection.close()

    return respond


def drip_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_head(connection: socket.socket) -> None:
    read_request(connection)
    for byte in OK + b"X-Long: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def hang(connection: socket.socket) -> None:
    read_request(connection)
    time.sleep(60)


def read_nothing(connection: socket.socket) -> None:
    time.sleep(60)


@pytest.mark.parametrize("respond", [drip_body, drip_head, hang, read_nothing])
def test_a_request_has_one_deadline(socket_path: Path, respond: Callable[[socket.socket], None]) -> None:
    with serve(socket_path, respond):
        start = time.monotonic()
        with pytest.raises(TimedOut, match=r"^the server did not respond within 1 s$"):
            UnixClient(socket_path).request("POST", "/invocations", b"x" * (8 << 20), deadline=Deadline(1))
        assert time.monotonic() - start < 30  # each server would take longer than this


@pytest.mark.parametrize("body", [b"body", b"x" * (5 << 20)], ids=len)
@pytest.mark.parametrize(
    ("response", "expected", "message"),
    [
        (b"", Disconnected, "did not respond"),
        (OK + b"Content-Length: 100\r\n\r\nabc", NoResponse, "response was cut off"),
        (b"hello\r\n\r\n", NoResponse, "response is not valid HTTP"),
    ],
)
def test_a_broken_connection_or_response_is_reported(
    socket_path: Path, body: bytes, response: bytes, expected: type[NoResponse], message: str
) -> None:
    """Disconnected is raised only if no response has begun: the server may not have received the request."""
    with serve(socket_path, respond_with(response)), pytest.raises(NoResponse, match=message) as excinfo:
        UnixClient(socket_path).request("POST", "/invocations", body, deadline=Deadline(5))
    assert type(excinfo.value) is expected


def test_a_response_before_the_end_of_the_request_is_read(socket_path: Path) -> None:
    with serve(socket_path, respond_with(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\ntoo large")):
        client = UnixClient(socket_path)
        for _ in range(3):
            response = client.request("POST", "/invocations", b"x" * (5 << 20), deadline=Deadline(5))
            assert (response.status, response.text) == (413, "too large")


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X": "\u2028"}], ids=str)
def test_a_request_that_is_not_valid_http_is_rejected(socket_path: Path, headers: dict[str, str]) -> None:
    with serve(socket_path, lambda connection: None), pytest.raises(NoResponse, match="the request is not valid HTTP"):
        UnixClient(socket_path).request("POST", "/invocations", b"body", headers, deadline=Deadline(5))


def test_a_response_that_is_too_large_is_rejected(socket_path: Path) -> None:
    response = OK + b"Content-Length: 5000000\r\n\r\n" + b"x" * 5_000_000
    with serve(socket_path, respond_with(response)), pytest.raises(NoResponse, match="larger than 1 MB"):
        UnixClient(socket_path).request("POST", "/invocations", deadline=Deadline(5), max_bytes=1 << 20)


def test_status_headers_and_body_are_returned_and_connections_are_kept(socket_path: Path) -> None:
    def respond(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nX-Amzn-Custom: a b\r\nContent-Length: 4\r\n\r\ngone")

    with serve(socket_path, respond) as connections:
        client = UnixClient(socket_path)
        for _ in range(5):
            response = client.request("GET", "/nowhere", headers={"Accept": "text/csv"}, deadline=Deadline(5))
            assert (response.status, response.headers["x-amzn-custom"], response.body) == (404, "a b", b"gone")
        assert len(connections) == 1
        client.close()
        assert connections[0].recv(1) == b""


def test_a_late_response_is_not_used_for_the_next_request(socket_path: Path) -> None:
    timed_out = threading.Event()

    def respond(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK + b"Content-Length: 5\r\n\r\nfirst")
        read_request(connection)
        timed_out.wait(30)
        connection.sendall(OK + b"Content-Length: 4\r\n\r\nlate")

    with serve(socket_path, respond):
        client = UnixClient(socket_path)
        assert client.request("GET", "/1", deadline=Deadline(5)).body == b"first"
        with pytest.raises(TimedOut):
            client.request("GET", "/2", deadline=Deadline(0.2))
        timed_out.set()
        assert client.request("GET", "/3", deadline=Deadline(5)).body == b"first"


def test_the_client_reconnects_to_a_server_that_closes_its_connections(socket_path: Path) -> None:
    with serve(socket_path, respond_with(OK + b"Content-Length: 2\r\n\r\nok")):
        client = UnixClient(socket_path)
        for _ in range(5):
            assert client.request("GET", "/ping", deadline=Deadline(5)).body == b"ok"
            time.sleep(0.05)


def test_a_missing_server_is_reported(socket_path: Path) -> None:
    with pytest.raises(NoResponse, match=r"did not respond: .*No such file"):
        UnixClient(socket_path).request("GET", "/ping", deadline=Deadline(5))


def test_a_symbolic_link_instead_of_the_socket_is_not_followed(socket_folder: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other_server:
        other_server.bind(str(socket_folder / "another"))
        other_server.listen()
        (tmp_path / "http").symlink_to(socket_folder / "another")
        with pytest.raises(NoResponse, match="did not respond"):
            UnixClient(tmp_path / "http").request("GET", "/ping", deadline=Deadline(2))
        other_server.setblocking(False)
        with pytest.raises(BlockingIOError):
            other_server.accept()
