"""`recore split` splits a table by drill hole into a challenge's files, without changing a digit."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from recore_support.command import recore, recore_process

HEADER = ",SiteID,4000,CuPPM,DepthFrom,3993.1,AuPPM\n"
ROWS = [  # quotes, signs and digits that a CSV writer would change
    '7,A,0.10,1e3,0,"+1,5",\n',
    "a,B,.5,010.0,1.0,-0.0,NA\n",
    "9, A ,1,2,2,3,4\n",
    '10," C ",1,2,3,4,0.50\n',
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "".join(ROWS))
    return path


def read(folder: Path, name: str) -> str:
    return gzip.decompress((folder / name).read_bytes()).decode()


@pytest.mark.parametrize("kind", ["plain", "gzipped", "CRLF"])
def test_cells_are_copied_digit_for_digit(kind: str, table: Path, tmp_path: Path) -> None:
    if kind == "gzipped":
        table.write_bytes(gzip.compress(table.read_bytes()))
    if kind == "CRLF":
        table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    result = recore_process("split", table, "--holes", "A", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert read(tmp_path / "out", "public/public.csv.gz") == HEADER + ROWS[1] + "10, C ,1,2,3,4,0.50\n"
    private = ',SiteID,4000,DepthFrom,3993.1\n7,A,0.10,0,"+1,5"\n9, A ,1,2,3\n'
    assert read(tmp_path / "out", "private/private.csv.gz") == private
    assert read(tmp_path / "out", "private/actual.csv.gz") == ",CuPPM,AuPPM\n7,1e3,\n9,2,4\n"
    assert "public: 2 drill holes, 2 rows in " in result.stdout
    assert "private: 1 drill hole, 2 rows in " in result.stdout


def test_a_share_chooses_holes_by_the_seed_regardless_of_row_order(sample: Path, tmp_path: Path) -> None:
    table = sample / "public/public.csv.gz"
    lines = gzip.decompress(table.read_bytes()).decode().splitlines(keepends=True)
    (tmp_path / "reversed.csv").write_text("".join(lines[:1] + lines[:0:-1]))
    outputs = {}
    for name, file, holes, seed in (
        ("first", table, "30%", 0),
        ("again", tmp_path / "reversed.csv", "0.3", 0),
        ("other", table, "30%", 1),
    ):
        result = recore("split", file, "--holes", holes, "--seed", seed, "--out", tmp_path / name, "--json")
        outputs[name] = json.loads(result.stdout)["rows_by_hole"]
    assert outputs["again"] == outputs["first"] != outputs["other"]
    assert len(outputs["first"]["private"]) == 2  # of seven
    holes = {name: set() for name in ("public", "private")}
    for name in holes:
        with gzip.open(tmp_path / f"first/{name}/{name}.csv.gz", "rt") as file:
            holes[name] = {row["SiteID"] for row in csv.DictReader(file)}
    assert {name: set(rows) for name, rows in outputs["first"].items()} == holes
    assert not holes["public"] & holes["private"]


@pytest.mark.parametrize(
    ("holes", "private"),
    [("A,1", ["A,1"]), ('"A,1", A', ["A", "A,1"]), ("a1,A", ["A", "a1"]), ('A,"q""1"', ["A", 'q"1'])],
)
def test_a_hole_with_a_comma_can_be_named_and_similar_names_are_noted(
    holes: str, private: list[str], table: Path, tmp_path: Path
) -> None:
    rows = [f'{row},"{hole}",1,2,3,4,5\n' for row, hole in enumerate(("A,1", "A", "a1", "A-1", 'q""1'))]
    table.write_text(HEADER + "".join(rows))
    result = recore("split", table, "--holes", holes, "--out", tmp_path / "out", "--json")
    assert sorted(json.loads(result.stdout)["rows_by_hole"]["private"]) == private
    assert "SiteID: 'A-1' and 'a1' count as different drill holes" in result.stderr


def test_nothing_is_overwritten_without_force(table: Path, tmp_path: Path) -> None:
    arguments = ("split", table, "--holes", "A", "--out", tmp_path / "out")
    assert recore(*arguments).returncode == 0
    result = recore(*arguments)
    assert (result.returncode, "--force" in result.stderr) == (2, True)
    assert recore("split", table, "--holes", "B", "--out", tmp_path / "out", "--force").returncode == 0
    assert read(tmp_path / "out", "private/actual.csv.gz") == ",CuPPM,AuPPM\na,010.0,NA\n"
    public = tmp_path / "out/public/public.csv.gz"
    result = recore("split", public, "--holes", "A", "--out", tmp_path / "out", "--force")
    assert (result.returncode, "would overwrite this file" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("content", "holes", "reason"),
    [
        (None, "10%", "--holes 10% would make none of the 3 drill holes private"),
        (None, "0.99", "none of the 3 drill holes public"),
        (None, "A,B,C", "none of the 3 drill holes public"),
        (HEADER + '1,"A,1",1,1,1,1,1\n', "A,1,B", "is no drill hole '1', 'A', 'B'; the drill holes are A,1; write a"),
        (HEADER + '1,"A,1",1,1,1,1,1\n', "B", "; quote a name with a comma: '\"A,1\"'"),
        (None, ",", "none of the 3 drill holes private"),
        (None, "30", "there is no drill hole '30'; the drill holes are A, B, C; write a fraction as 30% or 0.3"),
        ("", "A", "this file is empty"),
        (HEADER, "A", "a header but no rows"),
        (HEADER.replace("SiteID", "Hole") + ROWS[0], "A", "the column 'SiteID' (drill hole) is missing"),
        (",SiteID,4000\n1,A,2\n", "A", "target columns such as CuPPM are missing"),
        (",SiteID,CuPPM\n1,A,2\n", "A", "channels are missing"),
        (",SiteID,4000,CuPPM,AuPPB\n1,A,2,3,4\n", "A", "1 unknown column, which private data must not have: 'AuPPB'"),
        ("SiteID,4000,CuPPM\nA,2,3\n", "A", "the first column must be the index, but its name is 'SiteID'"),
        (",SiteID,4000,CuPPM,CuPPM\n1,A,2,3,4\n", "A", "1 repeated column: 'CuPPM'"),
        (HEADER + ROWS[0] + "8,,1,1,1,1,1\n", "A", "1 row without a drill hole"),
        (HEADER + ROWS[0] + "8,B\n", "A", "row 2 has 2 cells instead of 7"),
        ("\x89PNG\0\xff", "A", "this is not text"),
        (gzip.compress((HEADER + ROWS[0]).encode() * 99)[:60].decode("latin-1"), "A", "the gzip file is truncated"),
        ('"' + "x" * (17 << 20), "A", "the first line is not a valid header"),
    ],
    ids=range(20),
)
def test_a_table_that_cannot_be_split_gets_one_line(
    content: str | None, holes: str, reason: str, table: Path, tmp_path: Path
) -> None:
    if content is not None:
        table.write_bytes(content.encode("latin-1"))
    result = recore("split", table, "--holes", holes, "--out", tmp_path / "out")
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr.splitlines()[-1]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != table]
