"""Fixtures for tests of the template and of tools/. Each of these two groups defines its own `sample`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from support.checkout import copy_scripts, run
from support.once import make_once
from support.scripts import reason_of


@pytest.fixture(scope="session")
def public(sample: Path) -> pd.DataFrame:
    """Return the sample's public data as a frame. Copy it before you change it."""
    return pd.read_csv(sample / "public/public.csv.gz", index_col=0, float_precision="round_trip")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """Return a project's folder in which the four steps were run by hand without arguments. Do not write to it."""

    return make_once(tmp_path_factory, "project", lambda folder: make_project(folder, sample))


def make_project(folder: Path, sample: Path, **variables: str) -> None:
    """Run the four steps by hand. variables: additional environment variables."""
    copy_scripts(folder)
    shutil.copytree(sample, folder / "data")
    for script in ("train.py", "preprocess.py", "predict.py", "score.py"):
        result = run(script, cwd=folder, **variables)
        assert result.returncode == 0, result.stderr
        (folder / f"{script}.log").write_text(result.stdout)


@pytest.fixture
def script_error(tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a script and returns its only error line. The script must fail without output."""

    def run_script(*command: object, output: Path | None = None) -> str:
        return reason_of(run(*command, cwd=tmp_path), output)

    return run_script
