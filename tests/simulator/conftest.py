"""Simulators that the tests of a session share."""

from collections.abc import Iterator

import pytest
from support.endpoints import Endpoints
from support.simulator_client import Client

from recore.simulator.isolation.bubblewrap import bubblewrap_works
from recore.simulator.server import Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of a simulator with jobs in a sandbox where the kernel allows it."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="module")
def endpoints(client: Client) -> Iterator[Endpoints]:
    """Of that simulator. Those that a module's tests leave are deleted after it: they hold instances and folders."""
    endpoints = Endpoints(client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture(scope="session", params=["bubblewrap", "off"])
def either(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of a simulator with a sandbox, and of one without."""
    if request.param == "bubblewrap" and not bubblewrap_works():
        pytest.skip("bubblewrap does not work here: install it, or allow user namespaces")
    with Simulator(isolation="required" if request.param == "bubblewrap" else "off") as simulator:
        yield Client(simulator)
