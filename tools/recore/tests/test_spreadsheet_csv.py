import csv
from pathlib import Path

import pandas as pd
import pytest
from recore_support.import_runs import TABLE, run_import, write_opus
from recore_support.schema import TARGETS

from recore.cli.judge import write_table as write_judged
from recore.evaluation.judging import Entry
from recore.production.batch_predictions import write_table
from recore.report.page.content import Page, Section, Table
from recore.report.page.page_files import write_page
from recore.spreadsheet_csv import safe_cell


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("+A1", "'+A1"),
        ("-A1", "'-A1"),
        ("\t=1+1", "' =1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("a\x1b[31m\nb\u202ec", "a [31m b c"),
        *((number, number) for number in ("-0.5", "+5", "1e-5", "-1E+3", "0", "", "DH-01", "a=b", "S-000 @ 5")),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_a_cell_is_no_formula_and_a_number_stays_one(cell: object, expected: object) -> None:
    assert safe_cell(cell) == expected


def test_an_import_writes_no_formula(tmp_path: Path) -> None:
    write_opus(tmp_path / "spectra/=a.0")
    write_opus(tmp_path / "spectra/-5.0", 0.5)
    table = TABLE.replace("b,D1", "=a,@D1").replace("a,D1,1.5", "-5,-1,1.5")
    _, data = run_import(tmp_path, table=table)
    assert (list(data.index), list(data["SiteID"])) == (["'=a", "-5"], ["'@D1", "-1"])


def test_judged_submissions_and_reports_hold_no_formula(tmp_path: Path) -> None:
    csv_file = write_judged([Entry(Path("=cmd"), problem="\x1b[2J@x")], tmp_path)
    (row,) = csv.DictReader(csv_file.read_text("utf-8").splitlines())
    assert (row["submission"], row["result"]) == ("'=cmd", "not judged:  [2J@x")
    numbers = pd.DataFrame({"=hole": ["=a", "-5", None], "depth": [-0.5, 1.0, 2.0]})
    section = Section("part", "Part", "", [Table("rows", "Rows", "", numbers)])
    write_page(Page("Report", "", {}, [], [section]), tmp_path / "r.html")
    assert (tmp_path / "r/rows.csv").read_text().splitlines() == ['"\'=hole","depth"', '"\'=a",-0.5', '"-5",1', ",2"]


def test_predictions_hold_no_formula(tmp_path: Path) -> None:
    answer = ["inside", *["-0.5"] * (3 * len(TARGETS)), ""]
    write_table([["=a", "@h", *answer], ["-5", "-1", *answer]], ["index", "SiteID"], tmp_path / "assays.csv", False)
    with open(tmp_path / "assays.csv", encoding="utf-8", newline="") as file:
        _, first, second = csv.reader(file)
    assert (first[0], second[0]) == ("'=a", "-5")
    assert ("'@h" in first, "-1" in second, first[-1]) == (True, True, "-0.5")
