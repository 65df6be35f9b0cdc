"""A small data file, a simple submission and the report of its validation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import score
from support.checkout import copy_scripts
from support.data_files import write_csv
from support.once import make_once

from recore.report.page.content import Figure, Page
from recore.report.page.page_files import write_page
from recore.report.validate.submission_report import validate_submission
from recore.validation import ValidationSettings

IDS = ["SiteID", "DepthFrom", "DepthTo"]
TARGETS = list(score.TARGETS)
WEIGHTS = np.array([*score.WEIGHTS.values()])
HOSTILE = "</script><script>document.title='broken'</script><img src=x>"
# A train.py unlike the template's: a linear model without limits on its predictions or a second return value.
TRAIN = """
import numpy as np
from sklearn.linear_model import Ridge


def fit(inputs, targets, holes, alpha_min=0.001, alpha_max=10.0, alphas=3):
    strengths = np.geomspace(alpha_min, alpha_max, alphas)
    return Ridge(strengths[len(strengths) // 2]).fit(inputs, targets.fillna(targets.mean()).fillna(0))
"""
ALPHA = 0.1  # the middle one of TRAIN's regularisation strengths


def item(page: Page, name: str) -> pd.DataFrame:
    """Return the numbers in a figure or table on a page."""
    return next(item.numbers for item in page.items if item.name == name)


def figure(page: Page, name: str) -> Figure:
    return next(item for item in page.items if isinstance(item, Figure) and item.name == name)


@pytest.fixture(scope="session")
def small_file(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an uncompressed data file with 160 rows, 7 holes and 147 channels. One hole has no tin assays."""
    return make_once(tmp_path_factory, "validated", lambda folder: write_small(folder, sample)) / "public.csv"


def write_small(folder: Path, sample: Path) -> None:
    data = pd.read_csv(sample / "public/public.csv.gz", index_col=0, float_precision="round_trip")
    spectra = [name for name in data if name not in TARGETS and name not in IDS]
    data = data.iloc[np.linspace(0, len(data) - 1, 160).astype(int)].drop(columns=spectra[147:])
    data[TARGETS] = data[TARGETS].fillna(data[TARGETS].mean())  # scattered missing values would make fits slow
    data.loc[data["SiteID"] == data["SiteID"].iloc[0], "SnPPM"] = np.nan
    data.to_csv(folder / "public.csv")


@pytest.fixture(scope="session")
def linear_submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the template's preprocess.py and a train.py with a linear model."""

    def make(folder: Path) -> None:
        copy_scripts(folder, "preprocess.py")
        (folder / "train.py").write_text(TRAIN)

    return make_once(tmp_path_factory, "linear", make)


@pytest.fixture(scope="session")
def csv_dir(small_file: Path, linear_submission: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the numbers in the linear submission's report."""

    def make(folder: Path) -> None:
        page = validate_submission(linear_submission, small_file, ValidationSettings(repeats=2, time_limit=10))
        write_page(page, folder / "r.html")

    return make_once(tmp_path_factory, "validation of the linear submission", make) / "r"


@pytest.fixture
def validate_changed(tmp_path: Path, small_file: Path, linear_submission: Path) -> Callable[..., Page]:
    """Return a function that validates the linear submission on a changed copy of the data and writes the report."""
    data = pd.read_csv(small_file, index_col=0)

    def make(change: Callable[[pd.DataFrame], pd.DataFrame], settings: ValidationSettings | None = None) -> Page:
        path = write_csv(tmp_path / "f.csv.gz", change(data.copy()))
        page = validate_submission(linear_submission, path, settings or ValidationSettings(repeats=1, time_limit=10))
        write_page(page, tmp_path / "f.html")
        return page

    return make
