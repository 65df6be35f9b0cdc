from collections.abc import Iterator
from pathlib import Path

import pytest
from models import core_assays as support
from models.house_prices import MakeEnv, s3_variables
from stagemaker_support.simulator_client import Client

from recore.model import SageMakerEnv
from stagemaker.server import BUCKET, Simulator


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    with Simulator(isolation="off") as simulator:
        yield Client(simulator)


@pytest.fixture
def connected_client(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return the client after making boto3 use its simulator, even in child processes."""
    for name, value in s3_variables(client).items():
        monkeypatch.setenv(name, value)
    return client


@pytest.fixture
def make_env(tmp_path: Path) -> MakeEnv:
    """Return a function that makes a SageMakerEnv from default and given variables; None removes a default."""

    def make(**variables: str | None) -> SageMakerEnv:
        job_variables = {
            "ML2P_MODEL_VERSION": "houses-1",
            "ML2P_PROJECT": "houses",
            "ML2P_S3_URL": f"s3://{BUCKET}/houses",
        }
        values = {name: value for name, value in (job_variables | variables).items() if value is not None}
        return SageMakerEnv(tmp_path, values)

    return make


@pytest.fixture(scope="session")
def core_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with OPUS files and assays. Do not change the folder."""
    return support.write_sources(tmp_path_factory.mktemp("sources") / "sources")


@pytest.fixture(scope="session")
def core_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model class and a submission. Do not change the folder."""
    return support.write_code(tmp_path_factory.mktemp("code") / "code")


@pytest.fixture(scope="session")
def core_data_file(client: Client, core_sources: Path) -> bytes:
    support.upload_sources(client, core_sources, "assays")
    return support.generate(client, "assays")
