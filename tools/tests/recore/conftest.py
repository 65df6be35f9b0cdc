"""Fixtures for all tests of recore: recore's sample, a project folder in which the scripts have run, and two runs."""

from pathlib import Path

import pytest
from recore_support.example_runs import Runs, make_runs
from support.fixtures import project, public, script_error
from support.once import make_once

from recore.dataset.sample_files import Plan, make_sample

__all__ = ["project", "public", "runs", "sample", "script_error"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data: 10 holes, 424 channels (60 bins of 7, and 4 left over), no assay missing."""
    plan = Plan(rows=400, holes=10, channels=424, seed=7, missing=0)
    return make_once(tmp_path_factory, "sample", lambda folder: make_sample(folder, plan))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Runs:
    """Return two runs of the pipeline and their reports. Do not write to them."""
    return Runs(make_once(tmp_path_factory, "example runs", lambda folder: make_runs(folder, sample)))
