"""The data of the accuracy benchmark, and the folds into which its rows are split."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from challenge.targets import TARGETS
from recore_support.accuracy_data import MEASURED_TARGETS, PRIVATE_ROWS
from support.data_files import write_csv

from benchmarks.comparison import data as comparison_data
from benchmarks.comparison import folds


def test_only_public_groups_count_among_the_largest(data: comparison_data.Data) -> None:
    sites = np.array(["d"] * 5 + ["a"] * 11 + ["c"] * 19 + ["b"] * 10 + ["p"] * PRIVATE_ROWS)
    largest = replace(data, sites=sites).with_largest_groups(2)
    assert largest.sites.tolist() == ["a"] * 11 + ["c"] * 19
    assert not largest.private.any()
    with pytest.raises(ValueError, match=r"only 4 public groups \(SiteID\), but --groups needs 5"):
        replace(data, sites=sites).with_largest_groups(5)
    with pytest.raises(ValueError, match="15 rows in the 2 largest groups; 20 or more"):
        replace(data.take(np.r_[:5, 16:26]), sites=sites[np.r_[:5, 16:26]]).with_largest_groups(2)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda frame: frame.drop(columns="SiteID"), "no column 'SiteID'"),
        (lambda frame: frame[:0], "a header but no rows"),
        (lambda frame: frame.drop(columns=list(MEASURED_TARGETS)), "it has no assay columns"),
        (lambda frame: frame.assign(**dict.fromkeys(MEASURED_TARGETS)), "no target was measured twice"),
        (lambda frame: frame.assign(CuPPM=np.inf), "column 'CuPPM': an infinite value"),
        (lambda frame: frame[:19], "19 rows; 20 or more"),
    ],
)
def test_invalid_data_is_reported(spoil: Callable, message: str, frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        comparison_data.read(write_csv(tmp_path / "spoilt.csv.gz", spoil(frame)))
    assert "\n" not in str(raised.value)


def test_files_that_do_not_match_are_reported(frame: pd.DataFrame, files: list[Path], tmp_path: Path) -> None:
    public, _, actual = files
    with pytest.raises(ValueError, match=r"has 15 rows, but .* has 60"):
        comparison_data.read(public, write_csv(tmp_path / "more.csv.gz", frame), actual)
    with pytest.raises(ValueError, match="its channels differ from those of"):
        comparison_data.read(
            public, write_csv(tmp_path / "other.csv.gz", frame.drop(columns=frame.columns[300:310])), actual
        )


def test_private_rows_follow_the_public_ones(frame: pd.DataFrame, data: comparison_data.Data) -> None:
    assert data.private.tolist() == [False] * 45 + [True] * PRIVATE_ROWS
    assert data.sites.tolist() == frame["SiteID"].tolist()
    np.testing.assert_array_equal(data.spectra, frame.filter(regex=r"^\d").to_numpy())
    for name in TARGETS:
        expected = frame[name] if name in MEASURED_TARGETS else np.nan
        np.testing.assert_allclose(data.targets[:, TARGETS.index(name)], expected, rtol=1e-14)


@pytest.mark.parametrize("sites", [2, 4, 10, 11, 24])
def test_folds_by_site_share_no_site(sites: int, data: comparison_data.Data) -> None:
    names = np.array([f"hole {number}" for number in range(sites)])
    shuffled = replace(data, sites=np.random.default_rng(sites).permutation(np.resize(names, len(data))))
    by_site = folds.columns_of(shuffled, repeats=3, seed=0)[0]
    assert by_site.name == "by site"
    assert len(by_site.repeats) == (1 if sites <= 10 else 3)
    for repeat in by_site.repeats:
        assert len(repeat) == (sites if sites <= 10 else 5)
        assert sorted(np.concatenate([held_out for _, held_out in repeat])) == list(range(len(shuffled)))
        for training, held_out in repeat:
            assert not set(shuffled.sites[training]) & set(shuffled.sites[held_out])
            assert len(training) + len(held_out) == len(shuffled)


def test_folds_of_the_shuffled_and_public_to_private_columns(data: comparison_data.Data) -> None:
    _, shuffled, to_private = folds.columns_of(data, repeats=2, seed=0)
    assert [len(repeat) for repeat in shuffled.repeats] == [5, 5]
    for repeat in shuffled.repeats:
        assert sorted(np.concatenate([held_out for _, held_out in repeat])) == list(range(len(data)))
    assert shuffled.repeats[0][0][1].tolist() != shuffled.repeats[1][0][1].tolist()
    ((training, held_out),) = to_private.repeats[0]
    assert not data.private[training].any()
    assert data.private[held_out].all()
    one_site = replace(data, sites=np.full(len(data), "a"), private=np.zeros(len(data), bool))
    assert [column.name for column in folds.columns_of(one_site, 1, 0)] == ["shuffled"]


@pytest.mark.slow
def test_parallel_jobs_produce_the_same_results(data: comparison_data.Data) -> None:
    columns, progress = folds.columns_of(data, repeats=1, seed=0), []
    outcomes = [folds.run(data, columns, ["mean", "randomnumbers"], jobs, progress.append) for jobs in (1, 2)]
    assert sum(progress) == 2 * folds.fits_of(columns, ["mean", "randomnumbers"]) == 2 * 2 * (4 + 5 + 1)
    for name in outcomes[0]:
        for serial, parallel in zip(outcomes[0][name].targets, outcomes[1][name].targets, strict=True):
            np.testing.assert_array_equal(serial, parallel)
        for method, (serial,) in outcomes[0][name].predicted.items():
            np.testing.assert_allclose(serial, outcomes[1][name].predicted[method][0], rtol=1e-9)
