import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from recore.backends.backend import Services
from recore.evaluation.data import DataFiles
from stagemaker.server import Simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        logs = simulator.client("logs")
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):  # simulators share log groups
            logs.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
        yield simulator


@pytest.fixture
def services(simulator: Simulator) -> Services:
    """Return new clients, so that event handlers registered on them affect no other test."""
    return Services(simulator.client)


@pytest.fixture(scope="session")
def data(sample: Path) -> DataFiles:
    return DataFiles(*(sample / f"{name}.csv.gz" for name in ("public/public", "private/private", "private/actual")))
