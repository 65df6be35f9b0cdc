"""Fixtures for a run and its handover, created once."""

from pathlib import Path

import pandas as pd
import pytest
from handover.following import CUT_OFF
from recore_support.command import recore_process
from recore_support.example_runs import make_sample_with_gaps
from recore_support.run_command import file_options, run_recore
from support.checkout import ROOT
from support.once import make_once


@pytest.fixture(scope="session")
def many_holes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_once(tmp_path_factory, "many_holes", lambda folder: make_sample_with_gaps(folder, rows=400, holes=18))


@pytest.fixture(scope="session")
def template_public(many_holes: Path) -> pd.DataFrame:
    """Return the run's public data as a data frame. Copy it before changing it."""
    return pd.read_csv(many_holes / "public/public.csv.gz", index_col=0, float_precision="round_trip")


@pytest.fixture(scope="session")
def template_run(tmp_path_factory: pytest.TempPathFactory, many_holes: Path) -> Path:
    """Run the template's submission and create its handover. Return the run's folder, which must not be changed."""

    def make(folder: Path) -> None:
        result = run_recore(ROOT, *file_options(many_holes), "--no-report", "--out", folder / "run")
        assert result.returncode == 0, result.stderr
        result = recore_process("handover", folder / "run", "--cut-off", f"CuPPM={CUT_OFF:g}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("handover: wrote ")
        assert "public predict: completed" in result.stderr

    return make_once(tmp_path_factory, "handover", make) / "run"
