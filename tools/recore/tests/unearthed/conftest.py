import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from packaging.version import Version
from support.checkout import ROOT

IMAGE = json.loads((ROOT / ".unearthed_challenge.json").read_text())["dockerImage"]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    try:
        engine = docker.from_env()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine responds ({error}): install or start one")
    try:
        require_image(engine, IMAGE, f"docker build --target equivalent -t {IMAGE} .")
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def client(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_image(engine, "python:3.8-slim", "docker pull python:3.8-slim")  # `unearthed build` runs in this image
    version = engine.version()["MinAPIVersion"]
    if Version(version) > Version("1.39"):
        pytest.skip(
            f"the Unearthed CLI uses version 1.39 of Docker's API, but this engine needs {version} or newer: "
            'set "min-api-version": "1.24" in its daemon.json'
        )
    folder = tmp_path_factory.mktemp("client")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin/pip", "install", "--quiet", "-r", ROOT / "tools/requirements/unearthed.txt"]
    result = subprocess.run(install, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return folder / "bin/unearthed"


def require_image(engine: docker.DockerClient, image: str, fix: str) -> None:
    try:
        engine.images.get(image)
    except docker.errors.ImageNotFound:
        pytest.skip(f"the image {image} is missing: run `{fix}`")
