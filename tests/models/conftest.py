"""A simulator for S3, and environments of a model class that use it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.models import MakeEnv, s3_variables
from support.simulator_client import Client

from recore.model import SageMakerEnv
from recore.simulator.server import BUCKET, Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of a simulator whose jobs have a network, so that a model's server can write its records."""
    with Simulator(isolation="off") as simulator:
        yield Client(simulator)


@pytest.fixture
def connected(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The same; boto3 in this process and in programs that it starts talks to it."""
    for name, value in s3_variables(client).items():
        monkeypatch.setenv(name, value)
    return client


@pytest.fixture
def make_env(tmp_path: Path) -> MakeEnv:
    """Make an environment of a model that is served, or another one by more variables (None: without it)."""

    def make(**variables: str | None) -> SageMakerEnv:
        given = {"ML2P_MODEL_VERSION": "houses-1", "ML2P_PROJECT": "houses", "ML2P_S3_URL": f"s3://{BUCKET}/houses"}
        values = {name: value for name, value in (given | variables).items() if value is not None}
        return SageMakerEnv(tmp_path, values)

    return make
