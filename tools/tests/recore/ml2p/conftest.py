"""Fixtures: a simulator, and a project whose commands use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.ml2p_project import ProjectCommands, write_project
from recore_support.models import s3_variables
from stagemaker_support.simulator_client import Client

from stagemaker.server import Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Return a client of a simulator that jobs can call."""
    with Simulator(isolation="off", jobs_can_call=True) as simulator:
        yield Client(simulator)


@pytest.fixture
def project(client: Client, tmp_path: Path, request: pytest.FixtureRequest) -> ProjectCommands:
    """Return the commands of a project with its own folder on S3."""
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:20].strip("-")
    write_project(tmp_path, name)
    return ProjectCommands(tmp_path, name, s3_variables(client))
