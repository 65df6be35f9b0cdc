"""Submissions like the ones that participants in the real challenge published can be run.

submissions/published combines their habits. RECORE_PUBLIC_SUBMISSIONS names a folder with clones of real submissions.
"""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import InvalidRequirement, Requirement
from recore_support.command import recore
from recore_support.edited_submissions import SUBMISSIONS
from recore_support.run_command import file_options
from recore_support.schema import TARGETS
from support.data_files import write_csv
from support.once import make_once

from recore.evaluation.submission import read_submission
from recore.failures import is_old_pin

CLONES = os.environ.get("RECORE_PUBLIC_SUBMISSIONS")
PUBLISHED = SUBMISSIONS / "published"
CLONED_FOLDERS = sorted(path.parent for path in Path(CLONES).glob("*/setup.py")) if CLONES else []
CHANNELS = sorted({*range(4000, 353, -10), 2516, 353, 352, 351, 350}, reverse=True)
EXPECTED_RULES = {"RC123", "RC206", "RC403", "RC504", "RC505", "RC605", "RC606"}


def make_real_form(folder: Path, rows: int = 120, private_rows: int = 40) -> None:
    """Write data in the real files' format: drill holes are numbers, channels are integers, and no value is missing."""
    random, count = np.random.default_rng(3), rows + private_rows
    minerals = random.gamma(2, size=(count, 6))
    centres, widths = random.uniform(500, 3800, 6), random.uniform(60, 200, 6)
    bands = np.exp(-(((np.array(CHANNELS) - centres[:, None]) / widths[:, None]) ** 2))
    spectra = 0.5 + 0.1 * minerals @ bands + random.normal(scale=0.002, size=(count, len(CHANNELS)))
    assays = (
        1 + minerals @ random.uniform(size=(6, len(TARGETS))) + random.normal(scale=0.1, size=(count, len(TARGETS)))
    )
    depth = random.uniform(0, 500, count).round(1)
    ids = pd.DataFrame({"DepthTo": depth + 2, "SiteID": np.arange(count) // 8 + 1, "DepthFrom": depth})
    inputs = pd.concat([ids, pd.DataFrame(spectra.round(5), columns=list(map(str, CHANNELS)))], axis=1)
    targets = pd.DataFrame(assays.round(3), columns=list(TARGETS))
    write_csv(folder / "public/public.csv.gz", pd.concat([inputs, targets], axis=1)[:rows])
    write_csv(folder / "private/private.csv.gz", inputs[rows:].reset_index(drop=True))
    write_csv(folder / "private/actual.csv.gz", targets[rows:].reset_index(drop=True))


@pytest.fixture(scope="session")
def real_form(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_once(tmp_path_factory, "real-form", make_real_form)


@pytest.fixture(params=[PUBLISHED, *CLONED_FOLDERS], ids=lambda path: path.name)
def submission(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    shutil.copytree(request.param, folder, ignore=shutil.ignore_patterns(".git", "__pycache__", "data"))
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(map(without_old_pin, requirements.read_text().splitlines(keepends=True))))
    for script in folder.glob("*.py"):
        script.write_text(re.sub(r"n_estimators *= *\d+", "n_estimators=2", script.read_text()))
    return folder


def without_old_pin(line: str) -> str:
    try:
        return f"#{line}" if is_old_pin(Requirement(line.strip())) else line
    except InvalidRequirement:
        return line


def test_it_runs_with_public_and_private_data(submission: Path, real_form: Path, tmp_path: Path) -> None:
    result = recore("run", submission, "--out", tmp_path / "run", *file_options(real_form), "--no-report", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["scores"].keys() == {"public", "private"}
    assert "preprocess.py wrote the assays of 49 targets; they were removed from the request" in result.stderr


def test_the_check_finds_no_error(submission: Path, real_form: Path, tmp_path: Path) -> None:
    public = real_form / "public/public.csv.gz"
    result = recore("check", submission, "--public", public, "--isolation", "auto", "--json")
    findings = json.loads(result.stdout)["findings"]
    assert result.returncode == 0, findings
    codes = {finding["code"] for finding in findings}
    assert {"RC123", "RC504", "RC605"} <= codes
    if submission.name == PUBLISHED.name:
        assert codes == EXPECTED_RULES


@pytest.mark.parametrize("folder", [PUBLISHED, *CLONED_FOLDERS], ids=lambda path: path.name)
def test_reading_its_files_finds_no_error_but_old_pins(folder: Path) -> None:
    findings = json.loads(recore("check", folder, "--source-only", "--json").stdout)["findings"]
    assert "RC123" in {finding["code"] for finding in findings}
    assert {finding["code"] for finding in findings if finding["level"] == "error"} <= {"RC207"}


def test_its_archive_holds_the_same_files(tmp_path: Path) -> None:
    assert recore("pack", PUBLISHED, "--out", tmp_path / "src.tar.gz").returncode == 0
    files = read_submission(tmp_path / "src.tar.gz").files
    assert files == read_submission(PUBLISHED).files
    assert files.keys() == {"bands/__init__.py", "preprocess.py", "regressor.py", "requirements.txt", "train.py"}
