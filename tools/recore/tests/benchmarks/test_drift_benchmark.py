"""tools/recore/benchmarks/drift.py as a command, and what it measures on samples whose answers are known."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.accuracy_data import options
from support.checkout import ROOT, run
from support.data_files import write_csv

from benchmarks import drift, drift_tables
from benchmarks.drift_data import Samples, learn, read_samples, simulate
from recore.dataset.geology import SHARE

COMMAND = ROOT / "tools/recore/benchmarks/drift.py"
ROCKS = ["none", *SHARE]
BASELINES = ["offset", "slope", "curve", "none"]


def read_tables(stdout: str) -> list[list[list[str]]]:
    """Return the cells of the rows of each table."""
    tables = [text.strip().splitlines()[2:] for text in stdout.strip().split("\n\n")]
    return [[line.strip("| ").split(" | ") for line in table] for table in tables]


@pytest.fixture
def soils() -> Samples:
    """Return 60 soils of the landscapes a, b and c, of which only c has a third band; two targets are measured."""
    random = np.random.default_rng(5)
    places = np.arange(140)
    bands = np.exp(-((places - np.array([[30], [70], [110]])) ** 2) / 50)
    sites = np.repeat(["a", "b", "c"], 20)
    amounts = random.gamma(9, 0.1, (60, 3))
    amounts[:, 2] *= sites == "c"
    spectra = 1 + amounts @ bands + 0.01 * random.normal(size=(60, 140))
    targets = np.full((60, 49), np.nan)
    targets[:, :2] = amounts[:, :2] + amounts[:, 2:]  # which no model can know without c
    return Samples(np.linspace(4000, 600, 140), spectra, targets, sites, np.arange(60).astype(str))


@pytest.mark.slow
def test_the_command_prints_the_tables_that_it_writes(files: list[Path], tmp_path: Path) -> None:
    json_file = tmp_path / "numbers.json"
    numbers = ("--repeats", 1, "--resamplings", 4, "--holes", 10, "--json", json_file)
    completed = run(COMMAND, *options(files), *numbers, cwd=tmp_path)
    assert (completed.returncode, completed.stderr) == (0, "")
    result = json.loads(json_file.read_text())
    landscapes, errors, rock_errors, rocks, baselines = read_tables(completed.stdout)
    assert [row[:2] for row in landscapes] == [["a", "15"], ["b", "15"], ["c", "15"], ["d", "15"]]
    for row, cells in zip(result["landscapes"], landscapes, strict=True):
        assert (len(row["after"]), row["resamplings"]) == (1, 4)
        assert cells[4] == f"{100 * row['rate']:.1f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    for name, table in (("errors_of_landscapes", errors), ("rocks", rock_errors)):
        for row, cells in zip(result[name], table, strict=True):
            assert cells[:3] == [row["name"], str(row["samples"]), str(row["outside"])]
            assert cells[4] == f"{row['correlation']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    assert [row["samples"] for row in result["errors_of_landscapes"]] == [60] * 4
    assert [row["name"] for row in result["rocks"]] == ROCKS
    shares = [[name, "10"] for name in SHARE] + [[name, f"{100 * share:.0f}"] for name, share in SHARE.items()]
    assert sorted([row[0], row[2]] for row in rocks) == sorted([*map(list, set(map(tuple, shares))), ["none", "0"]])
    assert [row["name"] for row in result["baselines"]] == [row[0] for row in baselines] == BASELINES
    assert all(len(row["growth"][0]) == row["last_week"] == 2 for row in result["baselines"])
    assert result["baselines"][-1]["growth"] == [[1.0, 1.0]]


def test_a_strange_landscape_is_found_and_others_are_not(soils: Samples) -> None:
    arguments = argparse.Namespace(seed=0, repeats=5, resamplings=40)
    rows = {row["name"]: row for row in drift.compare_landscapes(soils, arguments)}
    assert all(number is not None and number <= 10 for number in rows["c"]["after"])
    assert rows["c"]["low"] <= 0.05
    ordinary = soils.take(soils.sites != "c")
    assert not any(drift.is_false_alarm(ordinary, np.random.default_rng(seed)) for seed in range(10))


def test_errors_outside_the_domain_are_compared_with_those_inside(soils: Samples) -> None:
    strange = next(row for row in drift.measure_landscapes(soils, seed=0) if row["name"] == "c")
    assert (strange["samples"], strange["outside"] >= 20) == (60, True)
    assert strange["ratio"] > 3
    assert 0.3 < strange["low"] < strange["correlation"] < strange["high"]


def test_each_target_has_the_same_weight_in_an_error() -> None:
    distances = np.tile([0.5, 0.8, 2.0, 4.0], 10)
    errors = np.tile([[1, 4000], [2, 3000], [3, 2000], [4, np.nan]], (10, 1))
    row = drift.compare_errors(distances, errors, np.arange(40), seed=0)
    # in units of the means 2.5 and 3000: 13/15, 0.9, 14/15 and 1.6
    assert row["median_inside"] == pytest.approx((13 / 15 + 0.9) / 2)
    assert row["median_outside"] == pytest.approx((14 / 15 + 1.6) / 2)
    assert row["ratio"] == pytest.approx(row["median_outside"] / row["median_inside"])
    assert (row["outside"], row["correlation"]) == (20, pytest.approx(1))
    assert drift.compare_errors(distances / 9, errors, np.arange(40), seed=0)["ratio"] is None


def test_the_interval_of_a_correlation_is_wider_if_samples_of_a_hole_are_alike() -> None:
    random = np.random.default_rng(0)
    distances, error = np.repeat(random.normal(size=(2, 12)), 20, axis=1) + 0.1 * random.normal(size=(2, 240))
    low, high = drift.bootstrap_correlation(distances, error, np.repeat(np.arange(12), 20), seed=0)
    independent_low, independent_high = drift.bootstrap_correlation(distances, error, np.arange(240), seed=0)
    assert high - low > 2 * (independent_high - independent_low)


def test_drill_holes_arrive_in_another_order_each_from_top_to_bottom() -> None:
    samples, random = simulate(40, seed=1), np.random.default_rng(0)
    drawn = drift.draw_holes(samples, 0.25, random)
    assert len(np.unique(drawn.holes)) == 10
    shuffled = samples.in_random_order(random)
    assert sorted(shuffled.holes) == sorted(samples.holes) != shuffled.holes.tolist()
    for hole in np.unique(samples.holes):
        rows = np.flatnonzero(shuffled.holes == hole)
        assert (np.diff(rows) == 1).all()
        np.testing.assert_array_equal(shuffled.spectra[rows], samples.spectra[samples.holes == hole])


def test_a_large_change_is_found_in_an_early_week_and_none_without() -> None:
    training, traffic = simulate(20, seed=1), simulate(20, seed=2)
    trained_on = learn(training)
    assert drift.send(trained_on, traffic) is None
    changed = replace(traffic, spectra=traffic.spectra + np.linspace(0, 1, traffic.spectra.shape[1]))
    assert drift.send(trained_on, changed) in (1, 2)


def test_the_week_of_the_drift_is_compared_with_that_of_the_errors() -> None:
    counts = drift.compare_weeks([3, 5, 6, None, None, 2], [5, 5, 5, 5, None, None])
    assert counts == {"earlier": 2, "same_week": 1, "later": 2}
    assert drift_tables.describe_numbers([3, None, 6]) == "4.5 (3 to 6)"
    assert drift_tables.describe_numbers([None]) == "-"


@pytest.mark.slow
def test_slow_baselines_are_found(tmp_path: Path) -> None:
    """The random numbers have seeds, so the results do not differ from run to run."""
    json_file = tmp_path / "numbers.json"
    completed = run(COMMAND, "--repeats", 6, "--json", json_file, cwd=tmp_path, timeout=900)
    assert completed.returncode == 0, completed.stderr
    result = json.loads(json_file.read_text())
    for row in result["rocks"]:
        assert row["low"] > 0, row["name"]
    offset, slope, curve, unchanged = result["baselines"]
    assert all(week is not None and week <= 8 for week in offset["weeks"])  # which changes the shape of no spectrum
    for row in (slope, curve):
        assert row["earlier"] > 0
        assert row["later"] == 0
    assert sum(week is not None for week in unchanged["weeks"]) <= 1


@pytest.mark.machine
@pytest.mark.skipif(
    "RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS is not set; it must name a folder with the YAMSYS soils"
)
def test_each_landscape_is_found_on_real_spectra() -> None:
    folder = Path(os.environ["RECORE_YAMSYS"])
    soils = read_samples(*(folder / name for name in ("public.csv.gz", "private.csv.gz", "private_actual.csv.gz")))
    rows = list(drift.compare_landscapes(soils, argparse.Namespace(seed=0, repeats=20, resamplings=200)))
    assert [row["name"] for row in rows] == ["lo", "mo", "sb", "tb"]
    for row in rows:
        assert None not in row["after"], row["name"]
        assert row["low"] <= 0.05, row["name"]
    assert all(row["low"] > 0 and row["ratio"] > 1 for row in drift.measure_landscapes(soils, seed=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--private p.csv.gz", "--private and --actual go together"),
        ("--repeats 0", "--repeats: '0' is not a whole number, at least 1"),
        ("--holes 9", "--holes: '9' is not a whole number, at least 10"),
    ],
)
def test_invalid_arguments_are_reported(
    arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["drift.py", *arguments.split()])
    with pytest.raises(SystemExit) as raised:
        drift.parse()
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_too_few_landscapes_are_reported_in_one_line(
    frame: pd.DataFrame, tmp_path: Path, script_error: Callable
) -> None:
    json_file, public = tmp_path / "numbers.json", write_csv(tmp_path / "public.csv.gz", frame.assign(SiteID="a"))
    message = script_error(COMMAND, "--public", public, "--json", json_file, output=json_file)
    assert message.startswith(f"drift.py: {public}: 60 samples of 1 landscape (SiteID); two or more, and 20 samples")
