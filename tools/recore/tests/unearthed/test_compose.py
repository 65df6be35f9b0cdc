"""The trained model as `docker compose up` serves it."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from conformance.servers import Server
from support.checkout import copy_checkout

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("docker")]
PORT = 8080  # the port in compose.yaml


def compose_command() -> list[str]:
    """Return the command of Docker's Compose plugin, or of the older program docker-compose."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    pytest.skip("docker compose is not installed: see https://docs.docker.com/compose/install/")


@pytest.fixture
def served_model(engine: docker.DockerClient, project: Path, tmp_path: Path) -> Iterator[Server]:
    """Serve the model of a clone in which the steps were run by hand."""
    command = [*compose_command(), "--project-name", "recore-test"]
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignores connections that have just ended
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError as error:
            pytest.fail(f"port {PORT} is in use: stop the program that is listening on it: {error}")
    folder = copy_checkout(tmp_path)
    shutil.copytree(project / "model", folder / "model")

    def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)

    try:
        up = compose("up", "--detach")
        assert up.returncode == 0, up.stderr
        server = Server("127.0.0.1", PORT)
        server.wait(lambda: True)
        yield server
    finally:
        print(compose("logs").stdout)  # shown if the test fails
        down = compose("down")
    assert down.returncode == 0, down.stderr


def test_compose_serves_the_trained_model(served_model: Server, engine: docker.DockerClient, project: Path) -> None:
    response = served_model.post((project / "data/preprocess/public.csv").read_bytes())
    assert response.status == 200, response.text
    assert response.body == (project / "data/predictions/public.csv.out").read_bytes()
    [container] = engine.containers.list(filters={"label": "com.docker.compose.project=recore-test"})
    assert container.ports == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]}
