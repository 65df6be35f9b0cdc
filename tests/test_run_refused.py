"""`python -m recore run` that cannot begin: exit status 2, one line that says how to fix it, and no files."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT
from support.data_files import write_gz
from support.run_command import file_options, run_recore, start
from support.tiny_submission import SETUP, tiny


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tiny(tmp_path / "mine")


def refused(*arguments: object, cwd: Path, **variables: str) -> str:
    """The last line of a run that is refused in an empty folder; no file is written and no job started."""
    before = sorted(os.listdir(cwd))
    done = run_recore(*arguments, cwd=cwd, **variables)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "started" not in done.stderr
    assert sorted(os.listdir(cwd)) == before
    return done.stderr.splitlines()[-1]


def test_a_folder_that_is_there(mine: Path, tmp_path: Path, sample: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/run.json").write_text("earlier")
    line = refused(mine, *file_options(sample), "--out", "runs", cwd=tmp_path)
    assert line == "recore: runs: there already; an earlier run is never replaced, choose another --out"
    assert (tmp_path / "runs/run.json").read_text() == "earlier"


def test_no_data(mine: Path, tmp_path: Path) -> None:
    line = refused(mine, cwd=tmp_path)
    assert line == (
        "recore: data/public/public.csv.gz: there is no such file; `python -m recore sample` makes sample data"
    )
    line = refused(mine, "--public", "gone.csv.gz", "--out", "run", cwd=tmp_path)
    assert line.startswith("recore: gone.csv.gz: there is no such file; ")


def test_private_data_without_public(mine: Path, tmp_path: Path, sample: Path) -> None:
    for names in (["private"], ["private", "actual"]):
        line = refused(mine, *file_options(sample, *names), cwd=tmp_path)
        assert line == "recore: --private and --actual need --public; see `python -m recore run --help`"
    line = refused(mine, *file_options(sample, "public", "actual"), cwd=tmp_path)
    assert "these assays need the private data that they belong to, --private" in line


def test_private_data_with_assays_are_refused(mine: Path, tmp_path: Path, sample: Path) -> None:
    public = sample / "public/public.csv.gz"
    line = refused(mine, "--public", public, "--private", public, cwd=tmp_path)
    assert "is neither an ID nor a wavenumber, and the submission would see it" in line
    text = write_gz(tmp_path / "data.csv.gz", "")
    assert "a header of an index and columns" in refused(mine, "--public", text, cwd=tmp_path)


def test_invalid_submissions_are_refused(tmp_path: Path, sample: Path) -> None:
    public = file_options(sample, "public")
    (tmp_path / "empty").mkdir()
    line = refused("empty", *public, cwd=tmp_path)
    assert line == "recore: empty: there is no setup.py to name the files to upload: copy the template's"
    assert refused("gone", *public, cwd=tmp_path) == "recore: gone: there is no such submission"
    tiny(tmp_path / "found", {"setup.py": SETUP.replace('["train", "preprocess"]', "find_modules()")})
    assert "it is not run here, only read" in refused("found", *public, cwd=tmp_path)


def test_options_that_do_not_go_together(mine: Path, tmp_path: Path, sample: Path) -> None:
    files = file_options(sample, "public")
    aws = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_DEFAULT_REGION": ""}
    files += ["--out", "x"]
    line = refused(mine, *files, "--engine", "aws", cwd=tmp_path, **aws)
    assert "Export AWS_DEFAULT_REGION" in line
    aws |= {"AWS_DEFAULT_REGION": "us-east-1"}
    line = refused(mine, *files, "--engine", "aws", cwd=tmp_path, **aws)
    assert line.startswith("recore: AWS needs --role, the ARN of the jobs' role, and --bucket")
    line = refused(mine, *files, "--role", "arn:aws:iam::1:role/x", cwd=tmp_path)
    assert line.startswith("recore: --role and --bucket are for --engine aws")
    line = refused(mine, *files, "--training-instances", "large", cwd=tmp_path)
    assert line.startswith(
        "recore: --training-instances large: an instance type is needed, such as ml.m5.xlarge or ml.m5.xlarge:2"
    )
    assert "--max-payload" in refused(mine, *files, "--max-payload", 101, cwd=tmp_path)


def test_an_archive_of_something_else_is_one_line(tmp_path: Path, sample: Path) -> None:
    public = sample / "public/public.csv.gz"
    assert "archive of a submission" in refused(public, "--public", public, cwd=tmp_path)


def test_no_empty_folder_is_left(mine: Path, tmp_path: Path, sample: Path) -> None:
    refused(mine, *file_options(sample, "public"), "--training-instances", "large", cwd=tmp_path)


def without_bubblewrap(folder: Path) -> str:
    """A PATH with all that a run needs but bubblewrap."""
    folder.mkdir()
    for name in ("git", "rm", "cc"):
        if program := shutil.which(name):
            (folder / name).symlink_to(program)
    return f"{Path(sys.executable).parent}:{folder}"


def test_someone_elses_submission_meets_private_assays_only_with_isolation(
    mine: Path, tmp_path: Path, sample: Path
) -> None:
    path = without_bubblewrap(tmp_path / "bin")
    line = refused(mine, *file_options(sample, anywhere=False), "--out", "run", cwd=tmp_path, PATH=path)
    assert line == (
        "recore: isolation is required, and bubblewrap does not work here: install it, or allow user namespaces"
    )
    elsewhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
    line = refused(mine, *file_options(sample, anywhere=False), "--out", "run", cwd=tmp_path, **elsewhere)
    assert line.startswith("recore: isolation is required, and the simulator at http://127.0.0.1:9 decides on its own")


@pytest.mark.parametrize("options", [[ROOT], ["mine", "--isolation", "off"]], ids=["own", "isolation off"])
def test_own_work_and_what_is_allowed_start_without_isolation(
    options: list[object], mine: Path, tmp_path: Path, sample: Path
) -> None:
    path = without_bubblewrap(tmp_path / "bin")
    options = [mine if option == "mine" else option for option in options]
    started = start(tmp_path / "work", *options, *file_options(sample), "--out", tmp_path / "run", PATH=path)
    started.wait_for("train.py")
    started.process.send_signal(signal.SIGINT)
    assert started.end() == (130, [])
    first = started.stderr.splitlines()[0]
    assert first.endswith("isolation: none, nothing keeps a job from this user's files and the network")
    assert '"isolation": "none, nothing keeps' in (tmp_path / "run/run.json").read_text()
