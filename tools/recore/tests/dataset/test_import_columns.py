"""`recore import` with a laboratory's own table: column names, units, oxides, and columns in the wrong unit."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from recore_support.import_runs import X, absorbance, import_command
from recore_support.schema import CHALLENGE

from recore.cli import main
from recore.dataset.column_options import parse_columns
from recore.dataset.columns import find_columns
from recore.dataset.grammar.numbers import Marks
from recore.dataset.grammar.units import DETECTION_LIMITS

SAMPLES = "abcdef"
# A typical laboratory's table: aluminium in per cent, potassium as an oxide, and so on.
LABORATORY = {
    "Sample ID": list(SAMPLES),
    "hole": ["D1", "D1", "D1", "D2", "D2", "D2"],
    "from_ft": [0, 5, 10, 0, 5, 10],
    "to_ft": [5, 10, 15, 5, 10, 15],
    "Al_pct": [8.1, 7.2, 6.6, 8.4, 7.9, 5.3],
    "K2O (%)": [2.8, 3.1, 1.7, 2.2, 2.6, 4.0],
    "Au ppb": [12, 8, "<1", 230, 41, 5],
    "Fe_tot": [31, 40.5, 28, 52, 19, 47],
    "U_ppm": [2.1, 3.4, 1.9, 2.2, 4.0, 2.8],
    "Hg_ppm": [0.1] * 6,
}
IDENTITY = ["sample=Sample ID", "SiteID=hole", "DepthFrom=from_ft", "DepthTo=to_ft"]


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    header = ",".join(["sample", *(f"{x:.1f}" for x in X)])
    rows = [",".join([name, *map(str, absorbance(X, 1 + index / 9))]) for index, name in enumerate(SAMPLES)]
    (tmp_path / "spectra.csv").write_text("\n".join([header, *rows]))
    pd.DataFrame(LABORATORY).to_csv(tmp_path / "lab.csv", index=False)
    return tmp_path


def import_columns(folder: Path, *columns: str, options: tuple[str, ...] = ()) -> Result:
    arguments = ["--assays", folder / "lab.csv", "--out", folder / "out.csv.gz", "--force", *options]
    return import_command(folder / "spectra.csv", *arguments, *(f"--column={column}" for column in columns))


def write_schema_table(folder: Path, **columns: object) -> None:
    ends = np.arange(1.0, 7) * 1.5
    identity = {"sample": list(SAMPLES), "SiteID": LABORATORY["hole"], "DepthFrom": ends - 1.5, "DepthTo": ends}
    pd.DataFrame(identity | columns).to_csv(folder / "lab.csv", index=False)


def test_columns_are_renamed_and_converted(laboratory: Path) -> None:
    assays = ("AlPPM=Al_pct", "KPPM=K2O (%)", "AuPPM=Au ppb", "FePCT=Fe_tot:g/kg", "UPPB=U_ppm")
    result = import_columns(laboratory, *IDENTITY, *assays)
    assert result.exit_code == 0, result.stderr
    data = pd.read_csv(laboratory / "out.csv.gz", index_col=0)
    assert list(data.index) == list(SAMPLES)
    assert list(data["SiteID"]) == LABORATORY["hole"]
    np.testing.assert_allclose(data["DepthTo"], 0.3048 * np.array(LABORATORY["to_ft"]))
    assert list(data["AlPPM"]) == [81_000, 72_000, 66_000, 84_000, 79_000, 53_000]
    np.testing.assert_allclose(data["KPPM"], 1e4 * 0.83015 * np.array(LABORATORY["K2O (%)"]), rtol=1e-4)
    assert list(data["AuPPM"]) == [0.012, 0.008, 0.0005, 0.23, 0.041, 0.005]
    assert list(data["FePCT"]) == [3.1, 4.05, 2.8, 5.2, 1.9, 4.7]
    assert list(data["UPPB"]) == [2100, 3400, 1900, 2200, 4000, 2800]
    assert data["CuPPM"].isna().all()
    assert "AlPPM = 10000 x Al_pct" in result.stderr
    assert "x K2O (%)" in result.stderr
    assert "ignored columns: Hg_ppm" in result.stderr
    assert "bad:" not in result.stderr


def test_a_laboratorys_own_headers_are_imported_and_listed(laboratory: Path) -> None:
    result = import_columns(laboratory, "FePCT=Fe_tot", "PPCT=Hg_ppm:pct")
    assert result.exit_code == 0, result.stderr
    (imported,) = [line for line in result.stderr.splitlines() if "imported: " in line]
    for conversion in (
        *("sample = Sample ID", "SiteID = hole", "DepthTo = 0.3048 x to_ft", "AlPPM = 10000 x Al_pct"),
        *("KPPM = 8301.51 x K2O (%)", "AuPPM = 0.001 x Au ppb", "FePCT = Fe_tot"),
        *("UPPB = 1000 x U_ppm", "PPCT = Hg_ppm"),
    ):
        assert conversion in imported.split("imported: ")[1].split("; ")
    assert "without a unit" in result.stderr
    assert "FePCT=Fe_tot; for example, --column FePCT=Fe_tot:pct" in result.stderr


def test_a_question_has_an_id(laboratory: Path) -> None:
    result = import_columns(laboratory, options=("--json",))
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["source"] == str(laboratory / "lab.csv")
    assert problem["reason"].startswith("these columns state no unit: Fe_tot; specify --content-unit")
    assert problem["question"] == "content-unit"
    assert f"recore: {problem['source']}: {problem['reason']}" in result.stderr.splitlines()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (["CuPMM=Al_pct"], "'CuPMM' is not a column in the schema; did you mean CuPPM?"),
        (["Cu=Al_pct"], "did you mean CuPPM?"),
        (["CopperPPM=Al_pct"], "did you mean CuPPM?"),
        (["CaesiumPPM=Al_pct"], "did you mean CsPPM?"),
        (["MercuryPPM=Al_pct"], "valid columns are sample"),
        (["CopprPPM=Al_pct"], "valid columns are sample"),
        ([*IDENTITY, "AuPPM=Al_pct:oz/t"], "ounces per ton are ambiguous"),
        (["siteid=hole"], "did you mean SiteID?"),
        (["HgPPM=Hg_ppm"], "'HgPPM' is not a column in the schema; valid columns are sample"),
        (["CuPPM"], "is invalid; write CuPPM=Cu_tot"),
        (["=Al_pct"], "is invalid; write CuPPM=Cu_tot"),
        (["AlPPM=Al_pct", "AlPPM=Fe_tot"], "AlPPM is already set to 'Al_pct'"),
        ([*IDENTITY, "AlPPM=Al_pc"], "the table has no column 'Al_pc'; did you mean Al_pct?"),
        ([*IDENTITY, "AlPPM=zzz"], "the table has no column 'zzz'"),
        ([*IDENTITY, "AlPPM=Al_pct:stone"], "the unit 'stone' is unknown; use pct, g/kg, ppm, ppb"),
        (["sample=Sample ID:pct"], "sample has no unit"),
        (["DepthFrom=from_ft:cm"], "specify the unit of depths with --depth-unit"),
        (["FePCT=to_ft:ppm"], "column 'DepthTo' is missing"),
    ],
)
def test_invalid_columns_are_reported_in_one_line(laboratory: Path, columns: list[str], reason: str) -> None:
    result = import_columns(laboratory, *columns)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert reason in result.stderr


def test_columns_and_depth_units_need_a_table(laboratory: Path) -> None:
    for option in ("--only-listed", "--depth-unit=cm", "--content-unit=pct"):
        result = import_command(laboratory / "spectra.csv", "--out", laboratory / "o.csv.gz", option)
        assert result.exit_code == 2
        assert "requires an assay table" in result.stderr


def test_one_table_with_spectra_and_assays_is_imported(laboratory: Path) -> None:
    spectra = pd.read_csv(laboratory / "spectra.csv")
    table = pd.concat([spectra, pd.DataFrame(LABORATORY).drop(columns="Sample ID")], axis=1)
    table.to_csv(laboratory / "both.csv", index=False)
    for assays in ([], ["--assays", laboratory / "both.csv"]):
        arguments = [laboratory / "both.csv", *assays, "--out", laboratory / "o.csv.gz", "--force"]
        result = import_command(*arguments, "--column", "AuPPM=Au ppb:gpt", "--content-unit", "g/kg")
        assert result.exit_code == 0, result.stderr
        assert "not wavenumbers" not in result.stdout + result.stderr
        data = pd.read_csv(laboratory / "o.csv.gz", index_col=0)
        assert list(data.index) == list(SAMPLES)
        assert list(data["AuPPM"]) == [12, 8, 0.5, 230, 41, 5]
        assert list(data["FePCT"]) == [3.1, 4.05, 2.8, 5.2, 1.9, 4.7]
        assert len([name for name in data if name[0].isdigit()]) == len(X)
    result = import_command(laboratory / "both.csv", "--out", laboratory / "p.csv.gz")
    assert result.exit_code == 1
    question, last = result.stderr.splitlines()
    assert "both.csv: these columns state no unit: Fe_tot; specify --content-unit" in question
    assert last == "recore: nothing was written because of 1 problem"


def test_missing_quotes_around_a_column_are_reported_in_one_line(laboratory: Path) -> None:
    result = import_columns(laboratory, "AlPPM=Al", options=("(ppm)",))
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert 'needs quotes: --column "AlPPM=Al (ppm)"' in result.stderr


def test_a_stated_unit_overrides_the_name(laboratory: Path) -> None:
    result = import_columns(laboratory, *IDENTITY, "AlPPM=Al_pct:g/kg", "FePCT=Fe_tot", options=("--depth-unit", "m"))
    assert result.exit_code == 0, result.stderr
    data = pd.read_csv(laboratory / "out.csv.gz", index_col=0)
    assert data["AlPPM"].iloc[0] == 8100
    assert list(data["DepthTo"]) == LABORATORY["to_ft"]


@given(st.lists(st.text(alphabet="CuPM=Fe_pct: %2O3", max_size=14), max_size=4), st.booleans())
def test_any_option_is_parsed_or_rejected(options: list[str], in_header: bool) -> None:
    with contextlib.suppress(ValueError):
        columns = parse_columns(options)
        header = ["sample", "SiteID", "DepthFrom", "DepthTo", *(columns.values() if in_header else ())]
        names = dict(enumerate(dict.fromkeys(header)))
        sources, _ = find_columns(names, columns, lambda position: ["1.5", "2.5"], Marks())
        assert set(columns) <= set(sources) <= {"sample", "index", *CHALLENGE.columns}
        assert all(source.factor > 0 for source in sources.values())


# A column in the schema, its values, the unit that they appear to have, and the option that converts them.
SUSPECTED_UNITS = {
    "per cent as ppm": ("AlPPM", [8.1, 7.2, 6.6, 8.4, 7.9, 5.3], "per cent", "--column AlPPM=AlPPM:pct"),
    "g/kg as ppm": ("AlPPM", [51, 42, 66, 54, 79, 53], "g/kg", "--column AlPPM=AlPPM:g/kg"),
    "ppm as per cent": ("VPCT", [97, 60, 55, 30, 80, 99], "ppm", "--column VPCT=VPCT:ppm"),
    "ppm as ppb": ("ThPPB", [10.5, 4, 12, 8, 11, 7], "ppm", "--column ThPPB=ThPPB:ppm"),
    "ppb as ppm": ("AuPPM", [12, 8, 3, 230, 41, 5], "ppb", "--column AuPPM=AuPPM:ppb"),
    "per cent of copper": ("CuPPM", [0.31, 0.2, 0.05, 0.44, 1.2, 0.33], "per cent", "--column CuPPM=CuPPM:pct"),
}


@pytest.mark.parametrize("case", SUSPECTED_UNITS)
def test_a_wrong_unit_is_reported_as_bad_and_the_suggested_option_corrects_it(laboratory: Path, case: str) -> None:
    column, values, unit, option = SUSPECTED_UNITS[case]
    write_schema_table(laboratory, **{column: values})
    result = import_columns(laboratory)
    assert result.exit_code == 0, result.stderr
    (finding,) = [line for line in result.stderr.splitlines() if line.startswith("bad: ")]
    assert f"{column}: the median of 6 values is" in finding
    assert f"look like {unit}" in finding
    assert f"{option} converts them" in finding
    record = json.loads(import_columns(laboratory, options=("--json",)).stdout)
    assert [finding["values"]["column"] for finding in record["findings"]] == [column]
    imported = pd.read_csv(laboratory / "out.csv.gz", index_col=0)[column]
    assert list(imported) == values
    result = import_columns(laboratory, option.removeprefix("--column "))
    assert "bad:" not in result.stderr
    converted = pd.read_csv(laboratory / "out.csv.gz", index_col=0)[column]
    np.testing.assert_allclose(converted, imported * record["findings"][0]["values"]["factor"])


def test_an_implausible_conversion_is_reported(laboratory: Path) -> None:
    write_schema_table(laboratory, AlPPM=[81_000, 72_000, 66_000, 84_000, 79_000, 53_000])
    result = import_columns(laboratory, "AlPPM=AlPPM:ppb")
    assert "ppm (mg/kg): if so, --column AlPPM=AlPPM:ppm converts them" in result.stderr


@pytest.mark.parametrize(
    ("unit", "units_per_metre", "top"), [("cm", 100, 0), ("mm", 1000, 0), ("ft", 1 / 0.3048, 1400)]
)
def test_depths_in_another_unit_are_reported_as_bad(
    laboratory: Path, unit: str, units_per_metre: float, top: float
) -> None:
    ends = top + 3 * np.arange(1.0, 7)
    depths = {"DepthFrom": (ends - 3) * units_per_metre, "DepthTo": ends * units_per_metre}
    write_schema_table(laboratory, **depths)
    result = import_columns(laboratory)
    (finding,) = [line for line in result.stderr.splitlines() if line.startswith("bad: ")]
    assert "DepthFrom, DepthTo: the median sample is" in finding
    assert f"--depth-unit {unit} converts them" in finding
    result = import_columns(laboratory, options=("--depth-unit", unit))
    assert "bad:" not in result.stderr
    data = pd.read_csv(laboratory / "out.csv.gz", index_col=0)
    np.testing.assert_allclose(data["DepthTo"], ends)


def test_explore_finds_wrong_units_and_none_in_a_good_file(tmp_path: Path, sample: Path, public: pd.DataFrame) -> None:
    def findings(path: Path, *options: object) -> list[dict]:
        result = CliRunner().invoke(main, ["explore", *map(str, (path, "--out", tmp_path / "r.html", *options))])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout) if "--json" in options else result.stdout.splitlines()

    def units(path: Path, *options: object) -> dict[str, tuple]:
        bad_findings = [finding for finding in findings(path, "--json", *options) if finding["level"] == "bad"]
        return {
            finding["values"]["column"]: (finding["values"]["unit"], finding["section"])
            for finding in bad_findings
            if finding["name"] in ("assay unit", "depth unit")
        }

    assert units(sample / "public/public.csv.gz", "--private", sample / "private/private.csv.gz") == {}
    factors = {"AlPPM": 1e-4, "VPCT": 1e4, "ThPPB": 1e-3, "DepthFrom": 100, "DepthTo": 100}
    changed = public.iloc[::4].drop(columns=[name for name in public if name[0].isdigit()][60:])
    for column, factor in factors.items():
        changed[column] = changed[column] * factor
    path = tmp_path / "wrong.csv.gz"
    changed.to_csv(path)
    suspected = {"AlPPM": ("pct", "assays"), "VPCT": ("ppm", "assays"), "ThPPB": ("ppm", "assays")}
    assert units(path) == suspected | {"DepthFrom, DepthTo": ("cm", "depth")}
    private = tmp_path / "private.csv.gz"
    changed.drop(columns=list(DETECTION_LIMITS)).to_csv(private)
    lines = findings(path, "--private", private)
    (depth,) = [line for line in lines if line.startswith("bad   private.csv.gz: DepthFrom, DepthTo")]
    assert "multiply both columns by 0.01" in depth
    (aluminium,) = [line for line in lines if line.startswith("bad   AlPPM")]
    assert "multiply the column by 10000, or import the table with --column AlPPM=COLUMN:pct" in aluminium
    html = (tmp_path / "r.html").read_text()
    for column in ("AlPPM", "VPCT", "ThPPB", "DepthFrom, DepthTo", "private.csv.gz: DepthFrom, DepthTo"):
        assert f"{column}: the median" in html, column
