"""The suggested terminal command reproduces a failed step's error."""

import gzip
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from recore_support.tiny_submission import TARGETS, stub

from recore.evaluation.step import Step
from recore.failures.exceptions import find_exception
from recore.failures.explanation import explain_failure

ERROR = "ValueError: no copper"
CRASH = '    raise ValueError("no copper")\n'
TRAIN = (
    f'import os\n\nif __name__ == "__main__":\n    print(os.environ["SM_CHANNEL_TRAINING"])\n{CRASH}    SM_MODEL_DIR\n'
)
PREPROCESS = f"""
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--input")
parser.add_argument("--output")
if open(parser.parse_args().input, "rb").read(2) == b"\\x1f\\x8b":
{CRASH}"""
PIP_ERROR = "ERROR: No matching distribution found for no-such-package==1.0"
INSTALL_FAILURE = f"requirements.txt could not be installed: {PIP_ERROR}"
ADDRESS = "requirements.txt could not be installed: line 1: 'git+https://example.com/mdl' is neither ..."
TRACEBACK = 'Traceback (most recent call last):\n  File "/opt/ml/code/train.py", line 4, in <module>\n    raise\n{}\n'


@dataclass(frozen=True)
class Failure:
    """A failed step. error: the suggested command's output, or None if none is suggested. data: the data file name."""

    step: str
    error: str | None
    files: dict[str, str | bytes]
    exception: str | None = ERROR
    reason: str = ERROR
    data: str | None = "public.csv.gz"
    outside: bool = False
    folder: str = "my submission"


TRAINING = {"train.py": TRAIN}
FAILURES = {
    "train": Failure("train", ERROR, TRAINING),
    "train of a check": Failure("full train", ERROR, TRAINING),
    "preprocess": Failure("private preprocess", ERROR, {"preprocess.py": PREPROCESS}, data="private.csv.gz"),
    "the current folder": Failure("train", ERROR, TRAINING, folder="."),
    "requirements": Failure(
        "train", PIP_ERROR, {"requirements.txt": "no-such-package==1.0\n"}, None, INSTALL_FAILURE, None
    ),
    "an address among the requirements": Failure(
        "train", None, {"requirements.txt": "git+https://example.com/mdl\n"}, None, ADDRESS
    ),
    "no data": Failure("train", None, TRAINING, data=None),
    "data of another name": Failure("train", None, TRAINING, data="mine.csv.gz"),
    "no exception": Failure("train", None, TRAINING, None, "more than 60 minutes"),
    "a required argument": Failure("train", None, TRAINING, None, "train.py: error: ..."),
    "a missing file": Failure("train", None, TRAINING, "FileNotFoundError: weights.npy"),
    "a missing module": Failure("train", None, TRAINING, "ModuleNotFoundError: no"),
    "no network": Failure("train", None, TRAINING, "urllib.error.URLError: <urlopen error>"),
    "other variables": Failure("train", None, {"train.py": f"{TRAIN}    SM_OUTPUT_DATA_DIR\n"}),
    "fixed paths": Failure("public preprocess", None, {}),
    "a server": Failure("public predict", None, TRAINING),
    "outside the job": Failure("train", None, TRAINING, outside=True),
    "a package that is not here": Failure("train", None, TRAINING | {"requirements.txt": "no-such-package\n"}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_the_suggested_command_shows_the_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = FAILURES[name]
    submission = stub(tmp_path / "my submission", failure.files)
    files = sorted(submission.rglob("*"))
    data = tmp_path / "data" / failure.data if failure.data else None
    if data:
        data.parent.mkdir()
        data.write_bytes(gzip.compress(f",1000,{','.join(TARGETS)}\n".encode()))
    exception = find_exception(TRACEBACK.format(failure.exception)) if failure.exception else None
    step = Step(
        failure.step, reason=failure.reason, exception=exception, outside=failure.outside, data=data, state="Failed"
    )
    monkeypatch.chdir(submission if failure.folder == "." else tmp_path)
    lines = explain_failure(step, tmp_path / "run", Path(failure.folder))
    commands = [line.partition(": ")[2] for line in lines if line.startswith("  to see only the error: ")]
    if failure.error is None:
        assert commands == []
        return
    [command] = commands
    assert command.startswith("cd ") == (failure.folder != ".")
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INDEX": "1"}
    process = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
    assert process.returncode != 0
    assert failure.error in process.stderr
    assert sorted(submission.rglob("*")) == files


def test_a_packed_submission_has_no_command(tmp_path: Path) -> None:
    (archive := tmp_path / "src.tar.gz").touch()
    step = Step("train", reason=ERROR, exception=find_exception(TRACEBACK.format(ERROR)), data=tmp_path)
    assert len(explain_failure(step, tmp_path, archive)) == 2
