"""The effects of lines above a header, of titles and of options on how text files are read."""

import time
from pathlib import Path

import numpy as np
import pytest
from recore_support.import_runs import run_import

from recore.dataset import ReadingOptions, grid_of_names, read_spectra
from recore.dataset.instruments.files import read_file
from recore.dataset.instruments.spectrum import Problem, Spectrum
from recore.dataset.text_table import open_table

X = np.linspace(4000, 600, 35)
Y = 0.4 + np.exp(-(((X - 1050) / 120) ** 2))


def spectrum_of(x: np.ndarray = X) -> str:
    return "".join(f"{a:.1f},{b:.6f}\n" for a, b in zip(x, Y, strict=True))


def table_of(names: str = "sample", first: tuple[str, ...] = ("a", "b", "c"), x: np.ndarray = X) -> str:
    rows = [f"{cells}," + ",".join(f"{value:.6f}" for value in Y) for cells in first]
    return "\n".join([f"{names}," + ",".join(f"{value:.1f}" for value in x), *rows]) + "\n"


def read_one(folder: Path, content: str, **options: str) -> Spectrum | Problem:
    path = folder / "rock.csv"
    path.write_text(content, "utf-8")
    return next(read_file(path, ReadingOptions(**options)))


@pytest.mark.parametrize("x", [np.arange(2400.0, 2365, -1), np.arange(4000.0, 3965, -1)])
def test_a_stated_unit_also_settles_the_layout(tmp_path: Path, x: np.ndarray) -> None:
    content = table_of(x=x)
    assert read_one(tmp_path, content).question == "layout"
    assert isinstance(read_one(tmp_path, content, unit="cm-1"), Spectrum)
    assert isinstance(read_one(tmp_path, "# axis in cm-1\n" + content), Spectrum)


def test_a_table_keeps_its_assays_with_any_option(tmp_path: Path) -> None:
    ids = ("a;H1;0;1;1,450;2,5", "b;H1;1;2;2,450;3,5", "c;H1;2;3;3,450;4,5")
    names = "Name;SiteID;DepthFrom;DepthTo;Cu_ppm;Core"
    header = names + ";" + ";".join(f"{value:.0f}" for value in X)
    rows = [cells + ";" + ";".join(f"1,{value * 100:03.0f}" for value in Y) for cells in ids]
    (tmp_path / "both.csv").write_text("\n".join([header, *rows]))
    result, data = run_import(tmp_path, "both.csv", table="", reading=ReadingOptions(decimal="comma"))
    assert (result.problems, list(data["SiteID"]), list(data["CuPPM"])) == ([], ["H1"] * 3, [1.45, 2.45, 3.45])


def test_the_web_page_rejects_reflectance_like_the_import(tmp_path: Path) -> None:
    path = tmp_path / "rocks.csv"
    reflectance = "\n".join(
        [
            f"sample,SiteID,{','.join(f'{value:.1f}' for value in X)}",
            f"a,H1,{','.join(f'{10**-value:.6f}' for value in Y)}",
        ]
    )
    path.write_text(reflectance)
    found = read_spectra(path, grid_of_names([f"{value:.1f}" for value in X]), 10)
    assert not found.spectra
    assert [problem.question for problem in found.problems] == ["quantity"]


def test_units_below_the_header_are_read_in_a_table_with_spectra_too(tmp_path: Path) -> None:
    lines = table_of("SampleID,HoleID,From,To,Cu", ("a,H1,0,1,0.5", "b,H1,1,2,0.6")).splitlines()
    lines.insert(1, ",,m,m,%" + "," * len(X))
    (tmp_path / "both.csv").write_text("\n".join(lines))
    result, data = run_import(tmp_path, "both.csv", table="")
    assert (result.problems, list(data.index), list(data["CuPPM"])) == ([], ["a", "b"], [5000, 6000])


def test_many_empty_cells_and_comments_are_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("# a\n" * 50_000 + "sample;4000;3000\n" + f"a;1;2{';' * 500_000}\n" * 3)
    start = time.process_time()
    assert [cells for _, cells in open_table(path).lines()][1:] == [["a", "1", "2"]] * 3
    assert time.process_time() - start < 5  # a quadratic algorithm takes minutes


def test_values_that_are_mostly_negative_are_asked_about(tmp_path: Path) -> None:
    content = "".join(f"{a},{b}\n" for a, b in zip(X, Y - Y.mean(), strict=True))
    assert read_one(tmp_path, content).question == "quantity"
    assert isinstance(read_one(tmp_path, content, convert="none"), Spectrum)
    assert isinstance(read_one(tmp_path, "cm-1,absorbance\n" + content), Spectrum)


def test_numbers_of_lines_by_pandas_and_r_are_left_out(tmp_path: Path) -> None:
    lines = [f"{a:.1f},{b:.6f}" for a, b in zip(X, Y, strict=True)]
    pandas = "\n".join([",wavenumber,absorbance", *(f"{n},{line}" for n, line in enumerate(lines))])
    r = "\n".join(
        ['"wavenumber" "absorbance"', *(f'"{n}" {line.replace(",", " ")}' for n, line in enumerate(lines, 1))]
    )
    for content in (pandas, r):
        np.testing.assert_allclose(read_one(tmp_path, content).wavenumbers, X)


def test_a_question_that_many_files_raise_is_asked_once(tmp_path: Path) -> None:
    for index in range(12):
        (tmp_path / f"rock{index}.csv").write_text("cm-1,%R\n" + spectrum_of())
    result, _ = run_import(tmp_path, ".", table="")
    (problem,) = result.problems
    assert problem.reason.startswith("it contains reflectance")
    assert problem.reason.endswith("the same applies to 11 more files")
