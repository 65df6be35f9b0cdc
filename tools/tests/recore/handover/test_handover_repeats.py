"""A hand-over, followed as printed, reproduces the predictions of its run."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.handovers import run_blocks
from support.checkout import environment


@pytest.fixture
def strangers_copy(template_run: Path, many_holes: Path, tmp_path: Path) -> Path:
    """Return a copy of the hand-over, with the data files where its README says, and nothing of recore."""
    folder = tmp_path / "a stranger's copy"
    shutil.copytree(template_run / "handover", folder)
    (folder / "data").mkdir()
    for name in ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz"):
        shutil.copy(many_holes / name, folder / "data")
    return folder


def check_results(folder: Path, run: Path) -> None:
    """Check what the commands left against the run itself, not against the copy that the hand-over has of it."""
    for name, side in (("public", "public"), ("private", "private"), ("again", "public")):
        expected = pd.read_csv(run / f"predictions/{side}.csv.out", header=None).to_numpy()
        found = pd.read_csv(folder / f"work/{name}.csv.out", header=None).to_numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    for side in ("public", "private"):
        expected_score = float((run / f"scores/{side}.txt").read_text())
        assert float((folder / f"work/{side}.txt").read_text()) == pytest.approx(expected_score, abs=1e-9)
    held_out = [
        pd.read_csv(path, index_col=0)
        for path in (folder / "work/trained/held_out.csv", run / "predictions/held-out.csv")
    ]
    np.testing.assert_allclose(*held_out, rtol=1e-9, atol=1e-9)


def test_the_commands_as_printed_give_the_runs_predictions(strangers_copy: Path, template_run: Path) -> None:
    (strangers_copy / ".venv").symlink_to(sys.prefix)
    ran = run_blocks(strangers_copy, skipped={"environment"})
    assert ran == ["", "", "public", "private", "public", "actual", "public"]
    check_results(strangers_copy, template_run)


@pytest.mark.slow
def test_the_commands_as_printed_work_in_a_new_environment(strangers_copy: Path, template_run: Path) -> None:
    assert "environment" in run_blocks(strangers_copy, skipped=set())
    check_results(strangers_copy, template_run)


def test_a_changed_file_and_a_changed_prediction_are_noticed(strangers_copy: Path) -> None:
    path = strangers_copy / "sample/predictions.csv"
    path.write_text("1" + path.read_text())
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=strangers_copy, capture_output=True)
    assert sums.returncode == 1
    command = [sys.executable, "steps.py", "compare", "sample/predictions.csv", "answer.csv"]
    result = subprocess.run(command, cwd=strangers_copy, env=environment(), capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("compare: the predictions differ by up to ")


def test_every_file_is_listed_with_its_hash(template_run: Path) -> None:
    folder = template_run / "handover"
    listed = {line[66:] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert listed == files - {"SHA256SUMS"}
    assert "data" not in {path.name for path in folder.iterdir()}


def test_the_sample_has_no_assays(template_run: Path, template_public: pd.DataFrame) -> None:
    spectra = pd.read_csv(template_run / "handover/sample/spectra.csv.gz", index_col=0, float_precision="round_trip")
    assert len(spectra) == 10
    pd.testing.assert_frame_equal(spectra, template_public.loc[spectra.index, spectra.columns])
    assert not [name for name in spectra if name.endswith(("PPM", "PCT", "PPB"))]
