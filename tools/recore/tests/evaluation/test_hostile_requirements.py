"""Lines of requirements.txt that pip would read differently from our parser, in the commands that run a submission."""

from pathlib import Path

import pytest
from recore_support.command import recore
from recore_support.run_command import file_options
from recore_support.submission_runs import run_submission
from recore_support.tiny_submission import stub
from stagemaker_support.hostile_requirements import HOSTILE_LINES, SECRET, hostile_package
from stagemaker_support.sandbox import needs_sandbox


def hostile_submission(folder: Path, index: int) -> Path:
    """Return a submission with one of the lines, and the package that the first of them names."""
    package = {f"pkg/{name}": content for name, content in hostile_package(folder / "trace").items()}
    requirements = {"requirements.txt": HOSTILE_LINES[index].replace("FOLDER", str(folder / str(index))) + "\n"}
    manifest = {"MANIFEST.in": "include requirements.txt\ngraft pkg\n"}
    return stub(folder / str(index), package | requirements | manifest)


def assert_untouched(folder: Path, output: str) -> None:
    assert not (folder / "trace").exists()
    assert SECRET not in output
    assert not [path for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("index", range(len(HOSTILE_LINES)))
def test_a_run_rejects_the_line(index: int, tmp_path: Path, sample: Path) -> None:
    submission = hostile_submission(tmp_path, index)
    result = run_submission(submission, tmp_path / "run", *file_options(sample), AWS_SECRET_ACCESS_KEY=SECRET)
    assert result.status == 1
    assert result.reason("train").startswith("requirements.txt could not be installed: line 1: ")
    assert_untouched(tmp_path, result.stdout + result.stderr)


@needs_sandbox
def test_judge_rejects_the_lines(tmp_path: Path, sample: Path) -> None:
    submissions = [hostile_submission(tmp_path, index) for index in range(len(HOSTILE_LINES))]
    options = [*file_options(sample), "--out", tmp_path / "judged"]
    result = recore("judge", *submissions, *options, cwd=tmp_path, AWS_SECRET_ACCESS_KEY=SECRET)
    assert result.returncode == 0, result.stderr
    table = (tmp_path / "judged/judged.csv").read_text()
    assert table.count("requirements.txt could not be installed: line 1: ") == len(HOSTILE_LINES)
    assert_untouched(tmp_path, result.stdout + result.stderr)
