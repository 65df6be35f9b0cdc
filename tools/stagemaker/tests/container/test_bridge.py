"""The bridge between a port and a Unix socket: what it forwards, and what the command that it starts sees."""

import http.client
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stagemaker_support.checkout import CONTAINER, ROOT
from stagemaker_support.job_traces import wait_until

BRIDGE = str(CONTAINER / "bridge.py")


@pytest.fixture
def socket_path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield f"{folder}/s"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def start_bridge(*arguments: object, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-P", BRIDGE, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@contextmanager
def echo(listener: socket.socket) -> Iterator[None]:
    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while chunk := connection.recv(1 << 16):
                    connection.sendall(chunk)

    with listener:
        threading.Thread(target=serve, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


CLIENT_SCRIPT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"x" * 1_000_000)
    connection.shutdown(socket.SHUT_WR)
    print(sum(len(chunk) for chunk in iter(lambda: connection.recv(1 << 16), b"")))
"""


def test_data_is_forwarded_from_a_port_to_a_socket_and_back(socket_path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(socket_path)
    listener.listen()
    port = free_port()
    with echo(listener):
        bridge = start_bridge(port, socket_path, sys.executable, "-c", CLIENT_SCRIPT, port)
        output, errors = bridge.communicate(timeout=60)
    assert (output, errors) == ("1000000\n", "")


def test_requests_are_forwarded_from_a_socket_to_a_port(socket_path: str) -> None:
    port = free_port()
    process = start_bridge(
        socket_path, port, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port, cwd=ROOT
    )
    try:
        wait_until(lambda: status_of(socket_path) == 200)
    finally:
        process.kill()
        process.communicate()


def status_of(socket_path: str) -> int | None:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(socket_path)
        connection.request("GET", "/README.md")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_the_command_has_no_child_processes_and_its_status_is_returned(socket_path: str) -> None:
    script = "import os, sys\ntry: os.waitpid(-1, 0)\nexcept ChildProcessError: sys.exit(7)"
    process = start_bridge(socket_path, free_port(), sys.executable, "-c", script)
    process.communicate(timeout=60)
    assert process.returncode == 7


def test_signals_reach_the_command(socket_path: str) -> None:
    process = start_bridge(socket_path, free_port(), "sleep", "60")
    wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGTERM
    process.communicate()


def test_a_command_that_does_not_exist_is_reported(socket_path: str) -> None:
    process = start_bridge(socket_path, free_port(), "no-such-command")
    assert process.communicate(timeout=60)[1] == "no-such-command: No such file or directory\n"
    assert process.returncode == 1
