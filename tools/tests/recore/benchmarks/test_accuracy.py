"""tools/benchmarks/accuracy.py as a command: its tables, numbers and arguments."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.accuracy_data import COMMAND, PRIVATE_ROWS, options
from support.checkout import run
from support.data_files import write_csv

from benchmarks import accuracy


@pytest.mark.slow
def test_the_command_prints_the_tables_that_it_writes(files: list[Path], tmp_path: Path) -> None:
    json_file = tmp_path / "numbers.json"
    models = ("--models", "ours,mean,randomnumbers,pls")
    completed = run(COMMAND, *options(files), "--repeats", 2, "--targets", *models, "--json", json_file, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    result = json.loads(json_file.read_text())
    assert (result["rows"], result["private_rows"], result["sites"], result["channels"]) == (60, PRIVATE_ROWS, 4, 320)
    assert [column["name"] for column in result["columns"]] == ["by site", "shuffled", "public to private"]
    by_site, shuffled, to_private = (column["methods"] for column in result["columns"])
    assert list(by_site) == ["ours", "mean", "randomnumbers", "pls"]
    for name in by_site:
        deviation = f" +- {np.std(shuffled[name]['scores'], ddof=1):.3f}"
        assert (
            f"| {name} | {by_site[name]['score']:.3f} | {shuffled[name]['score']:.3f}{deviation} |" in completed.stdout
        )
        assert to_private[name]["score"] == to_private[name]["scores"][0]
        if name != "ours":
            difference = to_private[name]["ours_minus_this"]
            assert difference["difference"] == pytest.approx(to_private["ours"]["score"] - to_private[name]["score"])
            assert (
                f"{difference['difference']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}] |"
                in completed.stdout
            )
    assert shuffled["pls"]["score"] > 0.8 > 0.1 > shuffled["mean"]["score"]
    # Only one hole has iron assays: a model fitted without it cannot learn iron, and the other holes cannot score iron.
    assert set(by_site["ours"]["r2"]) == {"CuPPM", "AlPPM"}
    assert f"| FePCT | {shuffled['ours']['r2']['FePCT']:.2f} |" in completed.stdout


def test_a_public_file_alone_can_be_limited_to_some_rows(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = f"accuracy.py --public {files[0]} --rows 40 --repeats 1 --models mean --jobs 1".split()
    monkeypatch.setattr("sys.argv", arguments)
    accuracy.main()
    stdout = capsys.readouterr().out
    assert stdout.startswith("40 of 45 rows from 3 sites (0 rows private); 320 channels, 3 targets; seed 0")
    assert "public to private" not in stdout
    assert "ours" not in stdout


def test_a_column_with_nothing_to_score_is_left_out(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    iron = frame.drop(columns=["CuPPM", "AlPPM"])  # only one site has iron, so no other site can predict it
    few_rows = iron.assign(FePCT=iron["FePCT"].where(iron.index < 20))
    iron_file, few_rows_file = write_csv(tmp_path / "some.csv.gz", iron), write_csv(tmp_path / "few.csv.gz", few_rows)
    arguments = ["accuracy.py", "--repeats", "1", "--models", "mean", "--jobs", "1", "--public"]
    monkeypatch.setattr("sys.argv", [*arguments, str(iron_file)])
    accuracy.main()
    assert "| score | shuffled |" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", [*arguments, str(few_rows_file)])
    with pytest.raises(ValueError, match="no target has enough measured rows"):
        accuracy.main()


def test_each_data_set_is_also_scored_on_its_two_largest_groups(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, (public, private, actual) = tmp_path / "numbers.json", files
    arguments = f"--data soils {public} --data core {public} {private} {actual} --groups 2 --repeats 1 --jobs 1"
    models = "--models ours,mean,randomnumbers"
    monkeypatch.setattr("sys.argv", ["accuracy.py", *arguments.split(), *models.split(), "--json", str(json_file)])
    accuracy.main()
    stdout, numbers = capsys.readouterr().out, json.loads(json_file.read_text())
    names = ["soils", "soils, 2 groups", "core", "core, 2 groups"]
    assert [line[3:] for line in stdout.splitlines() if line.startswith("## ")] == names
    results = numbers["data_sets"]
    assert [result["name"] for result in results] == names
    assert [(result["rows"], result["sites"], result["private_rows"]) for result in results] == [
        (45, 3, 0),
        (30, 2, 0),
        (60, 4, PRIVATE_ROWS),
        (30, 2, 0),
    ]
    assert [len(result["columns"]) for result in results] == [2, 2, 3, 2]
    by_column = [column["methods"] for result in results for column in result["columns"]]
    means = {name: np.mean([methods[name]["score"] for methods in by_column]) for name in by_column[0]}
    best = numbers["best_peer"]
    assert (best["columns"], best["means"]) == (9, pytest.approx(means))
    assert best["name"] == "randomnumbers"
    difference = best["ours_minus_this"]
    assert difference["difference"] == pytest.approx(means["ours"] - means["randomnumbers"])
    assert difference["low"] < difference["high"]
    interval = f"{difference['difference']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}] |"
    assert stdout.splitlines()[-1] == f"| ours minus the best single peer, randomnumbers | {interval}"


def test_the_best_peer_has_the_best_mean_over_all_columns() -> None:
    def column(**scores: float) -> dict:
        return {"methods": {name: {"score": value} for name, value in scores.items()}}

    first = {"columns": [column(ours=0.5, one=0.9, two=0.4), column(ours=0.5, one=0.0, two=0.4)]}
    second = {"columns": [column(ours=0.8, one=0.3, two=0.7)]}
    draws = [[dict.fromkeys(("ours", "one", "two"), np.zeros(10))] * columns for columns in (2, 1)]
    draws[1][0]["ours"] = np.full(10, 0.3)
    best = accuracy.best_peer([first, second], draws)
    assert best["name"] == "two"  # although the other model is better in one column and in the first data set
    assert best["means"] == pytest.approx({"ours": 0.6, "one": 0.4, "two": 0.5})
    assert best["ours_minus_this"] == pytest.approx({"difference": 0.1, "low": 0.1, "high": 0.1})
    only_ours = {"columns": [column(ours=0.5)]}
    assert accuracy.best_peer([only_ours], [[{"ours": np.zeros(10)}]]) is None


def test_a_missing_file_is_reported_before_anything_is_fitted(files: list[Path], tmp_path: Path) -> None:
    arguments = ["--data", "soils", files[0], "--data", "core", tmp_path / "missing.csv.gz", "--models", "mean"]
    result = run(COMMAND, *arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"accuracy.py: {tmp_path / 'missing.csv.gz'}: there is no such file\n"


def test_help_shows_an_example(tmp_path: Path) -> None:
    result = run(COMMAND, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert "Example:\n    python tools/benchmarks/accuracy.py --public" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--private p.csv.gz", "--private and --actual go together"),
        ("--public p.csv.gz --models ours,theirs", "no model 'theirs': there are ours, mean, randomnumbers"),
        ("--public p.csv.gz --repeats 0", "--repeats: '0' is not a whole number, at least 1"),
        ("--public p.csv.gz --jobs two", "--jobs: 'two' is not a whole number, at least 1"),
        ("--public p.csv.gz --rows 0", "--rows: '0' is not a whole number, at least 20"),
        ("--public p.csv.gz --groups 1", "--groups: '1' is not a whole number, at least 2"),
        ("--data soils", "--data takes NAME PUBLIC or NAME PUBLIC PRIVATE ACTUAL"),
        ("--data soils p.csv.gz q.csv.gz", "--data takes NAME PUBLIC or NAME PUBLIC PRIVATE ACTUAL"),
        ("--data soils p.csv.gz --data soils q.csv.gz", "--data: two data sets are named 'soils'"),
        ("--public soils --data soils q.csv.gz", "--data: two data sets are named 'soils'"),
    ],
)
def test_invalid_arguments_are_reported(
    arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["accuracy.py", *arguments.split()])
    with pytest.raises(SystemExit) as raised:
        accuracy.parse()
    assert raised.value.code == 2
    assert message in capsys.readouterr().err


def test_an_invalid_file_is_reported_in_one_line(files: list[Path], tmp_path: Path, script_error: Callable) -> None:
    json_file, truncated = tmp_path / "numbers.json", tmp_path / "truncated.csv.gz"
    truncated.write_bytes(files[0].read_bytes()[:5000])
    message = script_error(COMMAND, "--public", truncated, "--json", json_file, output=json_file)
    assert message.startswith(f"accuracy.py: {truncated}: ")


@pytest.mark.machine
@pytest.mark.skipif(
    "RECORE_YAMSYS" not in os.environ, reason="RECORE_YAMSYS is not set; it must name a folder with the YAMSYS soils"
)
def test_the_published_recipe_scores_as_expected_on_real_spectra(tmp_path: Path) -> None:
    folder, json_file = Path(os.environ["RECORE_YAMSYS"]), tmp_path / "numbers.json"
    files = [folder / name for name in ("public.csv.gz", "private.csv.gz", "private_actual.csv.gz")]
    arguments = ("--models", "randomnumbers", "--repeats", 1, "--seed", 20261120, "--json", json_file)
    result = run(COMMAND, *options(files), *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    columns = json.loads(json_file.read_text())["columns"]
    scores = [column["methods"]["randomnumbers"]["score"] for column in columns]
    assert scores == pytest.approx([0.48, 0.66, 0.39], abs=0.03)
