"""A host's evening: split the data, judge the submissions with one command, and see the winner on the leaderboard."""

import signal
from pathlib import Path

import pytest
from journeys.commands import interrupt, run, start_process, wait_for
from journeys.submissions import MODELS, Model, add_to_main, write
from journeys.tables import read_table, write_spectra

DATA = "--public data/public/public.csv.gz --private data/private/private.csv.gz --actual data/private/actual.csv.gz"
CHEATING_LINE = 'targets.to_csv(held_out, index_label="index")'
FAILING = "    raise RuntimeError(f'no model for {len(inputs)} rows')\n"
SLEEP_LINE = "    time.sleep(3600)\n"


def split_data(folder: Path) -> None:
    run("recore sample --out sample --rows 80 --holes 8 --channels 120", folder)
    run("recore split sample/public/public.csv.gz --holes 30% --out data", folder)


def read_judged(folder: Path) -> dict[str, dict[str, str]]:
    return {line["submission"]: line for line in read_table(folder / "judged/judged.csv")}


@pytest.mark.journey
def test_a_judged_upload_is_handed_over_and_predicts_spectra(tmp_path: Path) -> None:
    split_data(tmp_path)
    write(tmp_path / "good", MODELS["joblib"])
    run("recore pack --out ../good.tar.gz", tmp_path / "good")
    run(f"recore judge good.tar.gz {DATA}", tmp_path)
    line = read_judged(tmp_path)["good.tar.gz"]
    assert line["private"]
    assert "begin with README.md and MODEL_CARD.md" in run(f"recore handover {line['run']} --out handover", tmp_path)
    write_spectra(tmp_path, tmp_path / "sample", 3)
    assert "wrote 3 samples to assays.csv" in run("recore predict handover spectra --out assays.csv", tmp_path)
    assays = read_table(tmp_path / "assays.csv")
    assert [row["name"].startswith("sample-") for row in assays] == [True] * 3
    assert all(row["CuPPM"] for row in assays)


@pytest.mark.journey
def test_evening(tmp_path: Path) -> None:
    """Judge ten submissions. The command is killed halfway; a second run judges the remaining ones."""
    split_data(tmp_path)
    models = MODELS | {
        "copies": Model(),
        "failing": Model(FAILING),
        "invalid": Model("    return (\n"),
        "slow": Model(SLEEP_LINE),
        "stronger": Model(MODELS["pickle"].fit.replace("alpha)", "100 * alpha)")),
    }
    for name, model in models.items():
        write(tmp_path / name, model)
    add_to_main(tmp_path / "copies", CHEATING_LINE)
    command = f"recore judge {' '.join(models)} {DATA} --jobs 2 --time-limit 2"
    with start_process(f"exec {command}", tmp_path) as process:
        wait_for("joblib: completed", process)
        interrupt(process, signal.SIGKILL)
    run(command, tmp_path, timeout=1800)
    lines = read_judged(tmp_path)
    run(command, tmp_path)  # nothing is left to judge
    assert read_judged(tmp_path) == lines
    assert set(lines) == set(models)
    names = set(models) - {"failing", "invalid", "slow"}
    assert {name for name, line in lines.items() if line["private"]} == names
    assert all(line["result"] for line in lines.values())
    board = run("recore leaderboard judged --private", tmp_path)
    assert max(board.index(name) for name in names) < min(board.index(name) for name in ("failing", "invalid", "slow"))
