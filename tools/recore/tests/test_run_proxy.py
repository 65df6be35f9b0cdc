import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.run_command import file_options, run_recore
from recore_support.tiny_submission import stub
from support.checkout import ROOT, environment

from stagemaker.server import BUCKET, ROLE_ARN, Simulator

pytestmark = pytest.mark.slow

NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class Proxy:
    """A proxy that rejects every request and records its first line."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.received_request = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def variables(self) -> dict[str, str]:
        return dict.fromkeys(NAMES, f"http://127.0.0.1:{self._server.getsockname()[1]}")

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the proxy's socket has been closed
            while True:
                client, _ = self._server.accept()
                with client, contextlib.suppress(ConnectionError):
                    self.requests.append(client.recv(1000).decode().partition("\r\n")[0])
                    self.received_request.set()
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxy = Proxy()
    yield proxy
    proxy.close()


@pytest.mark.parametrize("host", [None, "127.0.0.1", "localhost"], ids=["embedded", "127.0.0.1", "localhost"])
def test_a_simulator_on_this_machine_is_reached_without_the_proxy(
    host: str | None, proxy: Proxy, tmp_path: Path, sample: Path
) -> None:
    options = [*file_options(sample, "public"), "--out", tmp_path / "out", "--no-report"]
    with Simulator() if host else contextlib.nullcontext() as simulator:
        variables = proxy.variables
        if simulator:
            variables |= simulator.variables() | {"AWS_ENDPOINT_URL": f"http://{host}:{simulator.port}"}
            options += ["--bucket", BUCKET, "--role", ROLE_ARN]
        result = run_recore(stub(tmp_path / "mine"), *options, **variables)
        assert result.returncode == 0, result.stderr
    assert proxy.requests == []


def test_aws_is_reached_through_the_proxy(proxy: Proxy, tmp_path: Path, sample: Path) -> None:
    command = [sys.executable, "-m", "recore", "run", stub(tmp_path / "mine"), *file_options(sample, "public")]
    command += ["--out", tmp_path / "out", "--engine", "aws", "--bucket", "b", "--role", ROLE_ARN]
    variables = {name: value for name, value in environment().items() if not name.startswith("AWS_")}
    variables |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    variables |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    process = subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=variables | proxy.variables, stderr=subprocess.DEVNULL
    )
    try:
        assert proxy.received_request.wait(60)
    finally:
        process.kill()
        process.wait()
    assert proxy.requests[0].startswith("CONNECT s3.amazonaws.com:443")
