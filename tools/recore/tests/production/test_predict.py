"""The batch predictions that `predict` joins to the input match the predictions of the submission's scripts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.production import ProductionCommands
from recore_support.schema import TARGETS
from support.checkout import copy_scripts, run
from support.data_files import write_csv

pytestmark = pytest.mark.slow
IDS = ["SiteID", "DepthFrom", "DepthTo"]


@pytest.fixture(scope="session")
def private(small_sample: Path) -> pd.DataFrame:
    return pd.read_csv(small_sample / "private/private.csv.gz", index_col=0, float_precision="round_trip")


def test_predictions_equal_those_of_the_submissions_scripts(
    project: ProductionCommands, small_sample: Path, private: pd.DataFrame, tmp_path: Path
) -> None:
    folder = copy_scripts(tmp_path / "by hand")
    public, file = small_sample / "public", small_sample / "private/private.csv.gz"
    for command in (
        ("train.py", "--data_dir", public, "--model_dir", tmp_path, "--folds", 0, "--alphas", 31),  # as version 1
        ("predict.py", "--input", file, "--model_dir", tmp_path, "--output", tmp_path / "by_script.csv"),
    ):
        result = run(*command, cwd=folder)
        assert result.returncode == 0, result.stderr
    by_script = pd.read_csv(tmp_path / "by_script.csv", header=None)
    outcome = project.succeed("predict", file, "--version", 1, "--out", tmp_path / "joined.csv")
    joined = pd.read_csv(tmp_path / "joined.csv")
    assert outcome["rows"] == len(private)
    assert list(joined) == ["name", *IDS, "domain", *TARGETS]
    assert outcome["outside"] == (joined["domain"] == "outside").sum() < len(joined) / 2
    np.testing.assert_allclose(joined[list(TARGETS)], by_script, rtol=1e-9)
    assert joined["name"].tolist() == private.index.tolist()
    pd.testing.assert_frame_equal(joined[IDS], private[IDS].reset_index(drop=True))


def test_other_orders_and_assays_change_nothing(project: ProductionCommands, few_rows: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(few_rows, index_col=0, dtype=str)
    shuffled_rows = rows[rows.columns[::-1]].assign(CuPPM="1")
    other = tmp_path / "rows.csv"  # not gzipped
    shuffled_rows.to_csv(other)
    for source, target in ((few_rows, "plain.csv"), (other, "shuffled.csv")):
        project.succeed("predict", source, "--out", tmp_path / target, "--spectra")
    result, shuffled_result = (pd.read_csv(tmp_path / name, dtype=str) for name in ("plain.csv", "shuffled.csv"))
    pd.testing.assert_frame_equal(result, shuffled_result)
    pd.testing.assert_frame_equal(result[rows.columns], rows.reset_index(drop=True))


def test_an_unsuitable_file_is_rejected(project: ProductionCommands, few_rows: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(few_rows, index_col=0, dtype=str)
    channel = rows.columns[-1]
    path = write_csv(tmp_path / "without.csv.gz", rows.drop(columns=channel))
    assert f"missing column '{channel}', which the version was trained on" in project.expect_error("predict", path)
    empty_file = write_csv(tmp_path / "empty.csv.gz", rows.iloc[:0])
    assert "a header but no rows" in project.expect_error("predict", empty_file)
    assert "would replace the input" in project.expect_error("predict", few_rows, "--out", few_rows)


def test_an_unpredictable_row_is_reported_and_a_tilted_baseline_is_outside(
    project: ProductionCommands, few_rows: Path, tmp_path: Path
) -> None:
    rows = pd.read_csv(few_rows, index_col=0)
    channels = rows.columns[rows.columns.str.contains("^[0-9]")]
    rows[channels] += np.linspace(-1, 1, len(channels))
    rows = rows.astype({channels[9]: object})
    rows.loc[rows.index[2], channels[9]] = "n.d."
    file, out = write_csv(tmp_path / "tilted.csv.gz", rows), tmp_path / "assays.csv"
    process = project.run("predict", file, "--out", out, "--intervals")
    assert process.returncode == 1
    [line] = [line for line in process.stderr.splitlines() if line.startswith("recore: ")]
    assert line.startswith(f"recore: {file}: row 3 ({rows.index[2]}) could not be predicted: ")
    assert "n.d." in line
    others = len(rows) - 1
    assert f"predicted {others} of {len(rows)} rows of {file}: " in process.stdout
    assert f"outside the domain: {others} of {others} samples (100.0%)" in process.stdout
    assert list(pd.read_csv(out).columns[-2:]) == ["YPPM low", "YPPM high"]


def test_a_version_that_cannot_be_used_is_rejected(
    project: ProductionCommands, commands: ProductionCommands, few_rows: Path
) -> None:
    assert "version 3 of trained is not approved" in project.expect_error("predict", few_rows, "--version", 3)
    assert "has no version: create one with `train` or `register`" in commands.expect_error("predict", few_rows)
