"""Simulators that the tests of a session share."""

from collections.abc import Iterator

import pytest
from support.simulator_client import Client

from recore.simulator.sandbox import bubblewrap_works
from recore.simulator.server import Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of a simulator with jobs behind walls where the kernel gives them."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="session", params=["bubblewrap", "off"])
def either(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Of a simulator with walls, and of one without."""
    if request.param == "bubblewrap" and not bubblewrap_works():
        pytest.skip("bubblewrap does not work here: install it, or allow user namespaces")
    with Simulator(isolation="required" if request.param == "bubblewrap" else "off") as simulator:
        yield Client(simulator)
