"""The HTTP server: whatever a client sends or omits, the server keeps running and responds to other clients."""

import contextlib
import io
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stagemaker_support.simulator_client import Client
from stagemaker_support.simulator_process import simulator_process

from stagemaker.api.http_server import HttpServer
from stagemaker.server import BUCKET

HEADERS = (
    b"Host: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, "
    b"SignedHeaders=host, Signature=0\r\n"
)
PUT_HEAD = f"PUT /{BUCKET}/cut-off HTTP/1.1\r\n".encode() + HEADERS


@contextlib.contextmanager
def serve(application: Callable[..., Iterable[bytes]], **settings: int) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        port = listener.getsockname()[1]
        with contextlib.closing(HttpServer(application, listener, **settings)) as server:
            server.start()
            yield port


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def exchange(port: int, *parts: bytes, shutdown_write: bool = False) -> tuple[int, dict[str, str], bytes]:
    with connect(port) as connection:
        for part in parts:
            connection.sendall(part)
        if shutdown_write:
            connection.shutdown(socket.SHUT_WR)
        return read_response(connection)


def read_response(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    with connection.makefile("rb") as response:
        status = int(response.readline().split()[1])
        lines = iter(lambda: response.readline().strip().decode(), "")
        headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return status, headers, response.read(int(headers.get("Content-Length", 0)))


@pytest.mark.parametrize(
    "request_bytes",
    [
        PUT_HEAD + b"Transfer-Encoding: chunked\r\n\r\n400000\r\nxx",
        PUT_HEAD + b"Transfer-Encoding: chunked\r\n\r\n4",
        PUT_HEAD + b"Content-Length: 10\r\n\r\nxx",
        PUT_HEAD,
        b"PUT /buck",
    ],
)
def test_a_request_that_ends_too_early_is_rejected_and_stores_nothing(client: Client, request_bytes: bytes) -> None:
    status, headers, body = exchange(client.simulator.port, request_bytes, shutdown_write=True)
    assert (status, headers["Connection"]) == (400, "close")
    assert json.loads(body)["message"] == "The request is incomplete"
    with connect(client.simulator.port) as connection:  # which is closed without waiting for a response
        connection.sendall(request_bytes)
    assert "cut-off" not in client.keys(f"s3://{BUCKET}/")


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "SerializationException"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\nContent-Length: much\r\n\r\n", 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\nContent-Length: 9999999999999\r\n\r\n", 413, "RequestEntityTooLarge"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "NotImplemented"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 9000, 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: " + b"b" * 9000, 400, "SerializationException"),
        (b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431, "RequestHeaderFieldsTooLarge"),
        (b"POST / HTTP/1.1\r\nA: " + b"b" * 100_000, 431, "RequestHeaderFieldsTooLarge"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_invalid_or_large_requests_are_rejected(client: Client, request_bytes: bytes, status: int, code: str) -> None:
    actual_status, headers, body = exchange(client.simulator.port, request_bytes)
    assert (actual_status, json.loads(body)["__type"], headers["Connection"]) == (status, code, "close")
    assert headers["Content-Type"] == "application/x-amz-json-1.1"


def test_100_continue_is_sent_only_if_a_body_follows() -> None:
    with serve(echo) as port, connect(port) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert read_response(connection)[::2] == (200, b"ok")
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
        assert read_response(connection)[::2] == (200, b"")


def test_metadata_names_keep_their_underscores_and_dashes(client: Client) -> None:
    metadata = {"a": "1", "a_b": "2", "a-c": "3", "Camel-Case": "4", "A_b-C": "5"}
    client.s3.put_object(Bucket=BUCKET, Key="metadata", Body=b"", Metadata=metadata)
    assert client.s3.head_object(Bucket=BUCKET, Key="metadata")["Metadata"] == {
        name.lower(): value for name, value in metadata.items()
    }


def test_underscores_in_header_names_are_not_read_as_dashes() -> None:
    def return_headers(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [json.dumps([environ.get("HTTP_X_AMZ_META_A_B"), environ.get("HTTP_X_AMZ_ACL")]).encode()]

    request = b"GET / HTTP/1.1\r\nX_Amz_Acl: public\r\nx-amz-meta-a_b: 1\r\n%b\r\n"
    with serve(return_headers) as port:
        assert json.loads(exchange(port, request % b"")[2]) == ["1", None]
        assert json.loads(exchange(port, request % b"X-Amz-Meta-A_B: 2\r\n")[2]) == ["1,2", None]
        assert json.loads(exchange(port, request % b"x-amz-meta-a-b: 3\r\n")[2]) == ["3", None]


@pytest.mark.parametrize(
    "key", ["a b+c%", "a%2Fb", "a//b", "/a", "a/", "ü中😀", "a/../b", "./a", "a?b#c&d=e", "~*'()!;:@", "a\tb"]
)
def test_keys_may_contain_any_characters(client: Client, key: str) -> None:
    client.s3.put_object(Bucket=BUCKET, Key=f"keys/{key}", Body=key.encode())
    client.s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    assert client.s3.get_object(Bucket=BUCKET, Key=f"keys/{key}")["Body"].read() == key.encode()
    assert client.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] == 0
    for name in (key, f"keys/{key}"):
        summaries = client.s3.list_objects_v2(Bucket=BUCKET, Prefix=name)["Contents"]
        assert name in [item["Key"] for item in summaries]
        client.s3.delete_object(Bucket=BUCKET, Key=name)


@pytest.mark.parametrize("prefix", ["/", "//", "", "http://127.0.0.1/", "http://127.0.0.1//"])
def test_all_forms_of_a_request_target_are_accepted(client: Client, prefix: str) -> None:
    client.s3.put_object(Bucket=BUCKET, Key="forms/a//b/", Body=b"content")
    for path in ("forms/a//b/", "forms/a%2F/b%2f?x-id=GetObject"):
        host = f"Host: localhost:{client.simulator.port}".encode()
        head = (
            f"GET {prefix}{BUCKET}/{path} HTTP/1.1\r\n".encode() + HEADERS.replace(b"Host: localhost", host) + b"\r\n"
        )
        assert exchange(client.simulator.port, head)[::2] == (200, b"content")


def test_files_and_streams_are_uploaded(client: Client) -> None:
    """boto3 sends some uploads in chunks with checksums, and waits for 100 Continue before it sends them."""

    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    for body in (io.BytesIO(b""), io.BytesIO(b"z" * 3_000_000)):
        client.s3.put_object(Bucket=BUCKET, Key="stream", Body=body, ChecksumAlgorithm="SHA256")
        stored_body = client.s3.get_object(Bucket=BUCKET, Key="stream", ChecksumMode="ENABLED")["Body"].read()
        assert stored_body == body.getvalue()
    client.s3.upload_fileobj(Stream(b"z" * 3_000_000), BUCKET, "stream")
    assert client.s3.get_object(Bucket=BUCKET, Key="stream")["Body"].read() == b"z" * 3_000_000


def test_slow_and_silent_clients_do_not_occupy_a_worker() -> None:
    with serve(echo, workers=5) as port, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(30)]
        for index, connection in enumerate(connections):
            connection.sendall([b"", b"P", b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nx"][index % 3])
        # if no worker were free, this request would time out before the server disconnects the silent clients
        assert exchange(port, b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")[2] == b"ok"
        for connection in connections[2::3]:
            connection.sendall(b"yz")
        assert {read_response(connection)[2] for connection in connections[2::3]} == {b"xyz"}


def test_clients_that_do_not_read_do_not_occupy_a_worker() -> None:
    parts = {"/large": [bytes(32 << 20)] * 2, "/": [b"small"]}

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = parts[environ["PATH_INFO"]]
        start_response("200 OK", [("Content-Length", str(sum(map(len, body))))])
        return body

    with serve(application, workers=5) as port, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(15)]
        for connection in connections:
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert exchange(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")[2] == b"small"
        assert read_response(connections[-1])[2] == bytes(64 << 20)


def test_an_invocation_gets_a_thread_however_its_url_is_written() -> None:
    has_started, may_end = threading.Semaphore(0), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/other":
            has_started.release()
            assert may_end.wait(60)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    urls = [
        b"//endpoints/x/async-invocations",
        b"///endpoints/x/async-invocations?a=b",
        b"/%65ndpoints/x/async-invocations",
        b"/%2Fendpoints%2fx/async-invocations",
        b"endpoints/x/async-invocations",
        b"%2fendpoints/x/%61sync-invocations",
        b"http://127.0.0.1/endpoints/x/async-invocations",
        b"http://127.0.0.1//%65ndpoints/x/async-invocations#a",
    ]
    with serve(application, workers=2) as port, contextlib.ExitStack() as stack:
        stack.callback(may_end.set)
        connections = [stack.enter_context(connect(port)) for _ in urls]
        for connection, url in zip(connections, urls, strict=True):
            connection.sendall(b"POST " + url + b" HTTP/1.1\r\n" + HEADERS + b"Content-Length: 2\r\n\r\nok")
        for _ in urls:
            assert has_started.acquire(timeout=30)
        assert exchange(port, b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n")[2] == b"ok"
        may_end.set()
        assert {read_response(connection)[0] for connection in connections} == {200}


def test_a_client_that_falls_silent_is_disconnected() -> None:
    with serve(echo, silence_timeout=1) as port, connect(port) as first_client, connect(port) as second_client:
        first_client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nx")
        assert first_client.recv(1) == b""
        assert second_client.recv(1) == b""


def test_requests_in_progress_get_a_response_before_the_server_ends() -> None:
    large_body, has_started = bytes(32 << 20), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        has_started.set()
        time.sleep(0.5)
        start_response("200 OK", [])
        return [large_body]

    responses = []
    with serve(application) as port, connect(port) as idle_client:
        connection = connect(port)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reader = threading.Thread(target=lambda: responses.append(read_response(connection)))
        reader.start()
        assert has_started.wait(60)
        idle_client.sendall(b"GET / HT")
    reader.join(60)
    connection.close()
    assert [response[2] == large_body for response in responses] == [True]
    with pytest.raises(OSError, match="refused"):
        connect(port)


def test_closed_servers_leave_nothing_behind() -> None:
    with serve(echo):
        pass
    server_count, descriptors, threads = 20, len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(server_count):
        with serve(echo) as port:
            connect(port).close()
    assert len(os.listdir("/proc/self/fd")) < descriptors + server_count // 2
    assert threading.active_count() < threads + server_count // 2


def test_large_bodies_are_stored_on_disk_and_removed(tmp_path: Path) -> None:

    def kill_while_uploading() -> None:
        with simulator_process(TMPDIR=str(tmp_path)) as simulator:
            files_before = files_below(tmp_path)
            head = b"PUT /b/large HTTP/1.1\r\n" + HEADERS + b"Content-Length: 300000000\r\n\r\n"
            with connect(simulator.port) as connection:
                connection.sendall(head + bytes(50_000_000))
                descriptors, deadline = Path(f"/proc/{simulator.process.pid}/fd"), time.monotonic() + 60
                while not any(size_of(path) > 40_000_000 for path in descriptors.iterdir()):
                    assert time.monotonic() < deadline
                assert files_below(tmp_path) == files_before
                simulator.process.send_signal(signal.SIGKILL)
                simulator.process.wait()

    with pytest.raises(AssertionError, match="exit status -9"):
        kill_while_uploading()


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def size_of(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
