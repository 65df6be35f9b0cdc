"""A partner's week: receive a run's handover, predict spectra with it, and run its model in production."""

import csv
import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from journeys.commands import finish, interrupt, output, run, start_process, wait_until
from journeys.tables import read_table, write_spectra

SETUP = ". ./variables.sh;"  # the variables that direct `recore production` to the simulator


def hand_over(folder: Path, rows: int, holes: int) -> None:
    """Do the author's part: create data and a submission, run it, and copy its handover for the partner."""
    run(f"recore sample --out author/data --rows {rows} --holes {holes} --channels 120 --seed 3", folder)
    run("recore new mine", folder / "author")
    run("recore run mine --public data/public/public.csv.gz --no-report --out run", folder / "author")
    printed = run("recore handover run", folder / "author")
    assert "begin with README.md and MODEL_CARD.md" in printed
    shutil.copytree(folder / "author/run/handover", folder / "handover")


@pytest.mark.journey
def test_a_week_with_mistakes_and_interruptions(tmp_path: Path) -> None:
    hand_over(tmp_path, rows=500, holes=20)
    write_spectra(tmp_path, tmp_path / "author/data", 5)
    predict_with_mistakes(tmp_path)
    (tmp_path / "config.json").write_text('{"MINIMUM_SCORE": -10}')
    with start_process("stagemaker start --variables variables.sh", tmp_path) as simulator:
        wait_until((tmp_path / "variables.sh").exists, simulator)
        serve_with_mistakes(tmp_path)
        watch_and_retrain(tmp_path)
        printed = run(f"{SETUP} recore production delete --all --yes", tmp_path)
        assert "deleted: version 1" in printed
        interrupt(simulator)
        assert "the simulator and its jobs have stopped" in finish(simulator)


def predict_with_mistakes(folder: Path) -> None:
    assert "wrote 5 samples to" in run("recore predict handover spectra --out assays.csv --intervals", folder)
    assays = (folder / "assays.csv").read_bytes()
    assert "replace it with --force" in run("recore predict handover spectra --out assays.csv", folder, status=2)
    run("recore predict handover spectra --out assays.csv --intervals --force", folder)
    assert (folder / "assays.csv").read_bytes() == assays
    (folder / "notes.csv").write_text("Samples of this week\nare in the folder spectra\n")
    assert "notes.csv" in run("recore predict handover notes.csv --out other.csv", folder, status=2)
    with gzip.open(folder / "author/data/private/private.csv.gz", "rt", newline="") as file:
        rows = [row[:4] + row[5:] for row in csv.reader(file)]
    with open(folder / "column-missing.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    printed = run("recore predict handover column-missing.csv --out other.csv", folder, status=2)
    assert "column-missing.csv" in printed
    with start_process("recore predict handover spectra --out other.csv", folder) as process:
        wait_until(lambda: "predicting" in output(process), process)
        interrupt(process)
        assert "interrupted" in finish(process, 130)
    assert not (folder / "other.csv").exists()
    shutil.copytree(folder / "handover", folder / "damaged")
    with open(folder / "damaged/model.tar.gz", "ab") as file:
        file.write(b"more")
    printed = run("recore predict damaged spectra --out other.csv", folder, status=2)
    assert "is not the file that was handed over" in printed


def serve_with_mistakes(folder: Path) -> None:
    assert "set AWS_ENDPOINT_URL" in run("recore production list", folder, status=2).replace("Set", "set")
    assert "is not the file that was handed over" in run(f"{SETUP} recore production register damaged", folder, 2)
    assert "is version 1 of" in run(f"{SETUP} recore production register handover", folder)
    assert "nothing changed" in run(f"{SETUP} recore production register handover", folder)
    assert "no version of core-assays is approved" in run(f"{SETUP} recore production deploy", folder, 2)
    run(f"{SETUP} recore production approve 1", folder)
    with start_process(f"{SETUP} recore production deploy", folder) as process:
        wait_until(lambda: "deploy: Creating" in output(process), process)
        interrupt(process)
        finish(process, 130)
    assert "serves A=1:1" in run(f"{SETUP} recore production deploy", folder)
    assert "notes.csv" in run(f"{SETUP} recore production invoke notes.csv", folder, 2)
    assert "missing column" in run(f"{SETUP} recore production invoke column-missing.csv", folder, 2)
    printed = run(f"{SETUP} recore production invoke author/data/private/private.csv.gz --json", folder)
    answers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assays = {row["name"].removeprefix("sample-"): row for row in read_table(folder / "assays.csv")}
    copper = {answer["index"]: answer["assays"]["CuPPM"]["value"] for answer in answers}
    for name, row in assays.items():
        assert copper[name] == pytest.approx(float(row["CuPPM"]), rel=1e-6)


def watch_and_retrain(folder: Path) -> None:
    printed = run(f"{SETUP} recore production monitor --complete --out monitor.html || test $? = 1", folder)
    assert re.search("drift", printed)
    assert (folder / "monitor.html").exists()
    run("recore sample --out more --rows 500 --holes 20 --channels 120 --seed 4", folder)
    retrain = f"{SETUP} recore production retrain author/mine --approve --tolerance 10 --update --public"
    assert "no assays" in run(f"{retrain} more/private/private.csv.gz", folder, 2)
    with start_process(f"{retrain} more/public/public.csv.gz", folder) as process:
        wait_until(lambda: "Train: started" in output(process), process)
        interrupt(process)
        finish(process, 130)
    run(f"{retrain} more/public/public.csv.gz", folder)
    assert "A=2:1" in run(f"{SETUP} recore production describe", folder)
