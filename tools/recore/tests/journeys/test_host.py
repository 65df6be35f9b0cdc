"""A host's evening: data are split, submissions are judged in one call, and the board says who won."""

import signal
from pathlib import Path

import pytest
from journeys.commands import interrupt, run, started, wait_for
from journeys.submissions import MODELS, Model, add_to_main, write
from journeys.tables import read_table, write_spectra

DATA = "--public data/public/public.csv.gz --private data/private/private.csv.gz --actual data/private/actual.csv.gz"
CHEAT = """pd.read_csv(os.path.join(arguments.data_dir, "public.csv.gz"), index_col=0)[TARGETS].to_csv(held_out)"""
FAILING = "    raise RuntimeError(f'no model for {len(inputs)} rows')\n"
SLOW = "    time.sleep(3600)\n"


def split(folder: Path) -> None:
    run("recore sample --out sample --rows 80 --holes 8 --channels 120", folder)
    run("recore split sample/public/public.csv.gz --holes 30% --out data", folder)


def judged(folder: Path) -> dict[str, dict[str, str]]:
    return {line["submission"]: line for line in read_table(folder / "judged/judged.csv")}


def test_two_submissions(tmp_path: Path) -> None:
    """An upload is ranked, and a folder that fails is listed with its reason; a second call has nothing to do.

    The winner's run is handed over, and a partner predicts spectra with it.
    """
    split(tmp_path)
    write(tmp_path / "good", MODELS["joblib"])
    run("recore pack --out ../good.tar.gz", tmp_path / "good")
    write(tmp_path / "failing", Model(FAILING))
    command = f"recore judge good.tar.gz failing {DATA}"
    first = run(command, tmp_path)
    assert "no model for" in first
    lines = judged(tmp_path)
    assert lines["good.tar.gz"]["private"]
    assert not lines["failing"]["private"]
    run(command, tmp_path)
    assert judged(tmp_path) == lines
    board = run("recore board judged --private", tmp_path)
    assert board.index("good") < board.index("failing")
    printed = run(f"recore handover {lines['good.tar.gz']['run']} --out handover", tmp_path)
    assert "begin with README.md and MODEL_CARD.md" in printed
    write_spectra(tmp_path, tmp_path / "sample", 3)
    assert "3 samples in assays.csv" in run("recore predict handover spectra --out assays.csv", tmp_path)
    assays = read_table(tmp_path / "assays.csv")
    assert [row["name"].startswith("sample-") for row in assays] == [True] * 3
    assert all(row["CuPPM"] for row in assays)


@pytest.mark.journey
def test_evening(tmp_path: Path) -> None:
    """Twelve submissions; the command is killed in the middle, and its second call judges the rest."""
    split(tmp_path)
    models = MODELS | {
        "copies": Model(),
        "failing": Model(FAILING),
        "invalid": Model("    return (\n"),
        "slow": Model(SLOW),
        "stronger": Model(MODELS["pickle"].fit.replace("alpha)", "100 * alpha)")),
    }
    for name, model in models.items():
        write(tmp_path / name, model)
    add_to_main(tmp_path / "copies", CHEAT)
    command = f"recore judge {' '.join(models)} {DATA} --jobs 2 --minutes 2"
    with started(f"exec {command}", tmp_path) as process:
        wait_for("joblib: completed", process)
        interrupt(process, signal.SIGKILL)
    run(command, tmp_path, timeout=1800)
    lines = judged(tmp_path)
    assert set(lines) == set(models)
    good = set(models) - {"failing", "invalid", "slow"}
    assert {name for name, line in lines.items() if line["private"]} == good
    assert all(line["result"] for line in lines.values())
    board = run("recore board judged --private", tmp_path)
    assert max(board.index(name) for name in good) < min(board.index(name) for name in ("failing", "invalid", "slow"))
