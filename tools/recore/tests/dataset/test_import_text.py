"""Spectra as text: two columns or a table, units, directions, decimal commas, and text without a spectrum."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.measuring import cpu_seconds
from stagemaker_support.fuzzing import examples

from recore.dataset.grammar import Ambiguity
from recore.dataset.instruments.files import read_file
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Problem, Spectrum
from recore.dataset.text_table import open_table

X = np.linspace(4000, 600, 50)
Y = 0.4 + np.exp(-(((X - 1050) / 120) ** 2))


def read_items(path: Path, content: str | bytes, **options: str) -> list[Spectrum | Problem]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_file(path, ReadingOptions(**options)))


def read_spectrum(folder: Path, content: str | bytes, name: str = "soil.csv", **options: str) -> Spectrum:
    (item,) = read_items(folder / name, content, **options)
    assert isinstance(item, Spectrum), item
    return item


def rejection(folder: Path, content: str | bytes, **options: str) -> str:
    (item,) = read_items(folder / "soil.csv", content, **options)
    assert isinstance(item, Problem), item
    assert "\n" not in item.reason
    return item.reason


def columns(x: np.ndarray = X, y: np.ndarray = Y, separator: str = ",", header: str = "") -> str:
    return header + "".join(f"{a!r}{separator}{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def test_a_rising_axis_is_reversed_with_a_remark(tmp_path: Path) -> None:
    for x, y, is_reversed in ((X, Y, False), (X[::-1], Y[::-1], True)):
        spectrum = read_spectrum(tmp_path, columns(x, y), "rock.2.csv")
        assert (spectrum.sample, spectrum.replicate, bool(spectrum.remarks)) == ("rock", "2", is_reversed)
        np.testing.assert_array_equal(spectrum.wavenumbers, X)
        np.testing.assert_array_equal(spectrum.absorbance, Y)


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1e7), ("um", 1e4)])
def test_wavelengths_are_converted_if_the_file_or_the_user_declares_them(
    tmp_path: Path, unit: str, factor: float
) -> None:
    x = factor / X
    spectrum = read_spectrum(tmp_path, columns(x), unit=unit)
    np.testing.assert_allclose(spectrum.wavenumbers, X)
    np.testing.assert_array_equal(spectrum.absorbance, Y)
    assert spectrum.remarks == (f"the axis was converted from {unit} to cm-1",)
    header = {"nm": "Wavelength [nm],Absorbance\n", "um": "\u00b5m,A\n"}[unit]
    np.testing.assert_allclose(read_spectrum(tmp_path, columns(x, header=header)).wavenumbers, X)
    other_unit = "um" if unit == "nm" else "nm"
    (spectrum,) = read_items(tmp_path / "soil.csv", columns(x, header=f"{other_unit},A\n"), unit=unit)
    assert f"the axis was read in {unit}, because of --unit, although the file states {other_unit}" in spectrum.remarks
    assert "without a unit" in rejection(tmp_path, columns(x, header="wavelength,A\n"))


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (1e4 / X, "looks like micrometres"),
        (np.linspace(350, 2500, 50), "in nm or cm-1"),
        (np.append(X[:-1], X[0] - 1), "is not monotonic; check the value 3999"),
        (np.append(X[:-1], X[0]), "1 repeated channel: 4000; keep one of each"),
        (np.append(X[:-1], X[-2]), "1 repeated channel: "),
        (X - 700, "positive"),
        (np.linspace(-244.4, 2041.8, 50), "the axis has the value -244.4, but wavenumbers and"),
        (np.linspace(0.5, 4000, 50), "do not belong to an optical spectrum"),
        (np.geomspace(600, 5000, 50), "in nm or cm-1"),
        (1e7 / (X + 200), "in nm or cm-1"),
        (2700 + 100.0 * np.arange(50), "in nm or cm-1"),
        (2500 - 4.0 * np.arange(50), "in nm or cm-1"),
        (np.arange(1.0, 51), "are channel numbers"),
        (np.arange(50.0, 0, -1), "are channel numbers"),
        (np.linspace(9000, 25000, 50), "has no unit and exceeds 15,000, so it could be in nm"),
        (np.linspace(25000, 9000, 50), "25000"),
        (np.linspace(25000, 9000, 50), "--unit nm or --unit cm-1"),
    ],
)
def test_ambiguous_axes_are_rejected(tmp_path: Path, x: np.ndarray, reason: str) -> None:
    assert reason in rejection(tmp_path, columns(x))


@pytest.mark.parametrize(
    ("header", "axis"),
    [
        ("Energy (meV)", "an energy"),
        ("Frequency (THz)", "a frequency"),
        ("Raman shift (cm-1)", "a Raman shift"),
        ("2theta", "a diffraction angle"),
        ("m/z", "a mass-to-charge ratio"),
        ("Retention time (min)", "a time"),
    ],
)
def test_unsupported_axes_are_reported_without_an_option(tmp_path: Path, header: str, axis: str) -> None:
    reason = rejection(tmp_path, columns(header=f"{header},A\n"))
    assert f"the axis {header!r} is {axis}" in reason
    assert "--unit" not in reason


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["nm,Reflectance,STD_DEV", *(f"{x},0.5,0.01" for x in X[::-1])],
            "the column 'STD_DEV' is not a spectrum; remove it",
        ),
        (
            ["Wavenumber (cm-1),Wavelength (um),A", *(f"{x},{1e4 / x},0.5" for x in X)],
            "'Wavelength (um)' is a second axis next to 'Wavenumber (cm-1)'; remove it",
        ),
        ([f"{x},0.5,0.01" for x in X], "line 1 has only numbers; a table of spectra needs a header"),
        (
            [",a,a,a,a,a,a,a", "sample,4000,3900,3800,3700,3600,3500,3400", "R1" + ",.1,.2" * 3 + ",.4"],
            "line 1 is above the header with the channels; remove it",
        ),
        (["cm-1,Abs,Width", "3620,.1,30", "3413,.2,40", "2927,.1,9", "1634,.3,8"], "as in a list of peaks; export"),
        (["sample,4000,3900", "Mean,.1,.2"], "'Mean' is a statistic of samples, not a sample; remove the line"),
    ],
)
def test_lines_and_columns_without_a_spectrum_are_reported(tmp_path: Path, lines: list[str], reason: str) -> None:
    assert reason in rejection(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("header", ["Reflectance", "%R", "Transmittance", "% T"])
def test_the_header_names_the_quantity(tmp_path: Path, header: str) -> None:
    content = columns(y=10 ** (2 - Y), header=f"cm-1,{header}\n")
    assert "but absorbance is expected" in rejection(tmp_path, content)
    np.testing.assert_allclose(read_spectrum(tmp_path, content, convert="percent").absorbance, Y)
    assert "are not absorbance" in rejection(tmp_path, columns(y=10 ** (2 - Y)))
    assert "already contains absorbance" in rejection(tmp_path, columns(header="cm-1,Absorbance\n"), convert="fraction")


TABLE = "sample,operator,3000.5,X2000,1000\na,me,1,2,3\nb,me,4,5,6\na,you,7,8,9\n"


def test_a_table_with_one_spectrum_per_line_is_read(tmp_path: Path) -> None:
    spectra = read_items(tmp_path / "all.csv", TABLE)
    assert [(item.sample, item.replicate) for item in spectra] == [("a", "0"), ("b", "0"), ("a", "1")]
    assert [item.source[-6:] for item in spectra] == ["line 2", "line 3", "line 4"]
    np.testing.assert_array_equal(spectra[2].wavenumbers, [3000.5, 2000, 1000])
    np.testing.assert_array_equal(spectra[2].absorbance, [7, 8, 9])
    assert "not wavenumbers were ignored: operator" in spectra[0].remarks[0]
    (remark,) = read_items(tmp_path / "all.csv", TABLE.replace("operator", "o" * 20_000))[0].remarks
    assert remark.endswith(f": {'o' * 40}")
    reversed_table = read_items(tmp_path / "all.csv", "id;1000,5;3000\nx;0,1;0,2\n")
    np.testing.assert_array_equal(reversed_table[0].wavenumbers, [3000, 1000.5])
    np.testing.assert_array_equal(reversed_table[0].absorbance, [0.2, 0.1])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ("a;0,5;0,6\nb;1.234,5;7", [1234.5, 7]),
        ("a;0,5;0,6\nb;1.234;7", [1234, 7]),
        ("a;0.5;0.6\nb;1,234;7", [1234, 7]),
        ("a;0.5;0.6\nb;1,234.5;7", [1234.5, 7]),
        ("a;0,5;0,6\nb;1 234,5;1'234", [1234.5, 1234]),
        ("a;1.234;0\nb;56789;7", [56789, 7]),  # a column with thousands marks would have one here
        ("a;1.234.567;0\nb;12;7", [12, 7]),
    ],
)
def test_the_numbers_of_a_file_decide_on_its_decimal_mark(tmp_path: Path, cells: str, values: list[float]) -> None:
    path = tmp_path / "marks.csv"
    path.write_text("sample;CuPPM;ZnPPM\n" + cells)
    table = open_table(path)
    assert [table.marks.parse(cell) for cell in list(table.lines())[-1][1][1:]] == values


@pytest.mark.parametrize("csv_dir", ["a;1.234;2\n", "a;1,234;2\n", "a;0,5;1\nb;0.5;1\n", "a;0,5;1\nb;1234.5;1\n"])
def test_a_decimal_mark_that_nothing_decides_is_asked_about(tmp_path: Path, csv_dir: str) -> None:
    path = tmp_path / "marks.csv"
    path.write_text("sample;CuPPM;ZnPPM\n" + csv_dir)
    with pytest.raises(Ambiguity, match=r"--decimal point or --decimal comma|use one decimal mark$") as question:
        open_table(path)
    assert question.value.id == "decimal"
    cells = list(open_table(path, "point").lines())[-1][1]
    assert cells == csv_dir.split()[-1].split(";")
    path.write_text("sample,CuPPM,ZnPPM\n" + csv_dir.replace(",", "").replace(";", ","))
    assert open_table(path).marks.decimal == "."  # commas separate the cells


def test_each_invalid_line_of_a_table_is_a_problem(tmp_path: Path) -> None:
    content = TABLE + "c,me,1,,3\nd,me,1,2\n,me,1,2,3\ne,me,1,2,nan\nf,me,1,2,5\n"
    spectra = read_items(tmp_path / "all.csv", content)
    reasons = [item.reason for item in spectra if isinstance(item, Problem)]
    assert reasons == [
        "column 'X2000': '' is not a number",
        "the line has 4 cells, but the header has 5",
        "column 'sample': the cell is empty",
        "column '1000': 'nan' is not a number",
    ]
    assert spectra[-1].sample == "f"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\n\n", "the file is empty"),
        ("x\n", "two columns"),
        ("cm-1,A\n", "no line contains two numbers"),
        (columns() + "600\n", "line 51"),
        (columns() + "590,abc\n", "line 51"),
        (columns() + "590,nan\n", "line 51"),
        ("3997,4\t0,12,3\n3990,1\t0,5\n", "line 1"),
        ("a,b,c\n1,2,3\n", "not the header of a table"),
        ("sample,4000,3000,3000,2000\na,1,2,3,4\n", "1 repeated channel: 3000"),
        ("sample,4000.0,4000.0.1,3000\na,1,2,3\n", "'4000.0.1' repeats the channel '4000.0'"),
        ("sample,4000 THz,3000 THz\na,1,2\n", "the unit in the names of channels, such as '4000 THz', is unknown"),
        ("sample,4000,3000\n", "the table has a header but no spectra"),
        ('sample,4000,3000\n"a,1,2\n', "line 2"),
        ('sample,operator,4000,3000\na,",1,2\nb,",3,4\n', "line 2: the quotation marks of a cell are not closed"),
        ("1,2,3\n4,5,6\n", "line 1 has only numbers"),
        ("a" * (1 << 23), "longer than"),
        (b"\x89PNG\r\n\x1a\n\x00", "neither a Bruker OPUS file nor text"),
        (b"\x1f\x8b\x08\x00\x00\x00", "gzip file is truncated or damaged"),
        (columns(header="cm-1,Kubelka-Munk\n"), "it contains Kubelka-Munk values, but absorbance is expected"),
        ("wavenumber,a,b\n4000,1,2\n", "transpose the table"),
        ("sample,2,1,0,-1,-2\na,1,2,3,4,5\n", "the axis has the value -1, but wavenumbers and wave"),
        ("sep=;\n", "the file is empty"),
        (";;;\n;;;\n", "the file is empty"),
    ],
)
def test_text_without_a_spectrum_is_rejected(tmp_path: Path, content: str | bytes, reason: str) -> None:
    assert reason in rejection(tmp_path, content)


@examples(200)
@given(st.text(alphabet='019.,;\t\n "-eXsample#\u00b5', max_size=200))
def test_any_text_is_a_spectrum_or_a_problem(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    result = read_items(tmp_path_factory.getbasetemp() / "any.csv", content)
    assert result
    for item in result:
        if isinstance(item, Spectrum):
            assert np.isfinite(item.absorbance).all()
            assert (np.diff(item.wavenumbers) < 0).all()
        else:
            assert item.reason
            assert "\n" not in item.reason


def test_a_file_whose_name_does_not_match_is_rejected(tmp_path: Path) -> None:
    assert "does not match --name" in rejection(tmp_path, columns(), name="(?P<sample>rock.*)")


@pytest.mark.timing
def test_a_large_table_does_not_take_much_longer_than_pandas(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    header = "sample," + ",".join(f"{x:.1f}" for x in np.linspace(4000, 600, 1700)) + "\n"
    line = ",".join(f"{0.1 + i / 2000:.6f}" for i in range(1700)) + "\n"
    path.write_text(header + "".join(f"s{row},{line}" for row in range(3000)))
    pandas_seconds = cpu_seconds(lambda: pd.read_csv(path, index_col=0, float_precision="round_trip"), repeats=1)
    spectra = []
    import_seconds = cpu_seconds(lambda: spectra.extend(read_file(path, ReadingOptions())), repeats=1)
    assert sum(isinstance(item, Spectrum) for item in spectra) == 3000
    assert import_seconds < 8 * pandas_seconds
