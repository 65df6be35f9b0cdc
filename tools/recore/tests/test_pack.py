import hashlib
import json
import shutil
from pathlib import Path

import pytest
from evaluation.test_submission import pack_with_setuptools
from recore_support.command import recore, recore_process, usage_error
from stagemaker_support.archives import content

from recore.template.new_submission import write_submission


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    write_submission(tmp_path / "mine")
    return tmp_path / "mine"


def test_the_archive_contains_what_setuptools_packs(submission: Path, tmp_path: Path) -> None:
    (submission / "MANIFEST.in").write_text("include *.txt *.gz\nexclude README.md\n")
    for _ in range(2):
        result = recore_process("pack", submission)
        assert result.returncode == 0, result.stderr
    archive = content(submission / "src.tar.gz")
    expected = pack_with_setuptools({"mine": submission}, tmp_path)["mine"]
    assert expected.pop("src.tar.gz")  # the upload client's build removes this file
    assert archive == expected
    assert [line.split()[-1] for line in result.stdout.splitlines()[:-2]] == sorted(archive)
    sha256 = hashlib.sha256((submission / "src.tar.gz").read_bytes()).hexdigest()
    assert result.stdout.endswith(f"SHA-256 {sha256}\n")
    assert not list(submission.glob(".pack-*"))


def test_the_same_files_produce_the_same_archive_anywhere(submission: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(submission, tmp_path / "copy", copy_function=shutil.copyfile))
    first = json.loads(recore("pack", "--json", cwd=submission).stdout)
    second = json.loads(recore("pack", copy, "--out", tmp_path / "x.tar.gz", "--json").stdout)
    assert (first.pop("archive"), second.pop("archive")) == ("src.tar.gz", str(tmp_path / "x.tar.gz"))
    assert first == second
    assert (submission / "src.tar.gz").read_bytes() == (tmp_path / "x.tar.gz").read_bytes()
    assert not (copy / "src.tar.gz").exists()


def test_nothing_is_written_if_the_check_finds_an_error(submission: Path) -> None:
    (submission / "src.tar.gz").write_text("an earlier one")
    with (submission / "train.py").open("a") as file:
        file.write("import numpyy\n")
    result = recore("pack", submission)
    assert result.returncode == 1
    assert "RC108 error" in result.stdout
    assert "nothing was packed" in result.stderr
    assert json.loads(recore("pack", submission, "--json").stdout)["errors"] == 1
    assert (submission / "src.tar.gz").read_text() == "an earlier one"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["docs"], "docs: this is not a submission"),
        (["nowhere"], "nowhere: there is no such folder"),
        (["setup.py"], "setup.py: this is a file"),
        (["--out", "tests/x.tar.gz"], "this archive could be packed into the next one"),
        (["--out", "train.py"], "this archive could be packed into the next one"),
        (["--out", "docs"], "docs"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(arguments: list[str], reason: str) -> None:
    assert reason in usage_error(recore("pack", *arguments))
