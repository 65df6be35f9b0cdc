"""Fixtures that let tests share simulators."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.model_packages import Packages
from stagemaker_support.pipelines import Pipelines
from stagemaker_support.sandbox import ISOLATIONS
from stagemaker_support.simulator_client import Client
from stagemaker_support.tuning_jobs import Tuning

from stagemaker.compute.platform import Platform
from stagemaker.compute.queue import JobQueue
from stagemaker.server import Simulator
from stagemaker.state.records import Store


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Return a client of a simulator whose jobs run in a sandbox if the kernel allows it."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="session")
def unsandboxed_client() -> Iterator[Client]:
    """Return a client of a simulator without a sandbox, so tests can control its jobs and servers through files."""
    with Simulator(isolation="off") as simulator:
        yield Client(simulator)


@pytest.fixture(scope="module")
def endpoints(client: Client) -> Iterator[Endpoints]:
    """Return the endpoints of `client`, which are deleted at the end because they use up instances and folders."""
    endpoints = Endpoints(client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture(scope="session")
def packages(client: Client) -> Packages:
    return Packages(client)


@pytest.fixture(scope="session")
def pipelines(client: Client) -> Pipelines:
    return Pipelines(client)


@pytest.fixture(scope="session")
def tuning(client: Client) -> Tuning:
    return Tuning(client.sagemaker)


@pytest.fixture(scope="session", params=ISOLATIONS)
def any_client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Return a client of a simulator. Each test runs both with and without a sandbox."""
    with Simulator(isolation=request.param) as simulator:
        yield Client(simulator)


@pytest.fixture
def any_endpoints(any_client: Client) -> Iterator[Endpoints]:
    endpoints = Endpoints(any_client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture
def platform(client: Client, tmp_path: Path) -> Iterator[Platform]:
    """Return a platform with a separate queue and store, for parts of a simulator that a test starts itself."""
    simulator = client.simulator
    queue, sockets = JobQueue(tmp_path), Path(tempfile.mkdtemp(dir="/tmp"))  # socket paths must be short
    folders = tmp_path, sockets
    yield Platform(Store(), queue, simulator.client, simulator.isolation, *folders)
    queue.close()
    shutil.rmtree(sockets)
