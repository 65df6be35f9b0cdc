"""`recore import` of the YAMSYS soils (Zenodo, DOI 10.5281/zenodo.1174869), if RECORE_YAMSYS names a copy of them."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import score
from recore_support.import_runs import import_command

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(
        "RECORE_YAMSYS" not in os.environ,
        reason="RECORE_YAMSYS is not set; it must name a folder with the YAMSYS soils",
    ),
]

# the schema's columns, each with its name and unit in the laboratory's table
COLUMNS = ("sample=sample_ID", "SiteID=site_comb")
ASSAYS = ("FePCT=Fe_tot:g/kg", "AlPPM=Al_tot:g/kg", "KPPM=K_tot:g/kg", "CaPPM=Ca_tot:g/kg", "PPCT=P_tot:mg/kg")
ASSAYS += ("MnPPM=Mn_tot", "ZnPPM=Zn_tot", "CuPPM=Cu_tot", "SPPM=S")


def write_table(part: str, path: Path) -> Path:
    table = pd.read_csv(Path(os.environ["RECORE_YAMSYS"]) / "soilchem_yamsys.csv", dtype=str, keep_default_na=False)
    table = table.assign(index=range(len(table)), DepthFrom=0, DepthTo=20)
    table[(table["site"] == "mo") == (part == "private")].to_csv(path, index=False)
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("part", ["public", "private"])
def test_the_284_opus_files_reproduce_the_yamsys_data_to_the_last_decimal(tmp_path: Path, part: str) -> None:
    data = Path(os.environ["RECORE_YAMSYS"])
    assert len(list((data / "spectra").iterdir())) == 284
    out = tmp_path / "out.csv.gz"
    columns = COLUMNS + (ASSAYS if part == "public" else ())
    options = ["--only-listed", "--replicates", "mean", *(f"--column={column}" for column in columns)]
    table = write_table(part, tmp_path / "table.csv")
    result = import_command(data / "spectra", "--assays", table, *options, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "2 absorbance blocks" in result.stderr
    assert "bad:" not in result.stderr
    imported, expected = read_rows(out), read_rows(data / f"{part}.csv.gz")
    assert len(imported) == len(expected)
    assert list(imported[0]) == list(expected[0])
    for row, expected_row in zip(imported, expected, strict=True):
        for name, cell in row.items():
            if cell != expected_row[name]:  # channels must be identical text, assays and depths only equal numbers
                assert name in score.TARGETS or name.startswith("Depth"), (name, cell, expected_row[name])
                # the expected file has six decimals
                assert float(cell) == pytest.approx(float(expected_row[name]), abs=5.1e-7)


def test_single_channel_spectra_yield_the_absorbance_that_the_instrument_computed(tmp_path: Path) -> None:
    spectra = Path(os.environ["RECORE_YAMSYS"]) / "spectra"
    frames = []
    for name in ("absorbance:2", "single-channel"):
        out = tmp_path / f"{name}.csv.gz"
        result = import_command(f"{spectra}/CI_tb_*", "--block", name, "--replicates", "mean", "--out", out)
        assert result.exit_code == 0, result.stderr
        frames.append(pd.read_csv(out, index_col=0))
    assert frames[0].shape == (20, 1716)
    np.testing.assert_allclose(*frames, atol=2e-6)
