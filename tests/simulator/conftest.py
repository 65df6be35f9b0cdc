"""Simulators that the tests of a session share."""

from collections.abc import Iterator

import pytest
from support.endpoints import Endpoints
from support.sandbox import ISOLATIONS
from support.simulator_client import Client

from recore.simulator.server import Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of a simulator with jobs in a sandbox where the kernel allows it."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="session")
def without_sandbox() -> Iterator[Client]:
    """Of a simulator whose jobs and servers see this machine's files, so that tests can tell them when to go on."""
    with Simulator(isolation="off") as simulator:
        yield Client(simulator)


@pytest.fixture(scope="module")
def endpoints(client: Client) -> Iterator[Endpoints]:
    """Of that simulator. Those that a module's tests leave are deleted after it: they hold instances and folders."""
    endpoints = Endpoints(client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture(scope="session", params=ISOLATIONS)
def either(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of a simulator with a sandbox, and of one without."""
    with Simulator(isolation=request.param) as simulator:
        yield Client(simulator)
