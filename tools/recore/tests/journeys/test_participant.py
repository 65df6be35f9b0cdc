"""A participant's day: a new folder, a model, the check, runs, validation, the leaderboard and the archive."""

import tarfile
from pathlib import Path

import pytest
from journeys.commands import finish, interrupt, run, start_process, wait_for
from journeys.submissions import MODELS, write

SAMPLE = "recore sample --out data --rows 80 --holes 8 --channels 120"
PUBLIC = "data/public/public.csv.gz"


def test_first_hour(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine", MODELS["joblib"])
    assert "check: no findings" in run("recore check --source-only", mine)
    assert "no-such.csv" in run("recore run --public no-such.csv", mine, status=2)
    assert {"train.py", "preprocess.py", "estimators.py", "requirements.txt"} <= pack(mine)


@pytest.mark.journey
@pytest.mark.parametrize("name", MODELS)
def test_day(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", MODELS[name])
    run(SAMPLE, folder)
    packages = {}  # packages that only the user's environment has
    if requirement := MODELS[name].requirement:
        run(f"pip install --quiet --no-deps --target ../packages {requirement}", folder)
        packages = {"PYTHONPATH": str(tmp_path / "packages")}
    for script in ("train.py", "predict.py"):
        run(f"python {script}", folder, **packages)
    printed = run("recore check --ignore RC604", folder)  # with so few rows, linear models predict negative assays
    assert "check: no findings" in printed, printed
    run("recore run --out runs/first --note first", folder)
    run("recore run --out runs/second --note second", folder)
    assert "runs/first" in run("recore run --out runs/first", folder, status=2)
    assert (folder / "runs/first/report.html").is_file()
    assert "held-out" in run(f"recore validate --public {PUBLIC}", folder, **packages)
    assert {"first", "second"} <= set(run("recore leaderboard", folder).split())
    pack(folder)
    run("recore check --source-only src.tar.gz", folder)


@pytest.mark.journey
def test_afternoon_of_mistakes(tmp_path: Path) -> None:
    """A wrong file, a missing column and Ctrl-C each end with a one-line message and do not change the earlier run."""
    mine = write(tmp_path / "mine", MODELS["pickle"])
    run(SAMPLE, mine)
    run("recore run --out runs/first --no-report", mine)
    record = (mine / "runs/first/run.json").read_bytes()
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (mine / "pointer.csv.gz").write_text(pointer)
    for command in ("run --public", "explore", "validate --public", "check --public", "split --holes 30% --out s"):
        assert "git lfs pull" in run(f"recore {command} pointer.csv.gz", mine, status=2)
    frame = f"pandas.read_csv('{PUBLIC}', index_col=0).drop(columns='SiteID')"
    run(f"python -c \"import pandas; {frame}.to_csv('no-holes.csv')\"", mine)
    for command, status in (("explore", 0), ("validate --public", 2), ("check --public", 1), ("run --public", 1)):
        assert "SiteID" in run(f"recore {command} no-holes.csv", mine, status)
    with start_process("exec recore run --out runs/stopped", mine) as process:
        wait_for("train: started", process)
        interrupt(process)
        assert "runs/stopped" in finish(process, status=130)
    assert (mine / "runs/first/run.json").read_bytes() == record
    assert "first" in run("recore leaderboard", mine)


def pack(folder: Path) -> set[str]:
    run("recore pack", folder)
    with tarfile.open(folder / "src.tar.gz") as archive:
        return {member.name for member in archive}
