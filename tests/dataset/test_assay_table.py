"""The assay table: columns, units and cells, and one clear line for each error."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import score
from recore.dataset.assay_table import AssayTable, read_assays

HEADER = "sample,SiteID,DepthFrom,DepthTo"


def table(folder: Path, text: str | bytes) -> AssayTable:
    path = folder / "assays.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_assays(path)


def test_all_columns_in_any_order(tmp_path: Path) -> None:
    result = table(tmp_path, "CuPPM,DepthTo,sample,FePCT,index,DepthFrom,SiteID\n5,2,a,NA,7,1,D1\n,3.5,b,2.5,8,2,D2\n")
    assert (result.samples, result.index) == (["a", "b"], ["7", "8"])
    assert result.identity == {"SiteID": ["D1", "D2"], "DepthFrom": [1, 2], "DepthTo": [2, 3.5]}
    assert list(result.assays) == list(score.TARGETS)
    np.testing.assert_array_equal(result.assays["CuPPM"], [5, np.nan])
    np.testing.assert_array_equal(result.assays["FePCT"], [np.nan, 2.5])
    assert np.isnan(result.assays["AuPPM"]).all()
    assert not result.remarks


def test_as_a_spreadsheet_in_europe_saves_it(tmp_path: Path) -> None:
    result = table(tmp_path, f"\ufeff{HEADER},CuPPM\r\na,D1,0,5,1\r\n".replace(",", ";").replace("0;5", "0,5;1,5"))
    assert result.identity["DepthFrom"] == [0.5]
    assert result.assays["CuPPM"] == [1]


def test_values_below_the_detection_limit_become_half_of_it_with_a_remark(tmp_path: Path) -> None:
    result = table(tmp_path, f"{HEADER},AuPPM,CuPPM\na,D1,0,1,<0.005,< 2\nb,D1,1,2,0,3\n")
    assert (result.assays["AuPPM"], result.assays["CuPPM"]) == ([0.0025, 0], [1, 3])
    (remark,) = result.remarks
    assert "2 assays below the limit of detection became half of it" in remark


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (f"{HEADER}\n", "no sample"),
        ("SiteID,DepthFrom,DepthTo\nD,0,1\n", "no column 'sample'"),
        ("sample,SiteID,DepthTo\na,D,1\n", "no column 'DepthFrom'"),
        (f"{HEADER},CuPPM,CuPPM\na,D,0,1,2,3\n", "'CuPPM' is there more than once"),
        (f"{HEADER},Gold\na,D,0,1,2\n", "'Gold' is none of this table's"),
        (f"{HEADER},CuPCT\na,D,0,1,2\n", "expected as CuPPM, in parts per million"),
        (f"{HEADER},Fe_ppm\na,D,0,1,2\n", "expected as FePCT, in per cent"),
        (f"{HEADER},U\na,D,0,1,2\n", "expected as UPPB, in parts per billion"),
        ("sample,siteid,DepthFrom,DepthTo\na,D,0,1\n", "is SiteID meant"),
        (f"{HEADER}\na,D,0,1\na,D,1,2\n", "line 3, sample: 'a' is on line 2 already"),
        (f"{HEADER},index\na,D,0,1,5\nb,D,1,2,5\n", "line 3, index: '5' is on line 2"),
        (f"{HEADER}\n,D,0,1\n", "line 2, sample: it is empty"),
        (f"{HEADER}\na,,0,1\n", "line 2, SiteID: it is empty"),
        (f"{HEADER}\na,D,deep,1\n", "line 2, DepthFrom: 'deep' is no number"),
        (f"{HEADER}\na,D,0,\n", "line 2, DepthTo: '' is no number"),
        (f"{HEADER}\na,D,2,1\n", "line 2: DepthFrom 2 lies below DepthTo 1"),
        (f"{HEADER},CuPPM\na,D,0,1\n", "line 2 has 4 cells under 5 names"),
        (f"{HEADER},CuPPM\na,D,0,1,trace\n", "line 2, CuPPM: 'trace' is no number"),
        (f"{HEADER},CuPPM\na,D,0,1,1_0\n", "'1_0' is no number"),
        (f"{HEADER},CuPPM\na,D,0,1,inf\n", "'inf' is no number"),
        (f"{HEADER},CuPPM\na,D,0,1,-0.5\n", "is negative; less than the limit of detection is written <0.5"),
        (f"{HEADER},CuPPM\na,D,0,1,>10000\n", "more than the method could measure"),
        (f"{HEADER},FePCT\na,D,0,1,31000\n", "more than all of the sample"),
        (f"{HEADER},CuPPM\n" + "".join(f"s{row},D,0,1,x\n" for row in range(9)), "and 6 more like these"),
        (b"PK\x03\x04" + bytes(40), "save the table as CSV"),
    ],
)
def test_an_invalid_table_is_reported_in_one_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"assays\.csv: ") as raised:
        table(tmp_path, text)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@settings(max_examples=150, deadline=10_000)
@given(st.text(alphabet="0123456789.<>-eaD,\n;\t", max_size=120))
def test_any_cells_are_a_table_or_an_error_of_one_line(tmp_path_factory: pytest.TempPathFactory, cells: str) -> None:
    try:
        result = table(tmp_path_factory.getbasetemp(), f"{HEADER},CuPPM\n{cells}")
    except ValueError as error:
        assert "assays.csv: " in str(error)  # noqa: PT017 - either is right
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(set(result.samples)) == len(result.samples) == len(result.assays["CuPPM"])


def test_a_table_from_a_spreadsheet_with_decimal_commas(tmp_path: Path) -> None:
    text = "\ufeffsample;SiteID;DepthFrom;DepthTo;FePCT;CuPPM;;\r\na;D1;0;0,2;1,5;<0,5;;\r\n;;;;;;;\r\n"
    result = table(tmp_path, text)
    assert (result.samples, result.identity["DepthTo"]) == (["a"], [0.2])
    assert (result.assays["FePCT"], result.assays["CuPPM"]) == ([1.5], [0.25])
    for wrong, reason in {
        text.replace("1,5;", "1.234,5;"): "line 2, FePCT: '1.234,5' is no number",
        text.replace("D1;0;0,2;1,5", "D1;0.1;0.2;1,500"): "'1,500' on line 2 has a comma and '0.1' on line 2 a point",
        text.replace("CuPPM;;", "CuPPM;;AuPPM"): "column 7 has no name",
        text.replace("<0,5;;", "<0,5;;7"): "line 2 has 8 cells under 6 names",
    }.items():
        with pytest.raises(ValueError, match=re.escape(reason)):
            table(tmp_path, wrong)
