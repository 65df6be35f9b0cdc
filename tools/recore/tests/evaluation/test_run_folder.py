import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from recore_support import records
from recore_support.tiny_submission import stub
from support.checkout import ROOT, environment

from recore.backends.backend import Services
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import RunSettings
from recore.evaluation.record import read_record, write_record
from recore.evaluation.run_folder import RunFolder, next_command
from recore.evaluation.submission import read_submission

WAITING_CODE = """
import sys
from contextlib import nullcontext
from pathlib import Path
from recore.evaluation.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])) as folder:
    (folder.path / "half").write_text("half")
    print(folder.path, flush=True)
    sys.stdin.read()
    print(folder.finish(), flush=True)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start_unfinished_run(target: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a run that lasts until the stdin of its process closes. Return the process and the run's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING_CODE, target],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, Path(process.stdout.readline().strip())


def test_a_run_folder_receives_its_name_when_it_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "deep/runs/mine"
    with RunFolder(target) as folder:
        (folder.path / "file").write_text("all of it")
        assert not target.exists()
        assert folder.finish() == target
        assert names(target.parent) == ["mine"]
    assert (target / "file").read_text() == "all of it"
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, SystemExit])
def test_a_run_folder_that_is_not_kept_is_removed(error: type[BaseException] | None, tmp_path: Path) -> None:
    with pytest.raises(error) if error else nullcontext(), RunFolder(tmp_path / "mine") as folder:
        (folder.path / "logs").mkdir()
        if error:
            raise error
    assert names(tmp_path) == []


@pytest.mark.parametrize("existing", ["folder", "empty", "file", "dangling link"])
def test_an_existing_name_is_rejected_immediately(existing: str, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    if existing == "dangling link":
        target.symlink_to("nowhere")
    else:
        target.write_text("") if existing == "file" else target.mkdir()
    if existing == "folder":
        (target / "run.json").write_text("earlier")
    with pytest.raises(FileExistsError, match="a run is never overwritten; choose another --out"):
        RunFolder(target)
    assert names(tmp_path) == ["mine"]


def test_a_number_is_appended_to_a_name_that_was_taken_during_the_run(tmp_path: Path) -> None:
    target = tmp_path / "mine"
    kept_paths = []
    runs = [RunFolder(target) for _ in range(3)]
    for run in runs:
        with run as folder:
            (folder.path / "file").write_text(str(len(kept_paths)))
            kept_paths.append(folder.finish())
    assert kept_paths == [target, tmp_path / "mine-2", tmp_path / "mine-3"]
    assert [(path / "file").read_text() for path in kept_paths] == ["0", "1", "2"]


def test_the_next_run_removes_the_leftovers_of_a_killed_one(tmp_path: Path) -> None:
    killed_run, leftover = start_unfinished_run(tmp_path / "killed")
    running, running_folder = start_unfinished_run(tmp_path / "live")
    killed_run.kill()
    killed_run.communicate()
    assert (leftover / "half").exists()
    with RunFolder(tmp_path / "mine"):
        assert not leftover.exists()
        assert (running_folder / "half").exists()
    assert names(tmp_path) == [running_folder.name]
    live_run, _ = start_unfinished_run(tmp_path / "live")
    output = sorted(process.communicate(timeout=120)[0].strip() for process in (running, live_run))
    assert output == [str(tmp_path / name) for name in ("live", "live-2")]  # both folders are kept
    assert names(tmp_path) == ["live", "live-2"]
    assert names(tmp_path / "live") == ["half"]


def test_what_no_run_created_is_kept_and_links_are_not_followed(tmp_path: Path) -> None:
    for name in ("runs/.download.part", "precious/folder"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs/.mine-x.part").symlink_to("../precious")
    with RunFolder(tmp_path / "runs/mine") as folder:
        folder.finish()
    assert (tmp_path / "runs/.download.part").exists()
    assert (tmp_path / "precious/folder").exists()


def test_a_record_with_names_that_are_not_utf_8_can_be_read(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    record = records.make_record() | {
        "submission": {"path": name, "sha256": "5" * 64},
        "note": name,
        "folder": f"/{name}",
    }
    record["steps"] = [records.STEPS[0] | {"state": "Failed", "reason": f"{name}: no such file"}]
    write_record(record, tmp_path)
    read = read_record(tmp_path)
    assert (read.submission, read.steps[0].reason) == ("caf?", "caf?: no such file")


def test_the_next_command_follows_from_the_state(
    tmp_path: Path, data: DataFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission, settings = (read_submission(stub(tmp_path / "my own")), RunSettings("recore-1", "bucket", "arn:role"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def next_after(files: DataFiles, **states: str) -> str | None:
        run = EvaluationRun(
            Services(lambda service: None), settings, submission, files, ROOT / "score.py", tmp_path / "run"
        )
        for name, step in run.steps.items():
            step.state = states.get(name.replace(" ", "_"), "Completed")
            step.outside = states.get("outside") == name
        command = next_command(run)
        assert command is None or Path(command.split()[0]).exists() or command.startswith("less ")
        return command and command.removeprefix(f"{sys.prefix}/bin/").removeprefix("../").removeprefix(".venv/bin/")

    check = f"recore check '{tmp_path}/my own' --public {data.public}"
    assert next_after(DataFiles(data.public)) == check
    assert next_after(data) == f"{check} --for-host"
    assert next_after(DataFiles(data.public), train="Failed") == check
    assert next_after(data, private_predict="Failed") == f"less {tmp_path}/run/logs/private-predict.log"
    assert next_after(data, upload="Failed", outside="upload") == "recore doctor"
    assert next_after(data, train="Stopped") is None
    settings = replace(settings, hyperparameters={"alphas": 3})  # check trains with the defaults
    assert next_after(DataFiles(data.public), train="Failed") == f"less {tmp_path}/run/logs/train.log"
