"""Simulators with the console, and headless browser tabs that show the console."""

from collections.abc import Iterator
from typing import Any

import pytest
from stagemaker_support.chromium import chromium
from stagemaker_support.console_tab import ConsoleTab, open_console
from stagemaker_support.simulator_client import Client

from stagemaker.server import Simulator

__all__ = ["chromium"]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return a client of a simulator with console actions enabled."""
    with Simulator(console=True, console_actions=True) as simulator:
        yield Client(simulator)


@pytest.fixture
def tab(chromium: Any, client: Client) -> Iterator[ConsoleTab]:
    with open_console(chromium, client.simulator.endpoint) as tab:
        yield tab
