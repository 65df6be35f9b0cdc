from pathlib import Path

import pytest
from recore_support.command import recore
from support.data_files import write_gz

from recore.report.explore.file_report import explore_file
from recore.report.page.page_files import write_page

HEADER = ["sample", *(f"{wavenumber}" for wavenumber in range(4000, 600, -100))]
SPECTRUM = [0.4 + 0.01 * (position % 7) for position in range(len(HEADER) - 1)]


@pytest.mark.parametrize(
    ("header", "cells", "name", "part"),
    [
        ("\ufeff,SiteID,1000.0,900.0,800.0", "1,a,1,2,3", "file", "2 missing columns: 'DepthFrom', 'DepthTo'"),
        ("i,SiteID,1000.0,1000,900.0", "1,a,1,2,3", "file", "channels with the same wavenumber: '1000' and '1000.0'"),
        ("i,SiteID,1000.0,1000.0,900.0", "1,a,1,2,3", "file", "1 duplicate column;"),
        (
            "i,SiteID,1000.0,1000.0.1,900.0",
            "1,a,1,2,3",
            "file",
            "only the first of each name is read: '1000.0.1'",
        ),  # as pandas writes
        ("i,SiteID,1000.0,900.0,CuPPM (ppm)", "1,a,1,2,3", "file", "its name includes a unit: 'CuPPM (ppm)'"),
        ("i,SiteID,1000.0,900.0", ",,cm-1,cm-1", "file", "columns '1000.0', '900.0': 1 cell is not a number"),
        ("i,SiteID,1000,1e3,nan,-5", "1,a,1,2,3,4", "file", "3 unknown columns (not an ID"),
        ("1000.0,SiteID,900.0,800.0,700.0", "1,a,1,2,3", "file", "must be the index"),
        ("i,SiteID,1000.0,900.0,800.0", "1,a,1,inf,3", "empty channels", "1 cell of"),
        ("i,SiteID,1000.0,900.0,800.0", '1,a,1,"2,5",3', "file", "'2,5'"),
        ("i,SiteID,1000.0,900.0,800.0", "1,a,1,\x00,3", "file", "1 cell is not a number"),
        ("i,SiteID,1000.0,900.0,800.0", "1,a,1,\u22122,3", "file", "example '\u22122' (U+2212 MINUS SIGN)"),
        ("i,SiteID,1000.0,900.0,800.0", "1,a,1,2\u00a0000,3", "file", "(U+00A0 NO-BREAK SPACE)"),
        (
            "i,SiteID,1000.0,900.0,800.0",
            "1,DH01,1,2,3\r\n2,dh-1,1,3,2\r\n3,DH02,1,5,4",
            "similar holes",
            "'DH01' and 'dh-1' count as different drill holes",
        ),
        ("i,SiteID,1000.0,900.0,800.0", "1,,1,2,3", "holes missing", "1 row has no hole"),
    ],
)
def test_unusual_headers_and_cells_are_reported(tmp_path: Path, header: str, cells: str, name: str, part: str) -> None:
    page = explore_file(write_gz(tmp_path / "f.csv.gz", f"{header}\r\n{cells}\r\n"))
    assert part in " ".join(finding.text for finding in page.findings if finding.name == name), page.findings
    write_page(page, tmp_path / "f.html")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "this file is empty"),
        ("a,b\n1,2\n", "no column name is a wavenumber"),
        (",SiteID,1000.0\n", "a header but no rows"),
        (",1000.0,900.0\n1,0.5\n", "Expected 3 columns"),
    ],
)
def test_an_invalid_file_is_rejected(tmp_path: Path, content: str | bytes | None, reason: str) -> None:
    path = tmp_path / "f.csv.gz"
    if content is not None:
        write_gz(path, content)
    with pytest.raises((ValueError, OSError), match=reason):
        explore_file(path)


def test_a_truncated_file_is_rejected(tmp_path: Path, sample: Path) -> None:
    content = (sample / "public/public.csv.gz").read_bytes()
    (tmp_path / "f.csv.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"f\.csv\.gz"):
        explore_file(tmp_path / "f.csv.gz")


@pytest.mark.parametrize(
    ("delimiter", "cell", "reason"),
    [
        (";", "{}", "its columns are separated by semicolons; its numbers have decimal commas; .* reads it"),
        (",", '"{}"', "its numbers have decimal commas; .* reads it"),
    ],
)
def test_decimal_commas_are_reported(delimiter: str, cell: str, reason: str, tmp_path: Path) -> None:
    numbers = [cell.format(str(value).replace(".", ",")) for value in SPECTRUM]
    (tmp_path / "f.csv").write_text("".join(f"{delimiter.join(cells)}\n" for cells in (HEADER, ["a", *numbers])))
    with pytest.raises(ValueError, match=reason):
        explore_file(tmp_path / "f.csv")


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([["DRIFT of soils"], HEADER], ("line 1 is a title above the header", "'DRIFT of soils'", "reads it")),
        ([["Survey", "2024", *[""] * 33], HEADER], ("line 1 is a title above the header", "reads it")),
        ([[HEADER[0], *(f"{name} cm-1" for name in HEADER[1:])]], ("state a unit: '4000 cm-1'", "reads it")),
        (
            [[HEADER[0], *(f"{name} cm-1" for name in [*HEADER[1:-1], "800"])]],
            ("state a unit: '4000 cm-1'", "1 repeated channel: 800; keep one of each"),
        ),
        ([[HEADER[0], *(f"{name} THz" for name in HEADER[1:])]], ("'4000 THz'", "converts cm-1, nm and um")),
        ([[HEADER[0], *(f'"{int(name):,}.5"' for name in HEADER[1:])]], ("not plain numbers: '4,000.5'", "reads it")),
        ([["X,Y"]], ("not a data file in the challenge's schema", "reads it")),
        ([["wavenumber,reflectance"]], ("needs an option: ", "--convert")),
        ([["Frequency (THz),A"]], ("the axis 'Frequency (THz)' is a frequency, which is not supported",)),
        ([["##TITLE=quartz"], ["##JCAMP-DX=4.24"], ["X,Y"]], ("this is JCAMP-DX, which is not supported",)),
    ],
)
def test_a_file_that_must_be_imported_first_is_reported_in_one_line(
    lines: list[list[str]], parts: tuple[str, ...], tmp_path: Path
) -> None:
    spectra = [["a", *map(str, SPECTRUM)], ["b", *map(str, SPECTRUM[::-1])]]
    columns = [[name, str(value)] for name, value in zip(HEADER[1:], SPECTRUM, strict=True)]
    body = columns if len(lines[-1]) == 1 else spectra
    (tmp_path / "f.csv").write_text("".join(f"{','.join(cells)}\n" for cells in [*lines, *body]))
    result = recore("explore", tmp_path / "f.csv", "--out", tmp_path / "r.html")
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("recore: "))
    assert result.returncode == 2
    assert all(part in line for part in parts)
    assert ("`python -m recore import FILE --out NEW.csv.gz`" in line) == parts[-1].startswith(
        ("reads it", "conv", "--")
    )
    assert not (tmp_path / "r.html").exists()


def test_utf_16_is_reported(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("\n".join([",".join(HEADER), ",".join(["a", *map(str, SPECTRUM)])]), "utf-16")
    result = recore("explore", tmp_path / "f.csv", "--out", tmp_path / "r.html")
    assert "this is UTF-16 text; `python -m recore import FILE --out NEW.csv.gz` reads it" in result.stderr
