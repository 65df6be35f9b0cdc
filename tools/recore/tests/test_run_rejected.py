import contextlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest
from recore_support.run_command import failed_run_error, file_options, run_recore, start
from recore_support.tiny_submission import SETUP, stub
from support.checkout import ROOT
from support.data_files import write_gz


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    return stub(tmp_path / "mine")


PUBLIC, PRIVATE, ACTUAL, FILE = "PUBLIC", "PRIVATE", "ACTUAL", "FILE"  # FILE: only a file; others: options with files
NO_REGULAR_FILE = "is not a regular file but a pipe, a socket or a device;"
REQUIRED = {"--public": [], "--private": [PUBLIC], "--actual": [PUBLIC, PRIVATE]}  # for each option, other options
REJECTIONS: list[tuple[list[object], str]] = [
    (["mine", PUBLIC, "--out", "runs"], "runs already exists, and a run is never overwritten; choose another --out"),
    (["mine"], "data/public/public.csv.gz: there is no such file"),
    (["mine"], "`python -m recore sample --out data`"),
    (["mine", "--public", "gone.csv.gz", "--out", "run"], "recore: gone.csv.gz: there is no such file"),
    (["mine", PRIVATE], "--private and --actual require --public"),
    (["mine", PRIVATE, ACTUAL], "--private and --actual require --public"),
    (["mine", PUBLIC, ACTUAL], "--private"),
    (["mine", PUBLIC, "--private", FILE], "the submission would see it"),
    (["mine", "--public", "empty.csv.gz"], "this file is empty"),
    (["empty", PUBLIC], "empty: this is not a submission (it has no setup.py"),
    (["gone", PUBLIC], "recore: gone: "),
    (["found", PUBLIC], "this file is parsed, not run"),
    ([FILE, PUBLIC], "submission archive"),
    (["pipe", PUBLIC], "recore: pipe: this is a pipe, socket or device"),
    (["mine", PUBLIC, "--role", "arn:aws:iam::1:role/x"], "--role and --bucket require --engine aws"),
    (["mine", PUBLIC, "--training-instances", "large"], "large: specify an instance type, such as ml.m5.xlarge"),
    (["mine", PUBLIC, "--max-payload", 101], "--max-payload"),
    *((["mine", option, "."], "is a directory") for option in REQUIRED),
    *(
        (["mine", *needed, option, path], f"File '{path}' {NO_REGULAR_FILE}")
        for option, needed in REQUIRED.items()
        for path in ("pipe", "socket", "/dev/null")
    ),
]


@pytest.mark.parametrize(("args", "reason"), REJECTIONS, ids=lambda value: "-".join(map(str, value))[:60])
def test_a_run_that_cannot_work_is_rejected_in_one_line(
    args: list[object], reason: str, submission: Path, tmp_path: Path, sample: Path
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/run.json").write_text("earlier")
    (tmp_path / "empty").mkdir()
    write_gz(tmp_path / "empty.csv.gz", "")
    stub(tmp_path / "found", {"setup.py": SETUP.replace('["train", "preprocess"]', "find_modules()")})
    os.mkfifo(tmp_path / "pipe")  # opening it would block forever
    files = {name: file_options(sample, name.lower()) for name in (PUBLIC, PRIVATE, ACTUAL)}
    files[FILE] = [sample / "public/public.csv.gz"]
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(tmp_path):  # a socket needs a short path
            server.bind("socket")
        options = [option for word in args for option in files.get(word, [word])]
        assert reason in failed_run_error(*options, cwd=tmp_path)
    assert (tmp_path / "runs/run.json").read_text() == "earlier"


def test_endless_submissions_are_rejected(tmp_path: Path, sample: Path) -> None:
    public = file_options(sample, "public")
    for name in ("setup.py", "MANIFEST.in"):
        folder = stub(tmp_path / f"loop of {name}")
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name)
        assert f"{folder / name}: this is a loop of symbolic links" in failed_run_error(folder, *public, cwd=tmp_path)
        (folder / name).unlink()
        with open(folder / name, "wb") as file:
            file.truncate(1 << 40)
        assert f"{folder / name}: the file is larger than 1 MB" in failed_run_error(folder, *public, cwd=tmp_path)


def test_aws_needs_a_region_a_role_and_a_bucket(submission: Path, tmp_path: Path, sample: Path) -> None:
    options = [submission, *file_options(sample, "public"), "--engine", "aws"]
    aws = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_DEFAULT_REGION": ""}
    line = failed_run_error(*options, cwd=tmp_path, **aws)
    assert "export AWS_DEFAULT_REGION" in line
    process = run_recore(*options, cwd=tmp_path, **aws)
    assert (process.returncode, process.stdout, process.stderr) == (2, "", f"{line}\n")
    line = failed_run_error(*options, cwd=tmp_path, **aws | {"AWS_DEFAULT_REGION": "us-east-1"})
    assert "--role" in line
    assert "--bucket" in line


def without_bubblewrap(folder: Path) -> str:
    folder.mkdir()
    for name in ("git", "rm", "cc"):
        if program := shutil.which(name):
            (folder / name).symlink_to(program)
    return f"{Path(sys.executable).parent}:{folder}"


def test_someone_elses_submission_runs_with_private_assays_only_in_isolation(
    submission: Path, tmp_path: Path, sample: Path
) -> None:
    """Isolation is required by default. The run is in a new process, which has not yet tried bubblewrap."""
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
    assert first.endswith("of their packages can read this user's files and use the network)")
    assert '"isolation": "none (jobs can read' in (tmp_path / "run/run.json").read_text()
