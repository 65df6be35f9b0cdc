"""`recore import`: spectra on different grids, and spectra interpolated to the channels of another data file."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from recore_support.import_runs import X, absorbance, run_import, write_opus


def test_different_grids_are_rejected_or_interpolated_and_never_extrapolated(folder: Path) -> None:
    shifted_grid = np.linspace(3993, 617, 83)
    write_opus(folder / "spectra/b.1", 0.7, shifted_grid)
    result, _ = run_import(folder, replicates="mean")
    (problem,) = [problem for problem in result.problems if "b.1" in problem.source]
    assert "83 channels, 3993.0 to 617.0 cm-1" in problem.reason
    result, data = run_import(folder, replicates="each", interpolate=True)
    assert not result.problems
    assert any("1 of 4 spectra: interpolated to " in remark for remark in result.remarks)
    assert any("3 of 4 spectra: cut" in remark for remark in result.remarks)
    names = [name for name in data if name[0].isdigit()]
    assert (names[0], names[-1]) == ("3960.0", "640.0")
    on_grid = absorbance(np.array(names, dtype=float), 0.7)
    np.testing.assert_allclose(data.loc["b:1", names].astype(float), on_grid, atol=2e-3)
    np.testing.assert_allclose(
        data.loc["a:0", names].astype(float), absorbance(np.array(names, dtype=float)), atol=1e-6
    )


def test_grids_that_differ_only_by_laser_calibration_count_as_equal(folder: Path) -> None:
    write_opus(folder / "spectra/b.1", 0.7, X + 0.1)  # channels are 40 apart
    result, data = run_import(folder, replicates="each")
    assert not result.problems
    assert "4000.0" in data.columns


def test_a_gap_is_not_filled_and_coarse_spectra_are_reported(folder: Path) -> None:
    for name, lower, upper in (("c", 2280, 2400), ("e", 3900, 4045)):  # within, and before the last channel
        lines = [f"{x},{absorbance(x)}\n" for x in np.linspace(4050, 550, 300) if not lower < x < upper]
        (folder / f"spectra/{name}.csv").write_text("".join(lines))
    write_opus(folder / "spectra/d.0", x=np.linspace(4100, 500, 41))
    result, data = run_import(folder, table="", replicates="mean", interpolate=True, keep_going=True)
    assert {Path(problem.source).name: problem.reason for problem in result.problems} == {
        "c.csv": "it has no channel between 2411.2 and 2270.7 cm-1, but the grid does",
        "e.csv": "it has no channel between 4050.0 and 3897.8 cm-1, but the grid does",
    }
    assert any("1 of 7 spectra" in remark and "the spline adds no detail" in remark for remark in result.remarks)
    assert list(data.index) == ["a", "b", "d"]


def test_a_spectrum_outside_the_common_range_does_not_stop_the_import(folder: Path) -> None:
    write_opus(folder / "spectra/b.1", x=np.linspace(550, 400, 80), height=1e6)
    write_opus(folder / "spectra/b.2", x=np.linspace(4000, 3900, 80))
    result, data = run_import(folder, replicates="mean", interpolate=True, keep_going=True)
    assert [problem.source[-3:] for problem in result.problems] == ["b.1", "b.2"]
    assert all("spectra are not extrapolated" in problem.reason for problem in result.problems)
    assert len([name for name in data if name[0].isdigit()]) == len(X)


def test_too_few_channels_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("sample,4000,3000,2000\na,1,2,1\n")
    with pytest.raises(ValueError, match=r"few\.csv line 2: 3 channels; 7 or more are required"):
        run_import(tmp_path, "few.csv", table="")


def test_spectra_are_imported_on_the_channels_of_another_file(folder: Path) -> None:
    run_import(folder, replicates="mean")
    like_file = (folder / "out.csv.gz").rename(folder / "like.csv.gz")
    write_opus(folder / "new/n.0", x=np.linspace(4080, 520, 90))  # the same spacing, over a wider range
    write_opus(folder / "new/m.0", x=np.linspace(4100, 500, 200))
    result, _ = run_import(folder, "new", table="", like=like_file)
    assert [problem.source[-3:] for problem in result.problems] == ["m.0"]
    result, data = run_import(folder, "new", table="", like=like_file, interpolate=True)
    assert not result.problems
    assert list(data.columns) == [f"{x:.1f}" for x in X]
    np.testing.assert_allclose(data.to_numpy(), np.tile(absorbance(X), (2, 1)), atol=1e-4)
    write_opus(folder / "new/o.0", x=np.linspace(3900, 500, 200))
    result, _ = run_import(folder, "new", table="", like=like_file, interpolate=True)
    assert "spectra are not extrapolated" in result.problems[0].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not a table", "the first line must be a header: an index and columns"),
        (gzip.compress(b",SiteID\n"), "there are 0"),
        (gzip.compress(b",SiteID,depth\n"), "'depth' is not"),
        (gzip.compress(b",4000,3000\n"), "there are 2"),
        (gzip.compress(b",4000.0,3000.0\n")[:12], "the gzip file is truncated"),
    ],
    ids=range(5),  # gzip data contains the time, so test IDs made from it would differ between workers
)
def test_like_rejects_a_file_that_is_not_a_data_file(folder: Path, content: bytes, reason: str) -> None:
    (folder / "like.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        run_import(folder, like=folder / "like.csv.gz")


def test_interpolation_is_not_suggested_if_it_would_be_rejected(folder: Path) -> None:
    write_opus(folder / "spectra/b.1", 0.7, np.linspace(3993, 617, 83))
    like_file = folder / "like.csv.gz"
    with gzip.open(like_file, "wt") as file:
        file.write(",".join(["", *(f"{x:.1f}" for x in X)]) + "\n0" + ",0.5" * len(X) + "\n")
    result, _ = run_import(folder, replicates="mean", like=like_file)
    [problem] = [problem for problem in result.problems if "b.1" in problem.source]
    assert "it covers 3993.0 to 617.0 cm-1, less than the grid" in problem.reason
    assert "--interpolate" not in problem.reason
