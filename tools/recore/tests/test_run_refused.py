import contextlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from recore_support.run_command import file_options, refused_run, run_recore, start
from recore_support.tiny_submission import SETUP, tiny
from support.checkout import ROOT
from support.data_files import write_gz


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    return tiny(tmp_path / "mine")


def test_an_existing_folder_is_refused(submission: Path, tmp_path: Path, sample: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/run.json").write_text("earlier")
    line = refused_run(submission, *file_options(sample), "--out", "runs", cwd=tmp_path)
    assert line.startswith("recore: runs already exists")
    assert "--out" in line
    assert (tmp_path / "runs/run.json").read_text() == "earlier"


def test_missing_data_are_refused(submission: Path, tmp_path: Path) -> None:
    line = refused_run(submission, cwd=tmp_path)
    assert "data/public/public.csv.gz: there is no such file" in line
    assert "`python -m recore sample --out data`" in line
    line = refused_run(submission, "--public", "gone.csv.gz", "--out", "run", cwd=tmp_path)
    assert line.startswith("recore: gone.csv.gz: there is no such file")


def test_private_data_without_public_data_are_refused(submission: Path, tmp_path: Path, sample: Path) -> None:
    for names in (["private"], ["private", "actual"]):
        line = refused_run(submission, *file_options(sample, *names), cwd=tmp_path)
        assert "--private and --actual need --public" in line
    line = refused_run(submission, *file_options(sample, "public", "actual"), cwd=tmp_path)
    assert "--private" in line


def test_private_data_with_assays_are_refused(submission: Path, tmp_path: Path, sample: Path) -> None:
    public = sample / "public/public.csv.gz"
    line = refused_run(submission, "--public", public, "--private", public, cwd=tmp_path)
    assert "the submission would see it" in line
    text = write_gz(tmp_path / "data.csv.gz", "")
    assert "this file is empty" in refused_run(submission, "--public", text, cwd=tmp_path)


def test_invalid_submissions_are_refused(tmp_path: Path, sample: Path) -> None:
    public = file_options(sample, "public")
    (tmp_path / "empty").mkdir()
    line = refused_run("empty", *public, cwd=tmp_path)
    assert line.startswith("recore: empty: there is no setup.py")
    assert refused_run("gone", *public, cwd=tmp_path).startswith("recore: gone: ")
    tiny(tmp_path / "found", {"setup.py": SETUP.replace('["train", "preprocess"]', "find_modules()")})
    assert "it is not run here, only read" in refused_run("found", *public, cwd=tmp_path)
    assert "archive of a submission" in refused_run(public[1], *public, cwd=tmp_path)


def test_endless_submissions_are_refused(tmp_path: Path, sample: Path) -> None:
    public = file_options(sample, "public")
    os.mkfifo(tmp_path / "pipe")
    line = refused_run("pipe", *public, cwd=tmp_path)
    assert line.startswith("recore: pipe: a submission's folder or archive is needed")
    for name in ("setup.py", "MANIFEST.in"):
        folder = tiny(tmp_path / f"loop of {name}")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name)
        assert f"{folder / name}: a loop of symbolic links" in refused_run(folder, *public, cwd=tmp_path)
        (folder / name).unlink()
        with open(folder / name, "wb") as file:
            file.truncate(1 << 40)
        assert f"{folder / name}: more than 1 MB" in refused_run(folder, *public, cwd=tmp_path)


def test_missing_invalid_and_incompatible_options_are_refused(submission: Path, tmp_path: Path, sample: Path) -> None:
    files = file_options(sample, "public")
    aws = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_DEFAULT_REGION": ""}
    line = refused_run(submission, *files, "--engine", "aws", cwd=tmp_path, **aws)
    assert "export AWS_DEFAULT_REGION" in line
    process_result = run_recore(submission, *files, "--engine", "aws", cwd=tmp_path, **aws)
    assert (process_result.returncode, process_result.stdout, process_result.stderr) == (2, "", f"{line}\n")
    aws |= {"AWS_DEFAULT_REGION": "us-east-1"}
    line = refused_run(submission, *files, "--engine", "aws", cwd=tmp_path, **aws)
    assert "--role" in line
    assert "--bucket" in line
    line = refused_run(submission, *files, "--role", "arn:aws:iam::1:role/x", cwd=tmp_path)
    assert "--role and --bucket are for --engine aws" in line
    line = refused_run(submission, *files, "--training-instances", "large", cwd=tmp_path)
    assert "--training-instances large: an instance type is needed, such as ml.m5.xlarge" in line
    assert "--max-payload" in refused_run(submission, *files, "--max-payload", 101, cwd=tmp_path)


def without_bubblewrap(folder: Path) -> str:
    folder.mkdir()
    for name in ("git", "rm", "cc"):
        if program := shutil.which(name):
            (folder / name).symlink_to(program)
    return f"{Path(sys.executable).parent}:{folder}"


def test_someone_elses_submission_runs_with_private_assays_only_in_isolation(
    submission: Path, tmp_path: Path, sample: Path
) -> None:
    """The first run is in a new process, which has not yet tried bubblewrap. The other runs are in this process."""
    path = without_bubblewrap(tmp_path / "bin")
    options = [*file_options(sample, allow_unsandboxed=False), "--out", "run"]
    result = run_recore(submission, *options, cwd=tmp_path, PATH=path)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert "isolation is required, but bubblewrap does not work here: install it" in result.stderr
    assert "--isolation auto" in result.stderr
    assert sorted(os.listdir(tmp_path)) == ["bin", "mine"]


@pytest.mark.slow
@pytest.mark.parametrize("options", [[ROOT], ["mine", "--isolation", "off"]], ids=["own", "isolation off"])
def test_ones_own_and_allowed_submissions_start_without_isolation(
    options: list[object], submission: Path, tmp_path: Path, sample: Path
) -> None:
    path = without_bubblewrap(tmp_path / "bin")
    options = [submission if option == "mine" else option for option in options]
    command = start(tmp_path / "work", *options, *file_options(sample), "--out", tmp_path / "run", PATH=path)
    command.wait_for("train.py")
    command.process.send_signal(signal.SIGINT)
    assert command.end() == (130, [])
    first = command.stderr.splitlines()[0]
    assert first.endswith("isolation: none (jobs can read this user's files and use the network)")
    assert '"isolation": "none (jobs can read' in (tmp_path / "run/run.json").read_text()


def test_data_that_are_not_regular_files_are_refused(submission: Path, tmp_path: Path, sample: Path) -> None:
    """Opening a named pipe would block forever."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(tmp_path):  # a socket needs a short path
            server.bind("socket")
        for option, names in (("--public", []), ("--private", ["public"]), ("--actual", ["public", "private"])):
            for path in ("pipe", "socket", "/dev/null"):
                line = refused_run(submission, *file_options(sample, *names or ["public"]), option, path, cwd=tmp_path)
                assert f"File '{path}' is a pipe, a socket or a device: a regular file is needed;" in line
            assert "is a directory" in refused_run(submission, option, ".", cwd=tmp_path)
