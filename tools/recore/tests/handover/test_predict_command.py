"""`recore predict` needs only the handover to predict another user's spectra."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handover.following import write_pages
from recore_support.command import recore
from recore_support.example_runs import Runs
from recore_support.schema import TARGETS
from support.checkout import ROOT, environment
from support.data_files import write_csv

INTERVAL_ENDS = [f"{target} {end}" for target in TARGETS for end in ("low", "high")]


@pytest.fixture(scope="module")
def handover(template_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(template_run / "handover", tmp_path_factory.mktemp("laboratory") / "handover")


@pytest.fixture
def private(many_holes: Path) -> pd.DataFrame:
    return pd.read_csv(many_holes / "private/private.csv.gz", index_col=0, dtype=str).head(12)


def rejection(*arguments: object, cwd: Path) -> str:
    entries = sorted(cwd.iterdir())
    result = recore("predict", *arguments, cwd=cwd)
    assert (result.returncode, result.stdout) == (2, ""), result.stderr
    assert sorted(cwd.iterdir()) == entries
    lines = [line for line in result.stderr.splitlines() if line.startswith("recore: ")]
    assert len([line for line in lines if "nothing was written" not in line]) == 1, lines
    return lines[0]


def test_a_laboratory_table_is_predicted_without_the_hosts_data(
    handover: Path, template_run: Path, private: pd.DataFrame, tmp_path: Path
) -> None:
    """The ID columns have other names, depths are in feet, an assay is text, and one spectrum has a missing value."""
    table = private.rename(columns={"SiteID": "hole", "DepthFrom": "from (ft)", "DepthTo": "to (ft)"})
    table = table.rename_axis("sample").assign(Cu_ppm="see report")
    table.iloc[4, 200] = "n.d."
    table.to_csv(tmp_path / "table.csv")
    result = recore("predict", handover, "table.csv", "--out", "assays.csv", "--intervals", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    [line] = [line for line in result.stderr.splitlines() if line.startswith("recore: ")]
    assert line == f"recore: table.csv line 6: column '{table.columns[200]}': 'n.d.' is not a number"
    assert result.stdout.startswith("predict: wrote 12 samples to assays.csv; outside the domain: ")
    assays = pd.read_csv(tmp_path / "assays.csv", dtype={"SiteID": str})
    assert list(assays) == ["name", "SiteID", "DepthFrom", "DepthTo", "domain", *TARGETS, *INTERVAL_ENDS]
    assert assays["name"].tolist() == private.index.tolist()
    is_bad = assays.index == 4
    assert assays.loc[is_bad, "SiteID":"DepthTo"].notna().all(axis=None)
    assert assays.loc[is_bad, "domain":].isna().all(axis=None)
    assert assays.loc[~is_bad, "domain"].isin(["inside", "outside"]).all()
    assert assays.loc[~is_bad, "SiteID"].tolist() == private["SiteID"][~is_bad].tolist()
    np.testing.assert_allclose(assays["DepthFrom"][~is_bad], 0.3048 * private["DepthFrom"][~is_bad].astype(float))
    expected = pd.read_csv(template_run / "predictions/private.csv.out", header=None).head(12)
    values = assays[list(TARGETS)].to_numpy()
    np.testing.assert_allclose(values[~is_bad], expected.to_numpy()[~is_bad], rtol=1e-9)
    is_known = ~np.isnan(values)
    lows, highs = (assays[[f"{target} {end}" for target in TARGETS]].to_numpy() for end in ("low", "high"))
    assert (lows[is_known] <= values[is_known]).all()
    assert (values[is_known] <= highs[is_known]).all()
    line = rejection(handover, "table.csv", "--out", "assays.csv", cwd=tmp_path)
    assert line == "recore: assays.csv already exists; choose another --out, or replace it with --force"


def test_spectra_of_another_instrument_are_interpolated_on_request_and_are_outside(
    handover: Path, private: pd.DataFrame, tmp_path: Path
) -> None:
    channels = private.columns[3:]
    wavenumbers = np.linspace(float(channels[0]), float(channels[-1]), 500)
    (tmp_path / "spectra").mkdir()
    for name, row in private.head(3).iterrows():
        absorbance = np.interp(wavenumbers, channels[::-1].astype(float), row[channels[::-1]].astype(float))
        spectrum = np.column_stack([wavenumbers, absorbance + np.linspace(0, 2, 500)])
        np.savetxt(tmp_path / f"spectra/S{name}.csv", spectrum, "%.6f", ",", header="cm-1,absorbance", comments="")
    line = rejection(handover, "spectra", "--out", "assays.csv", cwd=tmp_path)
    assert "--interpolate interpolates them" in line
    assert line.endswith("; 2 more files with the same problem")
    result = recore("predict", handover, "spectra", "--out", "assays.csv", "--interpolate", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    details = json.loads(result.stdout)
    assert (details["rows"], details["outside"], details["problems"]) == (3, 3, [])
    assays = pd.read_csv(tmp_path / "assays.csv")
    assert list(assays) == ["name", "SiteID", "DepthFrom", "DepthTo", "domain", *TARGETS]
    assert assays["name"].tolist() == [f"S{name}" for name in private.index[:3]]
    assert assays["SiteID"].isna().all()
    assert (assays["domain"] == "outside").all()


def test_invalid_inputs_are_rejected_in_one_line(
    handover: Path, template_run: Path, private: pd.DataFrame, tmp_path: Path
) -> None:
    spectra = write_csv(tmp_path / "spectra.csv.gz", private)
    (tmp_path / "empty").mkdir()
    shutil.copy(ROOT / "README.md", tmp_path / "wrong.csv")
    options = ("--out", "assays.csv")
    assert "Missing argument 'FILES...'" in rejection(handover, *options, cwd=tmp_path)
    assert "no file name in this folder ends in a number" in rejection(handover, "empty", *options, cwd=tmp_path)
    assert "wrong.csv: " in rejection(handover, "wrong.csv", *options, cwd=tmp_path)
    assert "there is no such file" in rejection(handover, "missing.csv", *options, cwd=tmp_path)
    assert "missing: there is no such folder" in rejection("missing", spectra, *options, cwd=tmp_path)
    line = rejection("empty", spectra, *options, cwd=tmp_path)
    assert "neither a run (with a run.json) nor a handover (with a handover.json)" in line
    line = rejection(template_run, spectra, *options, "--public", spectra, cwd=tmp_path)
    assert "the run was trained on a different file" in line
    (tmp_path / "other").mkdir()
    shutil.copy(template_run / "run.json", tmp_path / "other")
    assert "the run has no model.tar.gz" in rejection("other", spectra, *options, cwd=tmp_path)
    (tmp_path / "other/run.json").write_text("{")
    assert "not a valid run record" in rejection("other", spectra, *options, cwd=tmp_path)
    line = rejection(handover, spectra, "--out", spectra, "--force", cwd=tmp_path)
    assert "the table would overwrite its own input" in line
    line = rejection(handover, spectra, *options, "--column", "CuPPM=Cu", cwd=tmp_path)
    assert "only sample and the IDs (SiteID, DepthFrom, DepthTo) can be specified here" in line
    repeated = write_csv(tmp_path / "twice.csv.gz", pd.concat([private, private]))
    assert "--replicates mean averages them" in rejection(handover, repeated, *options, cwd=tmp_path)


def unlist(folder: Path, name: str) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text("".join(line for line in lines if not line.endswith(f"  {name}\n")))


def list_twice(folder: Path, name: str) -> None:
    with open(folder / "SHA256SUMS", "a") as file:
        file.write(f"{'0' * 64}  {name}\n")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda folder: (folder / "model.tar.gz").open("ab").write(b"x"), "model.tar.gz is not the file that was"),
        (lambda folder: os.truncate(folder / "model.tar.gz", 1 << 40), "model.tar.gz is larger than 30720 MB"),
        (lambda folder: (folder / "domain.json").write_text("{}"), "domain.json is not the file that was handed"),
        (lambda folder: (folder / "expected_error.json").unlink(), "expected_error.json: this file of the handover"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS: this file of the handover is missing"),
        (lambda folder: unlist(folder, "channels.json"), "channels.json may be damaged: it is not listed"),
        (lambda folder: unlist(folder, "domain.json"), "domain.json may be damaged: it is not listed"),
        (lambda folder: (folder / "SHA256SUMS").write_text("1"), "SHA256SUMS: line 1 does not consist of a SHA-256"),
        (lambda folder: list_twice(folder, "model.tar.gz"), "repeats an earlier file"),
        (
            lambda folder: ((folder / "model.tar.gz").unlink(), (folder / "model.tar.gz").symlink_to("/dev/zero")),
            "model.tar.gz: this file of the handover is missing or not a regular file",
        ),
        (lambda folder: ((folder / "SHA256SUMS").unlink(), os.mkfifo(folder / "SHA256SUMS")), "not a regular file"),
    ],
    ids=range(11),
)
def test_a_changed_hand_over_is_rejected(
    change: Callable[[Path], object], reason: str, handover: Path, private: pd.DataFrame, tmp_path: Path
) -> None:
    changed = shutil.copytree(handover, tmp_path / "changed")
    change(changed)
    spectra = write_csv(tmp_path / "spectra.csv.gz", private)
    assert reason in rejection(changed, spectra, "--out", "assays.csv", cwd=tmp_path)


def test_a_submission_without_the_required_functions_is_rejected_and_its_page_says_so(
    runs: Runs, private: pd.DataFrame, tmp_path: Path
) -> None:
    spectra = write_csv(tmp_path / "spectra.csv.gz", private)
    line = rejection(runs.good, spectra, "--out", "assays.csv", cwd=tmp_path)
    assert line.endswith("preprocess.py has no function preprocess(data_file), which `predict` and `production` call")
    page, _ = write_pages(runs.good, write_worked(tmp_path))
    assert "## 1. Check the copy" in page
    assert "`recore predict` cannot use this model, because its preprocess.py has no function preprocess" in page


def write_worked(folder: Path) -> Path:
    (folder / "request.csv").write_text("index,first\n0,1\n")
    (folder / "answer.csv").write_text(",".join(["1"] * len(TARGETS)) + "\n")
    return folder


def test_an_interrupted_prediction_writes_nothing(handover: Path, many_holes: Path, tmp_path: Path) -> None:
    command = ["predict", handover, many_holes / "private/private.csv.gz", "--out", "assays.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "recore", *map(str, command)],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert next(line for line in process.stderr if "predicting" in line)
    process.send_signal(signal.SIGINT)
    *_, message = process.stderr
    assert process.wait(timeout=60) == 130
    assert message == "recore: interrupted\n"
    assert list(tmp_path.iterdir()) == []
