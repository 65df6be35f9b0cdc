"""The assay table: its columns, units and cells, and a one-line message about each error."""

import re
from pathlib import Path

import numpy as np
import pytest
import score
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.dataset.assay_table import AssayTable, read_assays
from recore.dataset.column_options import parse_columns
from recore.dataset.grammar import Ambiguity

HEADER = "sample,SiteID,DepthFrom,DepthTo"
LONG_CELLS = ["1" * (1 << 20), f'"{"cm " * (1 << 15)}"']


def read_table(folder: Path, content: str | bytes, columns: tuple[str, ...] = (), **options: str) -> AssayTable:
    path = folder / "assays.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_assays(path, parse_columns(columns), **options)


def test_all_columns_are_read_in_any_order(tmp_path: Path) -> None:
    table = read_table(
        tmp_path, "CuPPM,DepthTo,sample,FePCT,index,DepthFrom,SiteID\n5,2,a,NA,7,1,D1\n,3.5,b,2.5,8,2,D2\n"
    )
    assert (table.samples, table.index) == (["a", "b"], ["7", "8"])
    assert table.identity == {"SiteID": ["D1", "D2"], "DepthFrom": [1, 2], "DepthTo": [2, 3.5]}
    assert list(table.assays) == list(score.TARGETS)
    np.testing.assert_array_equal(table.assays["CuPPM"], [5, np.nan])
    np.testing.assert_array_equal(table.assays["FePCT"], [np.nan, 2.5])
    assert np.isnan(table.assays["AuPPM"]).all()
    assert not table.remarks


def test_values_below_the_detection_limit_are_set_to_half_of_it(tmp_path: Path) -> None:
    table = read_table(tmp_path, f"{HEADER},AuPPM,CuPPM\na,D1,0,1,<0.005,< 2\nb,D1,1,2,0,3\n")
    assert (table.assays["AuPPM"], table.assays["CuPPM"]) == ([0.0025, 0], [1, 3])
    (remark,) = table.remarks
    assert "2 assays below the detection limit, set to half the limit" in remark


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        (f"{HEADER}\n", "no sample"),
        ("Element,S1,S2\nSiteID,D,D\nFrom (m),0,1\nCu (ppm),5,6\n", "the table is transposed: its first column, 'Elem"),
        (f"{HEADER},CuPPM\na,D,0,1,2\n\n{HEADER},Zn_ppm\na,D,0,1,2\n", "line 4 is a second header"),
        (f'"{HEADER}"\n"a,D,0,1"\n', "each line, such as line 2, is one quoted cell; remove the outer quotation marks"),
        (f"{HEADER}\na,D,0,1\nb,,1,2\n", "line 3, SiteID: the cell is empty; if spreadsheet cells are merged"),
        (f"{HEADER}\na,D,0,1\na DUP,D,0,1\nOREAS_504b,,,\n", "remove 'a DUP' on line 3, 'OREAS_504b' on line 4"),
        (f"{HEADER}\na,D,0,1\n\0\0\0", "line 3 contains NUL bytes, as at the end of a file whose copy was interrupted"),
        (f"{HEADER}\na,\u94bb,0,1\n".encode("gbk"), "the name '\u00d7\u00ea' is garbled, because the encoding of the"),
        ("SiteID,DepthFrom,DepthTo\nD,0,1\n", "column 'sample' is missing"),
        ("sample,SiteID,DepthTo\na,D,1\n", "column 'DepthFrom' is missing"),
        (f"{HEADER},CuPPM,CuPPM\na,D,0,1,2,3\n", "column 'CuPPM' appears more than once"),
        (f"{HEADER},CuPMM\na,D,0,1,2\n", "did you mean CuPPM? --column CuPPM=CuPMM:ppm imports it"),
        (f"{HEADER},CuPTC\na,D,0,1,2\n", "did you mean CuPPM? --column CuPPM=CuPTC:pct imports it from pct"),
        (f"{HEADER},Au_opt\na,D,0,1,2\n", "'Au_opt', AuPPM: ounces per ton are ambiguous"),
        (
            "sample,hole,from_ft,to_m\na,D,0,1\n",
            "'from_ft' and 'to_m' have different units; specify --depth-unit if both",
        ),
        ("sample,sites,DepthFrom,DepthTo\na,D,0,1\n", "did you mean 'sites'? --column SiteID=sites imports it"),
        (f"{HEADER}\na,D,0,1\na,D,1,2\n", "line 3, sample: 'a' is already on line 2"),
        (f"{HEADER},index\na,D,0,1,5\nb,D,1,2,5\n", "line 3, index: '5' is already on line 2"),
        (f"{HEADER},CuPPM\na,D,0,1,2\n{HEADER},CuPPM\nb,D,1,2,3\n", "line 3 repeats the header"),
        (f"CuPPM,{HEADER}\n2,a,D,0,1\n{HEADER},CuPPM\nb,D,1,2,3\n", "line 3 repeats the header"),
        (f"{HEADER},Cu\n,,m,m,ppm\na,D,0,1,2\n{HEADER},Cu\n,,m,m,ppm\nb,D,1,2,3\n", "line 4 repeats the header"),
        (f"{HEADER}\n,D,0,1\n", "line 2, sample: the cell is empty"),
        (f"{HEADER}\na,,0,1\n", "line 2, SiteID: the cell is empty"),
        (f"{HEADER}\na,D,deep,1\n", "line 2, DepthFrom: 'deep' is not a number"),
        (f"{HEADER}\na,D,0,\n", "line 2, DepthTo: '' is not a number"),
        (f"{HEADER}\na,D,2,1\n", "line 2: DepthFrom 2 is deeper than DepthTo 1"),
        *((f"{HEADER},Note\na,D,0,1,{cell}\n", "line 2: a cell has more than 32,767 char") for cell in LONG_CELLS),
        (f"{HEADER},CuPPM\na,D,0,1\n", "line 2 has 4 cells, but the header has 5"),
        (f"{HEADER},CuPPM\na,D,0,1,trace\n", "line 2, CuPPM: 'trace' is not a number"),
        (f"{HEADER},CuPPM\na,D,0,1,1_0\n", "'1_0' is not a number"),
        (f"{HEADER},CuPPM\na,D,0,1,inf\n", "'inf' is not a number"),
        (f"{HEADER},CuPPM\na,D,0,1,-0.5\n", "is negative; write <0.5 for a value below the detection limit"),
        (f"{HEADER},CuPPM\na,D,0,1,-9999\n", "or nothing if it is missing or the number is a code"),
        (f"{HEADER},CuPPM\na,D,0,1,>10000\n", "exceeds the method's range"),
        (f"{HEADER},Cu_ppm,Units\na,D,0,1,5,\nb,D,1,2,5,ppm\n", "line 2, Units: the unit is missing; write ppm or %"),
        (f"{HEADER},Cu,Units\na,D,0,1,5,ppm\nb,D,1,2,5,m\n", "the unit is 'm', which is not a unit by mass; write"),
        (
            f"{HEADER},FePCT\na,D,0,1,31000\n",
            "more than 100% of the sample; --column FePCT=FePCT:ppm, for example, converts it from a different unit",
        ),
        (f"{HEADER},Cu (%)\na,D,0,1,120\nb,D,1,2,1250\n", '--column "CuPPM=Cu (%):ppm", for example, converts'),
        (f"{HEADER},Cu_ppm\na,D,0,1,2e6\nb,D,1,2,120\n", "more than 100% of the sample; correct the value, or leave"),
        (f"{HEADER},Cu_ppm\na,D,0,1,1.70141E+38\n", "is a code of a program for no data; leave the cell empty"),
        (f"{HEADER},CuPPM\n" + "".join(f"s{row},D,0,1,x\n" for row in range(9)), "and 6 more errors"),
        (b"PK\x03\x04" + bytes(40), "save the table as CSV"),
    ],
)
def test_an_invalid_table_is_reported_in_one_line(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"assays\.csv: ") as raised:
        read_table(tmp_path, content)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("question", "content", "reason"),
    [
        ("content-unit", f"{HEADER},Gold\na,D,0,1,2\n", "no unit: Gold; specify --content-unit pct, g/kg, ppm or"),
        ("content-unit", f"{HEADER},U\na,D,0,1,2\n", "for one column --column UPPB=U:pct"),
        ("target", f"{HEADER},Cu_ppm,Cu (%)\na,D,0,1,2,3\n", "CuPPM in 'Cu_ppm' and 'Cu (%)'; choose one, as in"),
        ("target", f"{HEADER},CuO (%),CuT (%)\na,D,0,1,2,3\n", 'choose one, as in --column "CuPPM=CuT (%)"'),
        ("target", f"{HEADER},Cu_ppm,Cu_pct\na,D,0,1,2,\nb,D,1,2,,3\n", "1 row has a value only in another column"),
        ("target", f"{HEADER},Cu_ppm,Cu_ppm.1\na,D,0,1,2,3\n", "CuPPM in 'Cu_ppm' and 'Cu_ppm.1'"),
        ("target", "sample,hole,BHID,from,to\na,D,E,0,1\n", "SiteID can be 'hole' or 'BHID'"),
    ],
)
def test_ambiguous_headers_are_questions(tmp_path: Path, question: str, content: str, reason: str) -> None:
    with pytest.raises(Ambiguity, match=re.escape(reason)) as raised:
        read_table(tmp_path, content)
    assert raised.value.id == question


@examples(150)
@given(st.text(alphabet="0123456789.<>-eaD,\n;\t", max_size=120))
def test_any_cells_result_in_a_table_or_a_one_line_error(tmp_path_factory: pytest.TempPathFactory, cells: str) -> None:
    try:
        result = read_table(tmp_path_factory.getbasetemp(), f"{HEADER},CuPPM\n{cells}")
    except Ambiguity as question:
        assert question.id == "decimal"  # noqa: PT017 - either outcome is valid
    except ValueError as error:
        assert "assays.csv: " in str(error)  # noqa: PT017 - either outcome is valid
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert len(set(result.samples)) == len(result.samples) == len(result.assays["CuPPM"])


def test_decimal_commas_are_read_unless_they_are_ambiguous(tmp_path: Path) -> None:
    content = "\ufeffsample;SiteID;DepthFrom;DepthTo;FePCT;CuPPM;;\r\na;D1;0;0,2;1,5;<0,5;;\r\n;;;;;;;\r\n"
    table = read_table(tmp_path, content)
    assert (table.samples, table.identity["DepthTo"]) == (["a"], [0.2])
    assert (table.assays["FePCT"], table.assays["CuPPM"]) == ([1.5], [0.25])
    for invalid_content, reason in {
        content.replace("1,5;", "1.23,5;"): "line 2, FePCT: '1.23,5' is not a number",
        content.replace(
            "D1;0;0,2;1,5", "D1;0.1;0.2;1,500"
        ): "'<0,5' on line 2 has a decimal comma, but '0.1' on line 2 has a decimal point",
        content.replace("CuPPM;;", "CuPPM;;AuPPM").replace("<0,5;;", "<0,5;1;2"): "column 7 has no name",
        content.replace("<0,5;;", "<0,5;;7"): "line 2 has 8 cells, but the header has 6",
        content.replace(";;", "")
        + "b;D1;0;1;1;2;;7\r\nc;D1;0;1;2;3\r\nd;D1;0;1;2;3\r\n": "8 cells, but the header has 6",
    }.items():
        with pytest.raises(ValueError, match=re.escape(reason)):
            read_table(tmp_path, invalid_content)
