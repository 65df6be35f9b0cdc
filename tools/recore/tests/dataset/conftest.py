"""A fixture for a folder of spectra to import."""

from pathlib import Path

import pytest
from recore_support.import_runs import write_opus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, height in {"a.0": 1.0, "a.1": 1.2, "b.0": 0.5, "b.1": 0.7}.items():
        write_opus(tmp_path / "spectra" / name, height)
    return tmp_path
