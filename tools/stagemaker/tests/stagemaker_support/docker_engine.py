"""The local Docker engine. Without one, the tests that need it are skipped with a reason."""

import atexit
import contextlib
import functools

import docker
import psutil
import pytest

from stagemaker.isolation.containers import LABEL, docker_client
from stagemaker.machine import THREAD_VARIABLES, count_cores
from stagemaker_support.checkout import ROOT

REPOSITORY = ROOT.parents[1]  # its Dockerfile has the target `equivalent`
IMAGE = "stagemaker/sagemaker-scikit-learn:1.9-0-cpu-py3"
# with as many threads as in a container, BLAS sums in the same order: results are the same to the last digit
THREADS_OF_CONTAINERS = dict.fromkeys(THREAD_VARIABLES, str(count_cores()))


@functools.cache
def engine() -> docker.DockerClient:
    """Return a client of the engine, shared by all tests in a process, or skip the test if there is no engine."""
    cleanup = contextlib.ExitStack()
    atexit.register(cleanup.close)
    try:
        return cleanup.enter_context(docker_client())
    except OSError as error:
        pytest.skip(str(error))


def containers(pid: int | None = None) -> list[str]:
    """Return the names of the remaining containers of a process's simulators or, by default, of all simulators."""
    return [name for name, starter in _containers() if pid in (None, starter)]


def orphaned_containers() -> list[str]:
    """Return the names of the containers that were started by simulators whose processes have ended."""
    return [name for name, starter in _containers() if not psutil.pid_exists(starter)]


def _containers() -> list[tuple[str, int]]:
    containers = engine().containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return [(container.name, int(container.labels[LABEL].partition("-")[0])) for container in containers]
