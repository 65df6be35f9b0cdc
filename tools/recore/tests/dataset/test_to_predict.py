"""Spectra to predict: an invalid spectrum does not affect the others, and no assays are needed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recore.cli.spectra_files import show_remarks
from recore.dataset import ImportOptions, ImportResult, SampleOptions, import_files, write_samples
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Problem
from recore.production.batch_predictions import check_new_table

CHANNELS = [f"{wavenumber:.1f}" for wavenumber in np.linspace(4000, 700, 40)]
COLUMNS = ["", "DepthTo", "SiteID", "DepthFrom", *CHANNELS, "CuPPM"]  # of the training file


@pytest.fixture
def table() -> pd.DataFrame:
    absorbance = np.random.default_rng(0).uniform(0.1, 1, (4, len(CHANNELS))).round(8)
    return pd.DataFrame(absorbance, index=pd.Index(list("abcd"), name="sample"), columns=CHANNELS).astype(object)


def read(
    frame: pd.DataFrame, folder: Path, *columns: str, replicates: str = "one", **reading: str
) -> tuple[ImportResult, pd.DataFrame]:
    frame.to_csv(folder / "table.csv")
    options = SampleOptions((folder / "table.csv",), ReadingOptions(**reading), columns, replicates)
    result = write_samples(options, COLUMNS, folder / "out.csv.gz")
    return result, pd.read_csv(folder / "out.csv.gz", index_col=0, dtype=str)


def test_an_invalid_spectrum_becomes_an_empty_row(table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc["b", CHANNELS[3]] = "n.d."
    table.loc["d", CHANNELS[:]] = 0.5
    table["SiteID"] = list("WXYZ")
    result, output = read(table, tmp_path)
    assert [(problem.sample, problem.reason) for problem in result.problems] == [
        ("b", f"column '{CHANNELS[3]}': 'n.d.' is not a number"),
        ("d", "all values are 0.5, so this is not a spectrum"),
    ]
    assert output.index.tolist() == list("abcd")
    assert output["SiteID"].tolist() == list("WXYZ")
    assert output.loc[["b", "d"], CHANNELS].isna().all(axis=None)
    expected = table.loc[["a", "c"], CHANNELS].astype(float).round(6)
    np.testing.assert_array_equal(output.loc[["a", "c"], CHANNELS].astype(float), expected)


def test_ids_are_found_by_their_names_or_chosen_and_assays_are_ignored(table: pd.DataFrame, tmp_path: Path) -> None:
    table.insert(0, "well", ["W1", "W1", "", "W2"])
    table.insert(1, "from_ft", [10, "?", 30, 40])
    table["Cu"] = "high"
    _, output = read(table, tmp_path, "SiteID=well")
    assert output["SiteID"].fillna("").tolist() == ["W1", "W1", "", "W2"]
    assert output["DepthFrom"].tolist() == ["3.048", "?", "9.144", "12.192"]
    assert output["DepthTo"].isna().all()
    assert "CuPPM" not in output
    with pytest.raises(ValueError, match=r"only sample and the IDs \(SiteID, DepthFrom, DepthTo\) can be specified"):
        SampleOptions((), columns=("CuPPM=Cu",))
    (tmp_path / "out.csv.gz").unlink()
    options = SampleOptions((tmp_path / "table.csv",), columns=("SiteID=bore",))
    result = write_samples(options, COLUMNS, tmp_path / "out.csv.gz")
    assert [problem.reason for problem in result.problems] == ["--column SiteID=bore: the table has no such column"]


def test_a_data_file_in_the_schema_keeps_its_digits(table: pd.DataFrame, tmp_path: Path) -> None:
    table.insert(0, "DepthTo", 2)
    table.insert(1, "SiteID", "H1")
    table.insert(2, "DepthFrom", 1)
    table["CuPPM"] = 7
    _, output = read(table.rename_axis(""), tmp_path)
    pd.testing.assert_frame_equal(output[CHANNELS].astype(float), table[CHANNELS].astype(float), check_names=False)


@pytest.mark.parametrize("ids", [[], ["DepthTo", "SiteID", "DepthFrom"]])
def test_transmittance_is_rejected_as_by_the_import(table: pd.DataFrame, tmp_path: Path, ids: list[str]) -> None:
    wavenumbers = np.array(CHANNELS, dtype=float)
    table[:] = 0.9 - 0.5 * np.exp(-(((wavenumbers - 1100) / 300) ** 2)) + 0.01 * np.arange(4)[:, None]
    for name in ids:
        table.insert(0, name, [1, 2, 3, 4])
    table.to_csv(tmp_path / "table.csv")
    files, out = (tmp_path / "table.csv",), tmp_path / "out.csv.gz"
    for result in (write_samples(SampleOptions(files), COLUMNS, out), import_files(ImportOptions(files, out))):
        assert [problem.question for problem in result.problems] == ["quantity"]
        assert not out.exists()
    assert read(table, tmp_path, convert="fraction")[0].rows == 4


def test_several_spectra_of_a_sample_are_a_question(table: pd.DataFrame, tmp_path: Path) -> None:
    table.index = pd.Index(list("abba"), name="sample")
    table.to_csv(tmp_path / "table.csv")
    result = write_samples(SampleOptions((tmp_path / "table.csv",)), COLUMNS, tmp_path / "out.csv.gz")
    assert (result.rows, [problem.question for problem in result.problems]) == (0, ["replicate"])
    assert not (tmp_path / "out.csv.gz").exists()
    _, output = read(table, tmp_path, replicates="mean")
    mean = table.astype(float).iloc[[0, 3]].mean().round(6)
    np.testing.assert_allclose(output.loc["a", CHANNELS].astype(float), mean, atol=1e-9)
    _, output = read(table, tmp_path, replicates="each")
    assert output.index.tolist() == ["a:0", "a:1", "b:0", "b:1"]


def test_an_ambiguous_file_does_not_affect_the_others(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "table.csv")
    reflectance = [f"{float(wavenumber)},{90 - 10 * (position % 3)}" for position, wavenumber in enumerate(CHANNELS)]
    (tmp_path / "reflectance.csv").write_text("\n".join(["cm-1,reflectance", *reflectance]))
    files = (tmp_path / "table.csv", tmp_path / "reflectance.csv")
    result = write_samples(SampleOptions(files), COLUMNS, tmp_path / "out.csv.gz")
    [problem] = result.problems
    assert (problem.sample, problem.question) == ("reflectance", "quantity")
    output = pd.read_csv(tmp_path / "out.csv.gz", index_col=0)
    assert output.index.tolist() == ["a", "b", "c", "d", "reflectance"]
    assert output[CHANNELS].notna().all(axis=1).tolist() == [True] * 4 + [False]


def test_a_file_of_one_spectrum_that_cannot_be_read_leaves_an_empty_row(table: pd.DataFrame, tmp_path: Path) -> None:
    for name, cell in (("good", "0.5"), ("broken", "NaN")):
        values = ["0.25", cell, *["0.75"] * (len(CHANNELS) - 2)]
        lines = [f"{wavenumber},{value}" for wavenumber, value in zip(CHANNELS, values, strict=True)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["cm-1,absorbance", *lines]))
    result = write_samples(SampleOptions((tmp_path,)), COLUMNS, tmp_path / "out.csv.gz")
    assert [(problem.sample, problem.reason) for problem in result.problems] == [
        ("broken", f"line 3: '{CHANNELS[1]} NaN' is not two numbers, wavenumber and value")
    ]
    output = pd.read_csv(tmp_path / "out.csv.gz", index_col=0)
    assert output[CHANNELS].notna().all(axis=1).to_dict() == {"broken": False, "good": True}


def test_the_same_problem_of_several_files_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    sources = ["a.csv line 1", "a.csv line 2", *[f"b.csv line {line}" for line in range(1, 10)], "c.csv"]
    problems = [Problem(source, "it is bad" if index else "first") for index, source in enumerate(sources)]
    show_remarks(ImportResult(problems=[*problems, Problem("b.csv line 9", "worse"), Problem("d.csv", "worse")]))
    assert capsys.readouterr().err.splitlines() == [
        "recore: a.csv line 1: first",
        "recore: a.csv line 2: it is bad; 2 more files with the same problem",
        "recore: b.csv line 9: worse; 1 more file with the same problem",
    ]


def test_a_table_of_predictions_overwrites_only_an_earlier_one(tmp_path: Path) -> None:
    spectra, table = tmp_path / "spectra", tmp_path / "assays.csv"
    spectra.mkdir()
    table.write_text("name,SiteID,DepthFrom,DepthTo,domain,AgPPM\n")
    check_new_table(table, [spectra], replace=True)
    with pytest.raises(FileExistsError, match="already exists"):
        check_new_table(table, [spectra], replace=False)
    table.write_text("{}")
    with pytest.raises(FileExistsError, match="not a table of predictions"):
        check_new_table(table, [spectra], replace=True)
    with pytest.raises(ValueError, match="the spectra are in this folder"):
        check_new_table(spectra / "assays.csv", [spectra], replace=False)
