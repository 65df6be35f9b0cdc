"""`recore web` serves clients while others send nothing, incomplete or slow requests, or files slow to read."""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from recore_support.production import ProductionCommands
from recore_support.web_page import WebPage
from stagemaker_support.job_traces import wait_until

from recore.web.server import MAX_CONNECTIONS

UPLOAD = b"POST /api/assays?name=x.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n1,2"
# takes seconds to read: 40 spectra of 50,000 channels, in 4 MB
TABLE = b"# axis: cm-1\nsample," + b",".join(b"%d" % n for n in range(1, 50_001)) + b"\n"
TABLE += (b"a," + b",".join([b"1"] * 50_000) + b"\n") * 40


@pytest.fixture(scope="module")
def page(project: ProductionCommands, web_page: WebPage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPage]:
    commands = ProductionCommands(project.client, tmp_path_factory.mktemp("crowd"), "trained")
    page = WebPage(commands, web_page.endpoint)
    yield page
    assert page.stop() == 0
    assert "Traceback" not in page.log()


def connect(page: WebPage, count: int, connections: contextlib.ExitStack) -> list[socket.socket]:
    address = urlsplit(page.address)
    return [
        connections.enter_context(socket.create_connection((address.hostname, address.port), 60)) for _ in range(count)
    ]


class Crowd:
    """Clients that all send the same beginning of a request, and reconnect when they are disconnected."""

    def __init__(self, page: WebPage, beginning: bytes, count: int) -> None:
        self._page, self._beginning, self._count = page, beginning, count
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._press)
        self.disconnected = 0

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _press(self) -> None:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as connections:
            while not self._ended.is_set():
                for client in connect(self._page, self._count - len(selector.get_map()), connections):
                    with contextlib.suppress(OSError):
                        client.sendall(self._beginning)
                    selector.register(client, selectors.EVENT_READ)
                for key, _ in selector.select(0.2):  # only the end of the stream, or an error, can be read
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.disconnected += 1


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: local", UPLOAD], ids=["silent", "a head", "an upload"])
def test_complete_requests_are_served_among_many_incomplete_ones(head: bytes, page: WebPage, few_rows: Path) -> None:
    with Crowd(page, head, MAX_CONNECTIONS + 20) as crowd:
        wait_until(lambda: crowd.disconnected)  # there are too many clients
        for _ in range(3):
            assert page.request("")[0] == 200
            assert len(page.send("few.csv.gz", few_rows.read_bytes())["samples"]) == 5


def test_a_connection_without_a_request_is_closed_even_if_it_is_the_only_one(page: WebPage) -> None:
    with contextlib.ExitStack() as connections:
        idle_socket, slow_socket, chunked = connect(page, 3, connections)
        slow_socket.sendall(UPLOAD)
        chunked.sendall(UPLOAD.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"))
        assert chunked.recv(100).startswith(b"HTTP/1.1 411 ")
        assert slow_socket.recv(100).startswith(b"HTTP/1.1 408 ")
        assert idle_socket.recv(100) == b""


@pytest.mark.parametrize("at_once", [True, False])
def test_a_client_that_reads_no_response_is_disconnected(at_once: bool, page: WebPage) -> None:
    address = urlsplit(page.address)
    request = f"GET /static/page.js HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
    with socket.socket() as client:
        client.settimeout(60)
        # before it connects: a window that becomes smaller hides the end of the connection for more than a minute
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        with contextlib.suppress(ConnectionError):
            for _ in range(1 if at_once else 2000):
                client.sendall(request * (2000 if at_once else 1))
            while True:
                client.sendall(request)  # fails once the page has disconnected it
                time.sleep(0.5)


def test_uploads_that_take_long_to_read_do_not_hold_up_the_page(page: WebPage, few_rows: Path) -> None:
    reasons: list[str] = []
    page.send("few.csv.gz", few_rows.read_bytes())
    threads = [threading.Thread(target=lambda: reasons.append(page.expect_error("heavy.csv", TABLE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert page.request("api/settings")[0] == 200
    assert len(page.send("few.csv.gz", few_rows.read_bytes())["samples"]) == 5
    for thread in threads:
        thread.join()
    assert len(reasons) == 4
    assert all("all values are 1" in reason or "cannot be read within" in reason for reason in reasons), reasons
