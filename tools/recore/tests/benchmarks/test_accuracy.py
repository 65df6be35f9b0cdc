"""The command tools/recore/benchmarks/accuracy.py: its tables, its arguments, and its scores on real spectra."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score import WEIGHTS
from support.checkout import ROOT, run
from support.data_files import write_csv

from benchmarks import accuracy
from benchmarks.methods import TARGETS, Data

pytestmark = pytest.mark.slow

COMMAND = ROOT / "tools/recore/benchmarks/accuracy.py"


def run_table(*arguments: object, folder: Path) -> pd.DataFrame:
    process = run(COMMAND, *arguments, cwd=folder, timeout=600)
    assert (process.returncode, process.stderr) == (0, "")
    head, _, *lines = [line.strip("| ").split(" | ") for line in process.stdout.splitlines()]
    return pd.DataFrame([line[1:] for line in lines], [line[0] for line in lines], head[1:]).astype(float)


def test_the_table_ends_with_means_and_differences(files: list[Path], tmp_path: Path) -> None:
    public, private, actual = files
    options = ("--public", public, "--private", private, "--actual", actual)
    table = run_table(*options, "--peers", "recipe", folder=tmp_path)
    assert list(table) == ["ours", "bins alone", "similarity alone", "recipe"]
    scores, (mean, difference, lowest) = table[:-3], table[-3:].to_numpy()
    assert list(scores.index) == ["by site", "public to private"]
    assert (scores > 0.5).all(axis=None)
    np.testing.assert_allclose(mean, scores.mean(), atol=1e-3)
    np.testing.assert_allclose(difference, mean[0] - mean, atol=2e-3)
    np.testing.assert_allclose(lowest, scores.rsub(scores["ours"], axis=0).min(), atol=2e-3)


def test_sites_are_held_out_one_by_one_or_five_at_a_time(frame: pd.DataFrame, tmp_path: Path) -> None:
    for sites, folds in ((4, 4), (12, 5)):
        names = [f"hole {number}" for number in np.resize(range(sites), len(frame))]
        path = write_csv(tmp_path / f"{sites}.csv.gz", frame.assign(SiteID=names))
        arguments = accuracy.argparse.Namespace(public=path, private=None, actual=None)
        [(row, data, splits)] = accuracy.make_splits(arguments)
        assert (row, len(splits)) == ("by site", folds)
        assert sorted(np.concatenate([held_out for _, held_out in splits])) == list(range(len(frame)))
        for training, held_out in splits:
            assert len(training) + len(held_out) == len(frame)
            assert not set(data.sites[training]) & set(data.sites[held_out])


def test_the_score_equals_an_independent_computation() -> None:
    random = np.random.default_rng(8)
    actual = random.gamma(2, 10, (80, 49))
    predicted = actual + random.normal(size=(80, 49))
    actual[random.random((80, 49)) < 0.3] = np.nan
    predicted[60:, 5] = np.nan
    actual[1:, 30:] = np.nan
    total = weights = 0.0
    of_target = [*WEIGHTS.values()]
    for column in range(30):
        pairs = [(y, p) for y, p in zip(actual[:, column], predicted[:, column], strict=True) if y == y and p == p]
        mean = sum(y for y, _ in pairs) / len(pairs)
        r2 = 1 - sum((y - p) ** 2 for y, p in pairs) / sum((y - mean) ** 2 for y, _ in pairs)
        total, weights = total + of_target[column] * r2, weights + of_target[column]
    frames = [pd.DataFrame(values, columns=TARGETS) for values in (actual, predicted)]
    assert accuracy.score(*frames) == pytest.approx(total / weights, rel=1e-12)
    unweighted = [each[TARGETS[:3]].set_axis(["clay", "pH", "carbon"], axis=1) for each in frames]
    r2 = [accuracy.score(*(each[[name]] for each in unweighted)) for name in unweighted[0]]
    assert accuracy.score(*unweighted) == pytest.approx(np.mean(r2))
    with pytest.raises(ValueError, match="no target was measured in enough rows"):
        accuracy.score(frames[0][TARGETS[40:]], frames[1][TARGETS[40:]])


def test_a_target_with_few_training_rows_is_not_predicted(data: Data) -> None:
    """Only holes b and c have iron assays, 15 each. If one of them is held out, too few remain to learn iron."""
    iron = data.targets["AlPPM"].where(np.isin(data.sites, ["b", "c"]))
    data = replace(data, targets=data.targets.assign(FePCT=iron))
    folds = [(np.flatnonzero(data.sites != site), np.flatnonzero(data.sites == site)) for site in "abcd"]
    for values in accuracy.hold_out(data, folds, ["recipe"]).values():
        assert values["FePCT"].notna().tolist() == np.isin(data.sites, ["a", "d"]).tolist()
        assert values[["CuPPM", "AlPPM"]].notna().all(axis=None)
        assert values.drop(columns=["CuPPM", "FePCT", "AlPPM"]).isna().all(axis=None)


def test_a_set_of_limesoda_scores_as_on_the_page(tmp_path: Path) -> None:
    table = run_table("--limesoda", "NRW.42", folder=tmp_path)
    assert list(table) == ["ours", "bins alone", "similarity alone", "recipe", "ridge-snv"]
    assert table.loc["NRW.42"].tolist() == pytest.approx([0.617, 0.556, 0.600, 0.493, 0.566], abs=0.01)


@pytest.mark.machine
@pytest.mark.skipif(
    "RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS, the folder with the YAMSYS soils, is not set"
)
def test_the_yamsys_soils_score_as_on_the_page(tmp_path: Path) -> None:
    folder = Path(os.environ["RECORE_YAMSYS"])
    public, private, actual = (folder / f"{name}.csv.gz" for name in ("public", "private", "private_actual"))
    table = run_table("--public", public, "--private", private, "--actual", actual, folder=tmp_path)
    assert table.loc["by site"].tolist() == pytest.approx([0.510, 0.472, 0.437, 0.450, 0.541, 0.539], abs=0.01)
    assert table.loc["public to private"].tolist() == pytest.approx(
        [0.510, 0.448, 0.455, 0.345, 0.502, 0.422], abs=0.01
    )
