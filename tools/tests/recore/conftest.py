"""Fixtures for all tests of recore: recore's sample, a project folder in which the scripts have run, and two runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.example_runs import Runs, make_runs
from support.data_files import write_csv
from support.fixtures import project, public, script_error
from support.once import make_once

from recore.dataset.sample_files import Plan, make_sample

__all__ = ["project", "public", "runs", "sample", "script_error"]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data: 10 holes, 424 channels (60 bins of 7, and 4 left over), two assays missing in 20 rows."""
    return make_once(tmp_path_factory, "sample", make_sample_with_gaps)


def make_sample_with_gaps(folder: Path) -> None:
    """The gaps are in the same rows, because a training fits each combination of measured assays on its own."""
    make_sample(folder, Plan(rows=400, holes=10, channels=424, seed=7, missing=0))
    for path in (folder / "public/public.csv.gz", folder / "private/actual.csv.gz"):
        data = pd.read_csv(path, index_col=0, float_precision="round_trip")
        data.loc[data.index[::10][:20], ["AgPPM", "CuPPM"]] = np.nan
        write_csv(path, data)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Runs:
    """Return two runs of the pipeline and their reports. Do not write to them."""
    return Runs(make_once(tmp_path_factory, "example runs", lambda folder: make_runs(folder, sample)))
