"""The command tools/recore/benchmarks/drift.py, and its measurements on samples with known results."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT, run
from support.data_files import write_csv

from benchmarks import drift
from benchmarks.drift_data import Samples, find_week, read_samples, simulate, summarise
from recore.dataset.geology import ROCK_SHARES

pytestmark = pytest.mark.slow

COMMAND = ROOT / "tools/recore/benchmarks/drift.py"


def read_tables(stdout: str) -> list[list[list[str]]]:
    """Return, for each table, its rows as lists of cells, without the header."""
    tables = [block.strip().splitlines()[2:] for block in stdout.strip().split("\n\n")]
    return [[line.strip("| ").split(" | ") for line in table] for table in tables]


@pytest.fixture
def soils() -> Samples:
    """Return 60 soils from landscapes a, b and c, with two measured targets. Only soils from c have a third band."""
    random = np.random.default_rng(5)
    positions = np.arange(140)
    bands = np.exp(-((positions - np.array([[30], [70], [110]])) ** 2) / 50)
    sites = np.repeat(["a", "b", "c"], 20)
    amounts = random.gamma(9, 0.1, (60, 3))
    amounts[:, 2] *= sites == "c"
    spectra = 1 + amounts @ bands + 0.01 * random.normal(size=(60, 140))
    targets = np.full((60, 49), np.nan)
    targets[:, :2] = amounts[:, :2] + amounts[:, 2:]  # no model can learn this without c
    return Samples(np.linspace(4000, 600, 140), spectra, targets, sites, np.arange(60).astype(str))


def test_the_command_prints_its_tables(options: list[object], tmp_path: Path) -> None:
    numbers = ("--repeats", 1, "--resamplings", 4, "--holes", 10)
    process = run(COMMAND, *options, *numbers, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    landscapes, errors, rocks, baselines = read_tables(process.stdout)
    assert [row[:2] for row in landscapes] == [["a", "15"], ["b", "15"], ["c", "15"], ["d", "15"]]
    assert [row[:2] for row in errors] == [["a", "60"], ["b", "60"], ["c", "60"], ["d", "60"]]
    assert [row[0] for row in rocks] == ["none", *ROCK_SHARES]
    assert [row[0] for row in baselines] == list(drift.BASELINES)
    assert baselines[-1][-1] == "-"


def test_a_strange_landscape_is_found_and_others_are_not(soils: Samples) -> None:
    _, size, detections, delay, alarms = next(row for row in drift.compare_landscapes(soils, 5, 40) if row[0] == "c")
    assert (size, detections) == (20, "5 of 5")
    assert int(str(delay).rpartition(" to ")[2].strip(")")) <= 10
    assert float(str(alarms)) <= 15
    ordinary = soils.take(soils.sites != "c")
    assert not any(drift.is_false_alarm(ordinary, np.random.default_rng(seed)) for seed in range(10))


def test_errors_outside_the_domain_are_compared_with_errors_inside(soils: Samples) -> None:
    [row] = [row[1:] for row in drift.measure_landscapes(soils) if row[0] == "c"]
    samples, outside, ratio, correlation = (float(str(cell)) for cell in row)
    assert (samples, outside >= 20) == (60, True)
    assert ratio > 3
    assert correlation > 0.3


def test_each_target_has_the_same_weight_in_an_error() -> None:
    distances = np.tile([0.5, 0.8, 2.0, 4.0], 10)
    errors = np.tile([[1, 4000], [2, 3000], [3, 2000], [4, np.nan]], (10, 1))
    # in units of the means 2.5 and 3000: 13/15, 0.9, 14/15 and 1.6
    outside, inside = (14 / 15 + 1.6) / 2, (13 / 15 + 0.9) / 2
    assert drift.compare_errors(distances, errors) == [40, 20, f"{outside / inside:.2f}", "1.00"]
    assert drift.compare_errors(distances / 9, errors)[1:3] == [0, "-"]


def test_drill_holes_arrive_in_random_order_each_from_top_to_bottom() -> None:
    samples = simulate(40, seed=1)
    shuffled = samples.in_random_order(np.random.default_rng(0))
    assert sorted(shuffled.holes) == sorted(samples.holes) != shuffled.holes.tolist()
    for hole in np.unique(samples.holes):
        rows = np.flatnonzero(shuffled.holes == hole)
        assert (np.diff(rows) == 1).all()
        np.testing.assert_array_equal(shuffled.spectra[rows], samples.spectra[samples.holes == hole])


def test_only_a_large_change_is_found_and_in_an_early_week() -> None:
    training, traffic = simulate(20, seed=1), simulate(20, seed=2)
    trained_on = summarise(training)
    assert find_week(trained_on, traffic) is None
    changed = replace(traffic, spectra=traffic.spectra + np.linspace(0, 1, traffic.spectra.shape[1]))
    assert find_week(trained_on, changed) in (1, 2)
    assert drift.format_found([3, None, 6]) == ["2 of 3", "4.5 (3 to 6)"]


@pytest.mark.machine
@pytest.mark.skipif(
    "RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS, the folder with the YAMSYS soils, is not set"
)
def test_each_landscape_is_found_on_real_spectra() -> None:
    folder = Path(os.environ["RECORE_YAMSYS"])
    soils = read_samples(*(folder / name for name in ("public.csv.gz", "private.csv.gz", "private_actual.csv.gz")))
    rows = list(drift.compare_landscapes(soils, 20, 200))
    assert [row[0] for row in rows] == ["lo", "mo", "sb", "tb"]
    assert all(float(str(row[4])) <= 5 for row in rows)
    assert all(float(str(row[3])) > 1 for row in drift.measure_landscapes(soils))


def test_samples_of_one_landscape_are_reported(frame: pd.DataFrame, tmp_path: Path) -> None:
    public = write_csv(tmp_path / "public.csv.gz", frame.assign(SiteID="a"))
    result = run(COMMAND, "--public", public, cwd=tmp_path)
    assert result.returncode == 1
    assert "60 samples of 1 landscape (SiteID); at least two, and 20 samples" in result.stderr
    assert "Traceback" not in result.stderr
