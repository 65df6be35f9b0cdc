"""The Docker engine of this machine; tests that need one are skipped with a reason if there is none."""

import atexit
import contextlib
import functools
import json

import docker
import psutil
import pytest

from recore.simulator.isolation.containers import LABEL, connected
from support.checkout import ROOT

IMAGE = json.loads((ROOT / ".unearthed_challenge.json").read_text())["dockerImage"]


@functools.cache
def engine() -> docker.DockerClient:
    """Return a client of the engine, shared by all tests of a process, or skip the test."""
    ends = contextlib.ExitStack()
    atexit.register(ends.close)
    try:
        return ends.enter_context(connected())
    except OSError as error:
        pytest.skip(str(error))


def containers(pid: int | None = None) -> list[str]:
    """Return the names of containers that the simulators of a process, or of all, have started and not removed."""
    return [name for name, starter in _containers() if pid in (None, starter)]


def left_behind() -> list[str]:
    """Return the names of the containers whose simulator's process has ended."""
    return [name for name, starter in _containers() if not psutil.pid_exists(starter)]


def _containers() -> list[tuple[str, int]]:
    """Return the name of each container, and the ID of the process that started it."""
    containers = engine().containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return [(container.name, int(container.labels[LABEL].partition("-")[0])) for container in containers]
