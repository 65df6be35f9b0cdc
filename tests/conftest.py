"""Fixtures for the template's own tests, which need only pytest and the packages in requirements.txt."""

from support.surroundings import settle

settle()

from pathlib import Path

import pytest
from support.fixtures import project, public
from support.once import make_once
from support.sample import make_sample

__all__ = ["project", "public", "sample"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data with 10 holes and 424 channels (60 bins of 7, and 4 left over). No assay is missing."""
    return make_once(tmp_path_factory, "sample", make_sample)
