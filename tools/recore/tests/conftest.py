"""Settings for the processes that run recore's tests, and fixtures for all tests."""

from support.surroundings import settle

settle()

from pathlib import Path

import pytest
from recore_support.example_runs import Runs, make_runs, make_sample_with_gaps
from stagemaker_support import fuzzing  # noqa: F401 - loads hypothesis's profile before tests are decorated
from stagemaker_support.common_hooks import pytest_make_parametrize_id, socket_folder
from support.fixtures import project, public, script_error
from support.once import make_once

__all__ = ["project", "public", "pytest_make_parametrize_id", "runs", "sample", "script_error", "socket_folder"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data with 10 holes and 424 channels (60 bins of 7, and 4 left over). 20 rows lack two assays."""
    return make_once(tmp_path_factory, "sample", lambda folder: make_sample_with_gaps(folder, rows=400, holes=10))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Runs:
    """Return two runs of the pipeline with their reports. Tests must not write to them."""
    return Runs(make_once(tmp_path_factory, "example runs", lambda folder: make_runs(folder, sample)))
