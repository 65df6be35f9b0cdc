"""Fixtures: a small data set as a DataFrame, as a challenge's files, and as the benchmark's data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.data_files import write_csv

from benchmarks.methods import Data, read_files

MEASURED_TARGETS = ("CuPPM", "FePCT", "AlPPM")
PRIVATE_ROWS = 15


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Return 60 rows from four holes, with 320 channels and three incomplete targets. Only hole b has iron assays."""
    random = np.random.default_rng(3)
    channels = [f"{wavenumber:.1f}" for wavenumber in np.linspace(3990, 500, 320)]
    peaks = np.exp(-((np.arange(320) - np.array([[40], [120], [260], [10]])) ** 2) / 200)
    # the last band, which has the highest peak, does not depend on any target
    amounts = np.column_stack([random.gamma(3, 1, (60, 3)), np.full(60, 50)])
    spectra = 1 + amounts @ peaks + 0.01 * random.normal(size=(60, 320))
    holes = np.repeat(["a", "b", "c", "d"], 15)
    data = pd.DataFrame(
        {"SiteID": holes, "DepthFrom": 0.0, "DepthTo": 1.0} | dict(zip(channels, spectra.T, strict=True))
    )
    for name, amount in zip(MEASURED_TARGETS, amounts.T[:3], strict=True):
        data[name] = 100 * amount + 5 * random.normal(size=60)
    data.loc[random.choice(60, 9, replace=False), "CuPPM"] = np.nan
    data.loc[holes != "b", "FePCT"] = np.nan
    return data.rename_axis("index")


@pytest.fixture(scope="module")
def files(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write the frame as public, private and actual files, and return their paths. Hole d is private."""
    folder, assays = tmp_path_factory.mktemp("accuracy"), list(MEASURED_TARGETS)
    public, private = frame[:-PRIVATE_ROWS], frame[-PRIVATE_ROWS:]
    parts = {"public.csv.gz": public, "private.csv.gz": private.drop(columns=assays), "actual.csv.gz": private[assays]}
    return [write_csv(folder / name, part) for name, part in parts.items()]


@pytest.fixture(scope="module")
def data(files: list[Path]) -> Data:
    return read_files(*files)[0]
