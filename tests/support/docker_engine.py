"""The Docker engine of this machine; tests that need one are skipped with a reason if there is none."""

import json

import docker
import pytest

from recore.simulator.isolation.containers import LABEL, connect
from support.checkout import ROOT

IMAGE = json.loads((ROOT / ".unearthed_challenge.json").read_text())["dockerImage"]


def engine() -> docker.DockerClient:
    """Return a client of the engine, or skip the test."""
    try:
        return connect()
    except OSError as error:
        pytest.skip(str(error))


def containers() -> list[str]:
    """Return the names of the containers that any simulator has started and not removed."""
    return [
        container.name
        for container in engine().containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    ]
