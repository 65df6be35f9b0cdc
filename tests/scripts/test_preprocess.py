"""preprocess.py, and the inputs that it computes from each row."""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT, copy_scripts, run
from support.data_files import write_csv
from support.scripts import run_here

import preprocess
import score


def lines_of(data: pd.DataFrame, folder: Path, name: str) -> list[str]:
    """Return the lines that preprocess.py writes for a frame of raw data."""
    source, output = write_csv(folder / f"{name}.csv.gz", data), folder / f"{name}.csv"
    result = run_here(ROOT / "preprocess.py", "--input", source, "--output", output, cwd=folder)
    assert result.returncode == 0, result.stderr
    return output.read_text().splitlines()


def test_inputs_are_only_bins_and_targets_are_the_49_in_order(sample: Path, public: pd.DataFrame) -> None:
    inputs, targets = preprocess.preprocess(sample / "public/public.csv.gz")
    assert inputs.shape == (len(public), 424 // preprocess.BIN)
    assert all(name.startswith("bin_") for name in inputs.columns)
    assert set(inputs.dtypes.astype(str)) == {"float64"}
    pd.testing.assert_index_equal(inputs.index, public.index, check_names=False)
    assert tuple(targets.columns) == preprocess.TARGETS == score.TARGETS
    np.testing.assert_array_equal(targets, public[list(score.TARGETS)])


def test_private_data_have_no_targets(sample: Path) -> None:
    inputs, targets = preprocess.preprocess(sample / "private/private.csv.gz")
    assert targets is None
    assert len(inputs)


def test_missing_targets_are_nan(public: pd.DataFrame, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "some.csv.gz", public.drop(columns=["AgPPM", "YPPM"]))
    _, targets = preprocess.preprocess(path)
    assert tuple(targets.columns) == preprocess.TARGETS
    assert targets[["AgPPM", "YPPM"]].isna().all(axis=None)


def test_bins_are_sums_divided_by_the_maximum_above_the_window(public: pd.DataFrame, tmp_path: Path) -> None:
    channels = [name for name in public if name.replace(".", "").isdigit()]
    peak_below_the_window = {channels[-1]: 9.0}
    spectra = public.assign(**peak_below_the_window)
    inputs, _ = preprocess.preprocess(write_csv(tmp_path / "public.csv.gz", spectra))
    row, width = spectra[channels].iloc[5], preprocess.BIN
    maximum = max(value for name, value in row.items() if float(name) > preprocess.MAXIMUM_ABOVE)
    starts = range(0, len(channels) - width + 1, width)
    expected = [sum(row.iloc[start : start + width]) / maximum for start in starts]
    np.testing.assert_allclose(inputs.iloc[5], expected, atol=0.51 * 10**-preprocess.DECIMALS)
    ends = [(float(channels[start]), float(channels[start + width - 1])) for start in starts]
    assert list(inputs.columns) == [f"bin_{first}_{last}" for first, last in ends]


@pytest.mark.parametrize("seed", range(100))
def test_bins_of_a_row_do_not_depend_on_other_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.integers(1, 10)
    spectra = random.integers(-1_000_000, 4_000_001, (random.integers(preprocess.BIN, 41), rows)) / 1e6
    spectra[random.random(spectra.shape) < random.choice([0.0, 0.5, 0.95])] = 0.0
    wavenumbers, row = np.linspace(4000, 600, len(spectra)), random.integers(rows)
    _, single_bins = preprocess.to_bins(np.ascontiguousarray(spectra[:, [row]]), wavenumbers)
    names, all_bins = preprocess.to_bins(spectra, wavenumbers)
    np.testing.assert_array_equal(all_bins[:, row], single_bins[:, 0])
    assert len(single_bins) == len(names) == len(spectra) // preprocess.BIN


@pytest.fixture(scope="module")
def all_lines(public: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the lines of all public rows."""
    return lines_of(public, tmp_path_factory.mktemp("whole"), "whole")


@pytest.mark.parametrize("seed", range(8))
def test_output_lines_do_not_depend_on_other_rows_or_column_order(
    seed: int, public: pd.DataFrame, all_lines: list[str], tmp_path: Path
) -> None:
    random = np.random.default_rng(seed)
    rows = random.permutation(len(public))[: random.integers(1, 60)]
    columns = random.permutation(public.shape[1])
    subset_lines = lines_of(public.iloc[rows, columns], tmp_path, "part")
    assert subset_lines[0] == all_lines[0]
    assert subset_lines[1:] == [all_lines[1 + row] for row in rows]


def test_the_file_contains_the_same_numbers_as_the_inputs_in_memory(project: Path) -> None:
    inputs, _ = preprocess.preprocess(project / "data/public/public.csv.gz")
    file = pd.read_csv(project / "data/preprocess/public.csv", index_col=0, float_precision="round_trip")
    pd.testing.assert_frame_equal(file, inputs, check_exact=True, check_names=False)
    read_by_default = pd.read_csv(project / "data/preprocess/public.csv", index_col=0)
    pd.testing.assert_frame_equal(read_by_default, inputs, check_exact=True, check_names=False)


def test_column_names_are_not_numbers(project: Path) -> None:
    with open(project / "data/preprocess/public.csv", newline="") as file:
        index, *names = next(csv.reader(file))
    assert index == ""
    assert not any(name.replace(".", "").isdigit() for name in names)


def test_a_text_index_is_kept(public: pd.DataFrame, tmp_path: Path) -> None:
    renamed = public.iloc[:3].set_axis(["007", "a,b", 'say "x"'])
    inputs, targets = preprocess.preprocess(write_csv(tmp_path / "named.csv.gz", renamed))
    assert list(inputs.index) == list(targets.index) == ["007", "a,b", 'say "x"']
    rows = list(csv.reader(lines_of(renamed, tmp_path, "named")))
    assert [row[0] for row in rows[1:]] == ["007", "a,b", 'say "x"']


def test_an_index_becomes_numbers_only_if_its_text_stays_the_same() -> None:
    for labels, kind in ((["3", "-4"], "int64"), (["0007", "8"], "object"), (["9" * 30, "8"], "object")):
        index = pd.Index(labels)
        assert str(read_index(index).dtype) == kind
        assert list(read_index(index).astype(str)) == labels


def read_index(index: pd.Index) -> pd.Index:
    """Return an index as preprocess() returns it."""
    columns = {"": index, **{f"{4000 - number}": 1.0 for number in range(preprocess.BIN)}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        return preprocess.preprocess(path)[0].index


def test_targets_in_private_data_change_nothing(public: pd.DataFrame, tmp_path: Path) -> None:
    subset = public.iloc[:20]
    private, changed = subset.drop(columns=list(score.TARGETS)), subset.assign(CuPPM="assayed twice")
    expected = lines_of(private, tmp_path, "without")
    assert lines_of(subset, tmp_path, "with") == lines_of(changed, tmp_path, "spoilt") == expected


def test_preprocess_py_runs_alone_in_an_empty_folder(sample: Path, tmp_path: Path) -> None:
    folder = copy_scripts(tmp_path / "job", "preprocess.py")
    output = tmp_path / "deep" / "er" / "public.csv"
    arguments = ("--input", sample / "private/private.csv.gz", "--output", output, "--epochs", 3)
    result = run("-P", folder / "preprocess.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert output.exists()


def test_step_2_does_not_import_pandas(sample: Path, tmp_path: Path) -> None:
    arguments = ["--input", str(sample / "private/private.csv.gz"), "--output", str(tmp_path / "public.csv")]
    code = (
        f"import sys; sys.argv[1:] = {arguments}; import preprocess; preprocess.main(); print('pandas' in sys.modules)"
    )
    result = run("-c", code, cwd=ROOT)
    assert result.stdout.splitlines()[-1] == "False", result.stderr


@pytest.mark.timing
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        header = ["", "DepthTo", "SiteID", "DepthFrom", *(f"{4000 - 2 * channel}.0" for channel in range(1700))]
        line = "1,2,DD001,1," + ",".join(f"{0.1 + channel / 3000:.6f}" for channel in range(1700))
        path = tmp_path / f"{rows}.csv"
        with open(path, "w") as file:
            file.write(",".join(header) + "\n")
            file.writelines(line + "\n" for _ in range(rows))
        code = f"""
import resource, sys
sys.argv = ["preprocess.py", "--input", {str(path)!r}, "--output", {str(tmp_path / "out.csv")!r}]
sys.path.insert(0, {str(ROOT)!r})
import preprocess
preprocess.main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
        return int(subprocess.check_output([sys.executable, "-c", code]).split()[-1])

    assert peak(40_000) < 1.15 * peak(12_000)
