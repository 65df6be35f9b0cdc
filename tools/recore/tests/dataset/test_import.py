"""`recore import` turns spectra and an assay table into a data file."""

import gzip
from pathlib import Path

import numpy as np
import preprocess
import score
from recore_support.import_runs import X, absorbance, import_command, run_import, write_opus
from recore_support.run_command import run_on_terminal

from recore.dataset.instruments.reading_options import ReadingOptions


def test_rows_follow_the_tables_order_and_have_all_columns_in_the_schema(folder: Path) -> None:
    result, data = run_import(folder, replicates="mean")
    assert not result.problems
    assert list(data.columns) == ["DepthTo", "SiteID", "DepthFrom", *(f"{x:.1f}" for x in X), *score.TARGETS]
    assert list(data.index) == ["b", "a"]
    np.testing.assert_allclose(data.loc["a", "4000.0":"600.0"].astype(float), absorbance(X, 1.1), atol=1e-6)
    np.testing.assert_allclose(data.loc["b", "4000.0":"600.0"].astype(float), absorbance(X, 0.6), atol=1e-6)
    assert list(data["CuPPM"]) == [120, 0.25]
    assert data["FePCT"].isna().tolist() == [False, True]
    assert data[[name for name in score.TARGETS if name not in ("CuPPM", "FePCT")]].isna().all(axis=None)
    assert list(data["DepthFrom"]) == [0, 1.5]
    assert any("<0.5" in remark for remark in result.remarks)
    inputs, targets = preprocess.preprocess(folder / "out.csv.gz")
    assert inputs.shape == (2, 12)
    assert list(targets.index) == ["b", "a"]


def test_spectra_are_imported_without_a_table_or_without_assays(folder: Path) -> None:
    _, data = run_import(folder, table="", replicates="mean")
    assert list(data.columns) == [f"{x:.1f}" for x in X]
    assert list(data.index) == ["a", "b"]
    assert preprocess.preprocess(folder / "out.csv.gz")[1] is None
    table_without_assays = "index,sample,SiteID,DepthFrom,DepthTo\n7,a,D1,0,1\n3,b,D1,1,2\n"
    _, data = run_import(folder, table=table_without_assays, replicates="mean")
    assert list(data.columns)[:4] == ["DepthTo", "SiteID", "DepthFrom", "4000.0"]
    assert list(data.index) == [7, 3]
    assert not set(score.TARGETS) & set(data.columns)


def test_replicates_are_rejected_averaged_or_kept_as_rows(folder: Path) -> None:
    result, _ = run_import(folder)
    assert [problem.reason.partition(";")[0] for problem in result.problems[:-1]] == [
        "2 of 2 samples have several spectra (2 of 'a', for example)"
    ]
    _, data = run_import(folder, replicates="each")
    assert list(data.index) == ["b:0", "b:1", "a:0", "a:1"]
    assert list(data["CuPPM"]) == [120, 120, 0.25, 0.25]
    np.testing.assert_allclose(data.loc["b:1", "1040.0"], absorbance(1040.0, 0.7), atol=1e-6)
    assert data["1040.0"].nunique() == 4


def test_a_pattern_extracts_sample_and_replicate_from_a_name(folder: Path) -> None:
    for name in ("2024_x_rep1.dat", "2024_x_rep2.dat"):
        write_opus(folder / name)
    pattern = r"\d+_(?P<sample>\w+)_rep(?P<replicate>\d)\.dat"
    files = ("2024_x_rep1.dat", "2024_x_rep2.dat")
    paths = [folder / file for file in files]
    result = import_command(*paths, "--name", pattern, "--replicates", "mean", "--out", folder / "o.gz")
    assert result.exit_code == 0, result.stderr
    assert "1 row of 86 channels, 4000.0 to 600.0 cm-1 from 2 spectra" in result.stdout
    for invalid_pattern, reason in {"(": "not a valid regular expression", "x": "has no group"}.items():
        result = import_command(folder / "spectra", "--name", invalid_pattern, "--out", folder / "p.gz")
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert reason in result.stderr


def test_the_same_replicate_twice_is_reported(folder: Path) -> None:
    write_opus(folder / "other/a.0")
    result, _ = run_import(folder, "spectra", "other", replicates="mean")
    (problem,) = result.problems
    assert problem.source.endswith("other/a.0")
    assert "sample 'a', replicate 0 is already in" in problem.reason
    write_opus(folder / "third/a")
    result, _ = run_import(folder, "spectra", "third/a", table="", replicates="each")
    (problem,) = result.problems  # otherwise two rows would have the name a:0
    assert "sample 'a' is already in" in problem.reason


def test_numbers_have_six_decimals_and_no_negative_zero(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(
        "sample," + ",".join(map(str, range(4000, 3300, -100))) + "\na,-1e-9,1,2,3,0.1,0,0.12345678\n"
    )
    run_import(tmp_path, "all.csv", table="")
    with gzip.open(tmp_path / "out.csv.gz", "rt") as file:
        assert file.read().splitlines()[1] == '"a",0,1,2,3,0.1,0,0.123457'


def test_a_block_of_zeros_in_some_spectra_is_noted(tmp_path: Path) -> None:
    x = np.linspace(4000, 600, 341)
    rows = np.array([absorbance(x, 0.5 + index / 40) for index in range(40)])
    rows[:10, 100:200] = 0
    header = ",".join(["sample", *(f"{value:.1f}" for value in x)])
    lines = [",".join([f"a{index}", *(f"{value:.6f}" for value in row)]) for index, row in enumerate(rows)]
    (tmp_path / "table.csv").write_text("\n".join([header, *lines]))
    result, data = run_import(tmp_path, "table.csv", table="")
    run = "100 channels of exactly 0 (2010.0 to 3000.0 cm-1)"
    assert [f"10 of 40 spectra have {run}: a0, a1, a2, a3, a4 and 5 more"] == result.remarks
    assert len(data) == 40


def test_spectra_that_look_like_reflectance_are_asked_about(tmp_path: Path) -> None:
    for sample in "ab":
        x = np.linspace(4000, 600, 400)
        rows = zip(x, 10 ** -absorbance(x), strict=True)
        (tmp_path / f"{sample}.csv").write_text("".join(f"{a},{b}\n" for a, b in rows))
    result, data = run_import(tmp_path, "a.csv", "b.csv", table="")
    (problem,) = result.problems
    assert "2 of 2 spectra look like reflectance: highest where rocks and soils absorb least" in problem.reason
    assert problem.question == "quantity"
    assert data is None
    for sample in "cde":
        rows = zip(x, absorbance(x), strict=True)
        (tmp_path / f"{sample}.csv").write_text("".join(f"{a},{b}\n" for a, b in rows))
    result, _ = run_import(tmp_path, *(f"{sample}.csv" for sample in "acde"), table="")
    assert any("a.csv) look like reflectance" in note for note in result.remarks)
    _, data = run_import(tmp_path, "a.csv", "b.csv", table="", reading=ReadingOptions(convert="none"))
    np.testing.assert_allclose(data.loc["a"], 10 ** -absorbance(x), atol=1e-6)
    result, data = run_import(tmp_path, "a.csv", "b.csv", table="", reading=ReadingOptions(convert="fraction"))
    assert not result.problems
    np.testing.assert_allclose(data.loc["a"], absorbance(x), atol=1e-6)


def test_equal_input_gives_equal_bytes_and_never_overwrites(folder: Path) -> None:
    run_import(folder, replicates="mean")
    content = (folder / "out.csv.gz").read_bytes()
    assert content[4:8] == bytes(4)  # gzip's header contains no time
    run_import(folder, replicates="mean")
    assert (folder / "out.csv.gz").read_bytes() == content
    result = import_command(folder / "spectra", "--replicates", "mean", "--out", folder / "out.csv.gz")
    assert result.exit_code == 2
    assert "--force" in result.stderr
    (folder / "spectra/a.1").write_bytes(b"")
    result = import_command(folder / "spectra", "--replicates", "mean", "--out", folder / "out.csv.gz", "--force")
    assert result.exit_code == 1
    assert (folder / "out.csv.gz").read_bytes() == content


def test_progress_is_shown_only_on_a_terminal(folder: Path) -> None:
    arguments = ("import", folder / "spectra", "--replicates", "mean", "--out", folder / "o.csv.gz")
    status, out, terminal = run_on_terminal(*arguments)
    assert status == 0
    assert "\x1b[" in terminal
    assert "100%" in terminal
    assert "\x1b" not in out
