"""Assay tables from laboratories, R, pandas and Excel, imported without --column."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.import_runs import run_import

from recore.dataset.assay_table import AssayTable, read_assays
from recore.dataset.grammar import Ambiguity
from recore.dataset.similar_names import similar_names

HEADER = "Sample No,HoleID,From (m),To (m)"


def read_table(folder: Path, content: str, **options: object) -> AssayTable:
    path = folder / "lab.csv"
    path.write_text(content, "utf-8")
    return read_assays(path, **options)


def test_the_unit_of_columns_that_state_none_is_asked_once(tmp_path: Path) -> None:
    content = f"{HEADER},Cu,Al2O3,Zn_ppm,Rock\na,D,0,1,0.5,12,30,granite\n"
    with pytest.raises(Ambiguity, match="state no unit: Cu, Al2O3; specify --content-unit pct") as raised:
        read_table(tmp_path, content)
    assert raised.value.id == "content-unit"
    table = read_table(tmp_path, content, content_unit="pct")
    assert (table.assays["CuPPM"], table.assays["ZnPPM"]) == ([5000], [30])
    np.testing.assert_allclose(table.assays["AlPPM"], 63510.9, rtol=1e-5)
    table = read_table(tmp_path, f"# all values in g/kg\n{content}")
    assert table.assays["CuPPM"] == [500]
    # after a choice of columns, there are no questions about the others
    table = read_table(tmp_path, content, columns={"CuPPM": "Cu:ppm"})
    assert (table.assays["CuPPM"], table.assays["ZnPPM"]) == ([0.5], [30])
    assert np.isnan(table.assays["AlPPM"]).all()
    assert any("these ignored columns may be targets: AlPPM in 'Al2O3'" in remark for remark in table.remarks)


def test_a_chosen_oxide_without_a_unit_is_asked_about_and_an_element_is_not(tmp_path: Path) -> None:
    content = f"{HEADER},x1,Al2O3_xrf\na,D,0,1,0.5,12\n"
    with pytest.raises(Ambiguity, match="state no unit: Al2O3_xrf"):
        read_table(tmp_path, content, columns={"AlPPM": "Al2O3_xrf", "CuPPM": "x1"})
    table = read_table(tmp_path, content, columns={"AlPPM": "Al2O3_xrf:pct", "CuPPM": "x1"})
    assert table.assays["CuPPM"] == [0.5]
    assert any("CuPPM=x1; for example, --column CuPPM=x1:pct" in remark for remark in table.remarks)


def test_columns_that_are_not_understood_are_ignored_with_a_note(tmp_path: Path) -> None:
    rows = "1,a,D,0,1,5000,6000,P1,1,2,3,4,5\n2,b,D,1,2,5000,6000,P1,1,2,3,4,6\n"
    content = f"SN,{HEADER},X,Y,P,Cu_sol_ppm,SO4_pct,Hg_ppm,LOI (%),Zn_ppm\n{rows}"
    table = read_table(tmp_path, content)
    assert table.assays["ZnPPM"] == [5, 6]
    assert all(np.isnan(table.assays[target]).all() for target in table.assays if target != "ZnPPM")
    remarks = "\n".join(table.remarks)
    assert "ignored columns: SN, X, Y, P, Cu_sol_ppm and 3 more" in remarks
    assert "may be targets: CuPPM in 'Cu_sol_ppm', SPPM in 'SO4_pct'; --column CuPPM=Cu_sol_ppm imports" in remarks


@pytest.mark.parametrize(
    ("column", "target"),
    [
        *(
            ("Cr(VI) (ppm)", "Cr"),
            ("Fe++ (%)", "Fe"),
            ("Zn_err_ppm", "Zn"),
            ("Au (ppb*10)", "Au"),
            ("Zn (100 ppm)", "Zn"),
        ),
        *(("sn_gm3", "Sn"), ("Sn (10-9)", "Sn"), ("Zn_sd_ppm", "Zn"), ("Mn (mol%)", "Mn"), ("Tl I ppm", "Tl")),
        *(("Cu ppm/10", "Cu"), ("U 235 ppm", "U"), ("1/Zn (ppm)", "Zn")),
    ],
)
def test_a_column_with_another_meaning_has_no_option(tmp_path: Path, column: str, target: str) -> None:
    remarks = " ".join(read_table(tmp_path, f"{HEADER},Ba_ppm,{column}\na,D,0,1,100,5\n").remarks)
    assert f"in {column!r}; if they contain total contents, convert them" in remarks
    assert "--column" not in remarks


def test_a_chosen_column_overrides_names(tmp_path: Path) -> None:
    content = f"{HEADER},Cu_ppm,Cu_pct,FeS2 (%),Au_opt,Au_ppm\na,D,0,1,1,2,10,3,4\n"
    with pytest.raises(Ambiguity, match="CuPPM in 'Cu_ppm' and 'Cu_pct', FePCT and SPPM in 'FeS2") as raised:
        read_table(tmp_path, content)
    assert raised.value.id == "target"
    table = read_table(tmp_path, content, columns={"CuPPM": "Cu_pct", "FePCT": "FeS2 (%)"})
    assert (table.assays["CuPPM"], table.assays["AuPPM"]) == ([20000], [4])
    np.testing.assert_allclose(table.assays["FePCT"], 4.6550, rtol=1e-4)
    assert np.isnan(table.assays["SPPM"]).all()


def test_numbers_that_may_be_codes_are_noted(tmp_path: Path) -> None:
    rows = [
        f"s{row},D,{row},{row + 1},{copper},{zinc},0.{row}"
        for row, (copper, zinc) in enumerate([(9999, 40), (12, 0), (15, 0), (14, 41), (99999, 999)])
    ]
    table = read_table(tmp_path, "\n".join([f"{HEADER},CuPPM,ZnPPM,AuPPM", *rows]))
    remarks = " ".join(table.remarks)
    assert "CuPPM: 1 of 5 values is exactly 9999" in remarks
    assert "CuPPM: 1 of 5 values is exactly 99999, and the next lower value is 9999" in remarks
    assert "leave the cells empty (lines 6)" in remarks
    assert "ZnPPM: 2 of 5 values are exactly 0, which is not a concentration" in remarks
    assert "before importing (lines 3, 4)" in remarks
    table = read_table(tmp_path, f"{HEADER},CuPPM\na,D,0,1,9999\nb,D,1,2,9000\n")
    assert not any("exactly" in remark for remark in table.remarks)


@pytest.mark.parametrize(("listed", "measured"), [("S-001", "S-000_1"), ("12-3", "123"), ("1.5", "15")])
def test_a_name_with_other_digits_is_not_proposed(listed: str, measured: str) -> None:
    assert not similar_names([measured], [listed])


@pytest.mark.parametrize(
    ("listed", "measured"), [("001", "1"), ("s0", "S0"), ("S 1", "S1"), ("A-7", "a7"), ("5001.0", "5001")]
)
def test_similar_names_are_reported(tmp_path: Path, listed: str, measured: str) -> None:
    header = ",".join(str(4000 - 4.5 * index) for index in range(400))
    values = ",".join(["0.5"] * 399 + ["0.6"])
    (tmp_path / "spectra.csv").write_text(f"sample,{header}\n{measured},{values}\nother,{values}\n")
    table = f"{HEADER}\n{listed},D,0,1\nother,D,1,2\n"
    for only_listed in (False, True):
        result, _ = run_import(tmp_path, "spectra.csv", table=table, only_listed=only_listed)
        reasons = [problem.reason for problem in result.problems]
        expected = (
            f"these samples have no usable spectrum: {listed} (is it {measured!r}?); --keep-going imports the others"
        )
        assert expected in reasons
        assert only_listed or any(f"{measured!r} has no row in" in reason for reason in reasons)
        assert only_listed or any(f"did you mean {listed!r}?" in reason for reason in reasons)


def test_a_data_file_in_the_schema_is_imported_as_it_is(tmp_path: Path, sample: Path) -> None:
    """Sample names are numbers in a column without a name, and channels have no unit."""
    for part in ("public", "private"):
        result, data = run_import(tmp_path, sample / f"{part}/{part}.csv.gz", table="")
        assert (result.problems, result.remarks) == ([], [])
        pd.testing.assert_frame_equal(data, pd.read_csv(sample / f"{part}/{part}.csv.gz", index_col=0))
    header, *rows = gzip.decompress((sample / "public/public.csv.gz").read_bytes()).decode().splitlines()
    rows = [row.replace(",", ";").replace(".", ",") for row in rows]
    (tmp_path / "saved.csv").write_text("\n".join([header.replace(",", ";"), *rows]))
    result, data = run_import(tmp_path, "saved.csv", table="")
    assert (result.problems, result.remarks) == ([], [])
    assert data is not None
    pd.testing.assert_frame_equal(data, pd.read_csv(sample / "public/public.csv.gz", index_col=0))


def test_an_option_resolves_only_its_own_question(tmp_path: Path) -> None:
    content = "Lab Sample ID,Client Sample ID,hole,from,to,Cu\na,x,D,0,1,1.5\nb,y,D,1,2,2.6\n"
    with pytest.raises(Ambiguity, match='such as --column "sample=Lab Sample ID"') as asked:
        read_table(tmp_path, content)
    assert asked.value.id == "sample"
    columns = {"sample": "Client Sample ID"}
    with pytest.raises(Ambiguity, match="state no unit: Cu"):
        read_table(tmp_path, content, columns=columns)
    table = read_table(tmp_path, content, columns=columns, content_unit="pct")
    assert (table.samples, table.assays["CuPPM"]) == (["x", "y"], [15_000, 26_000])


def test_an_element_that_is_not_a_target_is_not_suggested(tmp_path: Path) -> None:
    table = read_table(tmp_path, f"{HEADER},Cu_ppm,Hg_ppm,{'o' * 9000}\na,D,0,1,1.5,3,x\n")
    assert max(len(remark.replace(str(tmp_path), "")) for remark in table.remarks) < 200
    assert not any("Hg" in remark and "--column" in remark for remark in table.remarks)
