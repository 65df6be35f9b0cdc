"""preprocess.py, and the inputs that it computes from each row."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT, copy_scripts, run
from support.data_files import write_csv
from support.recipe import expected_bins
from support.scripts import run_here
from support.template import template_only

import preprocess
import score

Lines = Callable[[pd.DataFrame], list[str]]


@pytest.fixture(scope="module")
def lines_of(tmp_path_factory: pytest.TempPathFactory) -> Lines:

    def write_and_read(data: pd.DataFrame) -> list[str]:
        folder = tmp_path_factory.mktemp("step2")
        source, output = write_csv(folder / "public.csv.gz", data), folder / "public.csv"
        result = run_here(ROOT / "preprocess.py", "--input", source, "--output", output, cwd=folder)
        assert result.returncode == 0, result.stderr
        return output.read_text().splitlines()

    return write_and_read


@pytest.fixture(scope="module")
def all_lines(public: pd.DataFrame, lines_of: Lines) -> list[str]:
    return lines_of(public)


def spectra(rows: int, channels: int) -> pd.DataFrame:
    """Return raw data of random spectra with some negative values. The channels descend from 4000."""
    values = np.random.default_rng(channels).normal(1, 1, (rows, channels)).round(6)
    return pd.DataFrame(values, columns=[str(4000 - channel) for channel in range(channels)])


def test_both_scripts_have_the_same_targets() -> None:
    assert tuple(preprocess.TARGETS) == score.TARGETS


def test_inputs_are_only_bins_and_targets_are_the_49_in_order(sample: Path, public: pd.DataFrame) -> None:
    inputs, targets = preprocess.preprocess(sample / "public/public.csv.gz")
    assert inputs.shape == (len(public), 424 // preprocess.BIN)
    assert all(name.startswith("bin_") for name in inputs.columns)
    assert set(inputs.dtypes.astype(str)) == {"float64"}
    pd.testing.assert_index_equal(inputs.index, public.index, check_names=False)
    assert list(targets.columns) == preprocess.TARGETS
    np.testing.assert_array_equal(targets, public[preprocess.TARGETS])


def test_private_data_have_no_targets(sample: Path) -> None:
    inputs, targets = preprocess.preprocess(sample / "private/private.csv.gz")
    assert targets is None
    assert len(inputs)


def test_missing_assays_are_nan(public: pd.DataFrame, tmp_path: Path) -> None:
    gaps = public.drop(columns=["AgPPM", "YPPM"]).assign(ZnPPM=None)
    gaps.iloc[3, gaps.columns.get_loc("CuPPM")] = np.nan
    _, targets = preprocess.preprocess(write_csv(tmp_path / "public.csv.gz", gaps))
    pd.testing.assert_frame_equal(
        targets, gaps.reindex(columns=preprocess.TARGETS).astype(float), check_names=False, check_exact=True
    )


@template_only
@pytest.mark.parametrize("channels", [7, 30, 424, 2400])
def test_bins_equal_those_of_the_documented_recipe(channels: int, tmp_path: Path) -> None:
    """Normalisation ignores the edges of a spectrum, which are 0, 1, 21 and 100 channels wide here."""
    data = spectra(6, channels)
    inputs, _ = preprocess.preprocess(write_csv(tmp_path / "public.csv.gz", data))
    np.testing.assert_allclose(inputs, expected_bins(data), atol=1.1e-5)  # a unit of the last decimal
    names = sorted(data, key=float)
    starts = range(0, channels - 6, 7)
    assert list(inputs.columns) == [f"bin_{names[start]}_{names[start + 6]}" for start in starts]


@template_only
def test_a_wild_end_changes_only_its_own_bins(tmp_path: Path) -> None:
    data = spectra(6, 2400)
    noisy = data.copy()
    noisy.iloc[:, -100:] = np.random.default_rng(0).standard_t(1, (6, 100)) * 1000
    original, changed = (
        preprocess.preprocess(write_csv(tmp_path / "public.csv.gz", frame))[0].to_numpy() for frame in (data, noisy)
    )
    np.testing.assert_array_equal(original[:, 15:], changed[:, 15:])  # the end is in the first 15 bins
    assert (original[:, :14] != changed[:, :14]).all()
    assert changed.max() <= 7
    assert changed.min() >= 7 * (data.min(axis=1) / data.max(axis=1)).min()


def test_the_order_of_columns_and_targets_change_nothing(
    public: pd.DataFrame, all_lines: list[str], lines_of: Lines
) -> None:
    shuffled = np.random.default_rng(0).permutation(public.columns)
    for columns in (public.columns[::-1], shuffled, public.columns.drop(preprocess.TARGETS)):
        assert lines_of(public[columns]) == all_lines


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_row_does_not_depend_on_other_rows(
    count: int, public: pd.DataFrame, all_lines: list[str], lines_of: Lines
) -> None:
    rows = np.random.default_rng(count).permutation(len(public))[:count]
    assert lines_of(public.iloc[rows]) == [all_lines[0], *(all_lines[1 + row] for row in rows)]


def test_the_file_contains_the_same_numbers_as_the_inputs_in_memory(project: Path) -> None:
    inputs, _ = preprocess.preprocess(project / "data/public/public.csv.gz")
    for precision in (None, "round_trip"):
        file = pd.read_csv(project / "data/preprocess/public.csv", index_col=0, float_precision=precision)
        pd.testing.assert_frame_equal(file, inputs, check_exact=True, check_names=False)


def test_column_names_are_not_numbers(all_lines: list[str]) -> None:
    index, *names = next(csv.reader(all_lines))
    assert index == ""
    assert not any(name.replace(".", "").isdigit() for name in names)


@pytest.mark.parametrize("labels", [["007", "a,b", 'say "x"'], [30, -4, 5]])
def test_an_index_of_strings_or_integers_is_kept(
    labels: list, public: pd.DataFrame, lines_of: Lines, tmp_path: Path
) -> None:
    renamed = public.iloc[:3].set_axis(labels)
    inputs, targets = preprocess.preprocess(write_csv(tmp_path / "named.csv.gz", renamed))
    assert list(inputs.index) == list(targets.index) == labels
    assert [row[0] for row in csv.reader(lines_of(renamed)[1:])] == list(map(str, labels))


def test_preprocess_py_runs_alone_in_an_empty_folder(sample: Path, tmp_path: Path) -> None:
    folder = copy_scripts(tmp_path / "job", "preprocess.py")
    output = tmp_path / "deep" / "er" / "public.csv"
    arguments = ("--input", sample / "private/private.csv.gz", "--output", output, "--epochs", 3)
    result = run("-P", folder / "preprocess.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert output.exists()
