"""`retrain`: a version trained on new data, compared with the current one, and its replacement."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from recore_support.production import ProductionCommands
from recore_support.tunable_submission import TRAIN, make_tunable


@pytest.fixture
def public(small_sample: Path) -> Path:
    return small_sample / "public/public.csv.gz"


@pytest.fixture
def new_data(public: Path, tmp_path: Path) -> Path:
    with gzip.open(public, "rt") as source, open(tmp_path / "new.csv", "w") as file:
        file.writelines(source.readlines()[:-1])
    return tmp_path / "new.csv"


def score(share: float) -> Any:
    return pytest.approx(1.01 * (1 - (1 - share) ** 2), abs=1e-5)


@pytest.mark.slow
def test_a_new_version_replaces_the_current_one(
    commands: ProductionCommands, public: Path, new_data: Path, tmp_path: Path
) -> None:
    submission = make_tunable(tmp_path / "theirs")
    arguments = ("retrain", submission, "--public", new_data)
    commands.succeed("train", submission, "--public", public, "--set", "share=0.5", "--set", "rounds=7")
    commands.succeed("approve", 1)
    commands.succeed("deploy")

    # the new version has the current version's hyperparameters
    result = commands.run(*arguments, "--tolerance", 1e-6)
    assert result.returncode == 0, result.stderr
    assert "retrain: at most 3 instance-hours in total\n" in result.stderr
    assert result.stdout.splitlines() == [
        "hyperparameters of version 1: share=0.5, rounds=7",
        f"version 2 of {commands.name} is registered, PendingManualApproval, held-out score 0.7575",
        "held-out scores: 0.7575 for version 2, 0.7575 for version 1 (other data, so only roughly comparable)",
        "next: python -m recore production approve 2",
    ]

    # a version with a lower score is not used
    bad_args = (*arguments, "--set", "share=0.4", "--approve", "--update")
    line = commands.expect_error(*bad_args, status=1)
    assert line == (
        "recore: version 3 is registered but not used, because its score is lower; held-out scores: 0.6464 for "
        "version 3, 0.7575 for version 1 (other data, so only roughly comparable); to use it anyway, run "
        "`python -m recore production approve 3`"
    )
    assert "is lower by more than 0.1; " in commands.expect_error(*bad_args, "--tolerance", 0.1, status=1)
    assert [version["approval"] for version in commands.succeed("list")["versions"]].count("Approved") == 1

    # after an interruption between the steps, the same command continues, and then changes nothing
    args = (*arguments, "--set", "share=0.6", "--approve")
    approved = commands.succeed(*args)
    assert approved["version"]["score"] == score(0.6)
    assert approved["compared_with"]["number"] == 1
    assert (approved["version"]["number"], approved["version"]["approval"]) == (4, "Approved")
    assert commands.run(*args).stdout.endswith("next: python -m recore production update 4\n")
    updated = commands.succeed(*args, "--update", "--strategy", "linear", "--step", 50, "--interval", 0)
    assert updated["changed"] is True
    assert [(variant["name"], variant["version"]) for variant in updated["endpoint"]["variants"]] == [("A", 4)]
    repeat = commands.succeed(*args, "--update")
    assert (repeat["changed"], repeat["version"]["number"]) == (False, 4)
    assert repeat["hyperparameters"] == {"share": 0.6, "rounds": 7}
    assert len(commands.succeed("list")["versions"]) == 4

    # only a single variant is replaced
    commands.succeed("update", "--variant", "A=1:1", "--variant", "B=4:1", "--interval", 0)
    assert "serves A=1, B=4, but retrain replaces only a single variant" in commands.expect_error(*args, "--update")
    commands.succeed("delete", "--all", "--yes")


@pytest.mark.slow
def test_hyperparameters_that_fit_no_longer_accepts_are_ignored(
    commands: ProductionCommands, public: Path, tmp_path: Path
) -> None:
    submission = make_tunable(tmp_path / "theirs")
    settings = ("--set", "share=0.5", "--set", "kind=1")
    commands.succeed("train", submission, "--public", public, *settings)
    commands.succeed("approve", 1, "--reject")
    line = commands.expect_error("retrain", submission, "--public", public, *settings, "--approve")
    assert line == "recore: version 1 was rejected: approve it with `python -m recore production approve 1`"
    commands.succeed("approve", 1)
    make_tunable(submission, {"train.py": TRAIN.replace("share=0.5, rounds", "portion=1, rounds")})
    result = commands.run("retrain", submission, "--public", public)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[:2] == [
        "hyperparameters of version 1: kind=1",
        "hyperparameters of version 1 that fit() no longer accepts: share",
    ]
    [latest, _] = commands.succeed("list")["versions"]
    job = commands.client.describe("TrainingJob", latest["archives"][1].split("/")[-3])
    values = {name: json.loads(value) for name, value in job["HyperParameters"].items()}
    assert values["kind"] == "1"
    assert "share" not in values


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--public", "new.csv", "--update"], "--update requires --approve: an endpoint serves only approved versions"),
        ([], "Missing option '--public'"),
        (["--public", "config.json"], "config.json: this is JSON; save the table as CSV"),
        (["--public", "new.csv", "--tolerance", "-1"], "-1.0 is not in the range x>=0"),
        (["--public", "new.csv", "--approve", "--update"], "the endpoint wrong-use-is-rejected-in-one-l"),
    ],
)
def test_wrong_use_is_rejected_in_one_line(
    arguments: list[str], expected: str, commands: ProductionCommands, new_data: Path, tmp_path: Path
) -> None:
    make_tunable(tmp_path / "theirs")
    assert expected in commands.expect_error("retrain", "theirs", *arguments)
