"""The bridge between a port and a Unix socket: forwarding in both directions, and the command that it starts."""

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
from stagemaker_support.checkout import CONTAINER
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
port = int(sys.argv[1]) if sys.argv[1].isdecimal() else None
with socket.create_connection(("127.0.0.1", port)) if port else socket.socket(socket.AF_UNIX) as connection:
    if not port:
        connection.connect(sys.argv[1])
    connection.sendall(b"x" * 1_000_000)
    connection.shutdown(socket.SHUT_WR)
    print(sum(len(chunk) for chunk in iter(lambda: connection.recv(1 << 16), b"")))
"""


@pytest.mark.parametrize("to_socket", [True, False])
def test_data_is_forwarded_between_a_port_and_a_socket_in_either_direction(socket_path: str, to_socket: bool) -> None:
    port = free_port()
    source, target = (port, socket_path) if to_socket else (socket_path, port)
    listener = socket.socket(socket.AF_UNIX) if to_socket else socket.create_server(("127.0.0.1", port))
    if to_socket:
        listener.bind(socket_path)
        listener.listen()
    with echo(listener):
        bridge = start_bridge(source, target, sys.executable, "-c", CLIENT_SCRIPT, source)
        assert bridge.communicate(timeout=60) == ("1000000\n", "")


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
