"""Lines of requirements.txt that pip would read differently from our parser, in the commands that run a submission."""

from pathlib import Path

import pytest
from recore_support.command import recore
from recore_support.run_command import file_options
from recore_support.submission_runs import run_submission
from recore_support.tiny_submission import stub
from stagemaker_support.sandbox import needs_sandbox

from recore.evaluation import StepFailed
from recore.evaluation.fleet import wheels

SECRET = "secret-of-the-host"
PACKAGE = {  # a build of this package would leave a file
    "pkg/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "pkg/backend.py": 'open("{trace}", "w").close()\n',
}
LINES = {
    "path": "six===x/../../../../../../../../../../{folder}/pkg",
    "option": 'evil==1.0 --hash="sha256:aa --no-binary=evil --find-links={folder}"',
    "variable": "lightgbm===${{AWS_SECRET_ACCESS_KEY}}",
}


def hostile_submission(folder: Path, name: str) -> Path:
    files = {path: content.format(trace=folder / "trace") for path, content in PACKAGE.items()}
    requirements = {"requirements.txt": LINES[name].format(folder=folder / name) + "\n"}
    manifest = {"MANIFEST.in": "include requirements.txt\ngraft pkg\n"}
    return stub(folder / name, files | requirements | manifest)


def assert_untouched(folder: Path, output: str) -> None:
    assert not (folder / "trace").exists()
    assert SECRET not in output
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize("name", LINES)
def test_a_run_rejects_the_line(name: str, tmp_path: Path, sample: Path) -> None:
    submission = hostile_submission(tmp_path, name)
    result = run_submission(submission, tmp_path / "run", *file_options(sample), AWS_SECRET_ACCESS_KEY=SECRET)
    assert result.status == 1
    assert result.reason("train").startswith("requirements.txt could not be installed: line 1: ")
    assert_untouched(tmp_path, result.stdout + result.stderr)


@needs_sandbox
def test_judge_rejects_the_lines(tmp_path: Path, sample: Path) -> None:
    submissions = [hostile_submission(tmp_path, name) for name in LINES]
    options = [*file_options(sample), "--out", tmp_path / "judged"]
    result = recore("judge", *submissions, *options, cwd=tmp_path, AWS_SECRET_ACCESS_KEY=SECRET)
    assert result.returncode == 0, result.stderr
    table = (tmp_path / "judged/judged.csv").read_text()
    assert table.count("requirements.txt could not be installed: line 1: ") == len(LINES)
    assert_untouched(tmp_path, result.stdout + result.stderr)


@pytest.mark.parametrize("name", LINES)
def test_the_job_that_fetches_wheels_does_not_get_the_line(name: str) -> None:
    with pytest.raises(StepFailed, match=r"requirements.txt, line 2: .* is not a package from the index"):
        wheels.list_packages(f"numpy\n{LINES[name].format(folder='/x')}\n".encode())
