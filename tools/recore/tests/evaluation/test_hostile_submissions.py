"""A submission that searches for private assays in every step finds none."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.run_command import file_options
from recore_support.submission_runs import SUBMISSIONS, FinishedRun, other_entries
from stagemaker_support.sandbox import needs_sandbox
from support.checkout import ROOT, environment

ATTEMPTS = {"path", "name", "content", "files of processes", "variables", "arguments"}
ATTEMPTS |= {"a port", "any port", "metadata", "S3"}
WAITING_ATTEMPTS = {"path", "content", "files of processes", "a port", "S3"}
SERVER_STAGES = {"preprocess.py", "train.py", "model_fn", "input_fn", "predict_fn"}
STAGES = {  # the stages in which the hostile submission's code runs, by step
    "train": {"preprocess.py", "train.py", "training"},
    "public preprocess": {"preprocess.py"},
    "public predict": SERVER_STAGES | {"waiting"},
    "private preprocess": {"preprocess.py"},
    "private predict": SERVER_STAGES,
}


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        yield server.getsockname()[1]


def run_hostile_submission(folder: Path, sample: Path, port: int, isolation: str) -> tuple[FinishedRun, list[str]]:
    """Run a submission that searches for private assays. Return the run, and its steps in order of end time.

    The public transform job waits for the private score. The run's arguments and variables contain the assays' path.
    """
    if (os.cpu_count() or 1) < 2:
        pytest.skip("this test needs two cores: one job waits while others run")
    actual, isolated = sample / "private/actual.csv.gz", isolation == "required"
    with tempfile.TemporaryDirectory() as temporary:
        content = actual.read_bytes()
        facts = {"path": str(actual), "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "port": port}
        # without isolation, the submission searches only this test's files
        facts |= {"scan": isolated, "ancestors": not isolated, "roots": ["/"] if isolated else [temporary, str(sample)]}
        submission = folder / "hostile"
        shutil.copytree(SUBMISSIONS / "hostile/searching", submission)
        script = submission / "preprocess.py"
        script.write_text(script.read_text().replace("KNOWN = {}", f"KNOWN = {facts!r}"))
        out, ended_steps = folder / "runs/run", list[str]()
        command = [sys.executable, "-m", "recore", "run", submission, "--out", out, *file_options(sample)]
        command += ["--isolation", isolation, "--no-report"]
        env = environment() | {"TMPDIR": temporary, "ACTUAL": str(actual)}
        with subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            lines = []
            for line in process.stderr:
                lines.append(line)
                step, _, state = line.partition(": ")
                ended_steps += [] if state.startswith("started") else [step]
                if "private score" in ended_steps or (step.startswith("private") and state.startswith("failed")):
                    for job in Path(temporary).glob("recore-*/job-*/ml"):
                        (job / "stop-waiting").touch()
            return FinishedRun(process.wait(), process.stdout.read(), "".join(lines), out), ended_steps


def attempts_of(result: FinishedRun) -> dict[str, dict[str, dict[str, bool]]]:
    """Return whether each attempt found the assays, by step and stage."""
    leaks: dict[str, dict[str, dict[str, bool]]] = {}
    for step in STAGES:
        for line in result.log(step).read_text().splitlines():
            if line.startswith("LOOKED "):
                attempt = json.loads(line.removeprefix("LOOKED "))
                outcomes = leaks.setdefault(step, {}).setdefault(attempt["stage"], {})
                for name, value in attempt["found"].items():
                    outcomes[name] = outcomes.get(name, False) or value
    return leaks


@needs_sandbox
def test_no_attempt_reaches_the_private_assays(tmp_path: Path, sample: Path, port: int) -> None:
    result, ended_steps = run_hostile_submission(tmp_path, sample, port, "required")
    assert result.status == 0, result.stderr
    # the public transform job waited until the private data were scored
    assert ended_steps.index("private score") < ended_steps.index("public predict")
    attempts = attempts_of(result)
    assert {step: set(stages) for step, stages in attempts.items()} == STAGES
    for step, stages in attempts.items():
        for stage, leaks in stages.items():
            assert set(leaks) == (WAITING_ATTEMPTS if stage == "waiting" else ATTEMPTS), (step, stage)
            assert not any(leaks.values()), (step, stage, leaks)
    # the model has only the expected contents, and every prediction is the mean, so training passed on no assay
    with tarfile.open(result.folder / "model.tar.gz") as tar:
        assert sorted(tar.getnames()) == ["code/preprocess.py", "code/train.py", "model.json"]
    lines = [(result.folder / f"predictions/{name}.csv.out").read_text().splitlines() for name in ("public", "private")]
    assert len(set(lines[0] + lines[1])) == 1
    assert result.scores["private"] < 0
    assert other_entries(result.folder) == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_every_attempt_succeeds_without_a_sandbox(tmp_path: Path, sample: Path, port: int) -> None:
    """This control shows that the test above is meaningful."""
    result, _ = run_hostile_submission(tmp_path, sample, port, "off")
    assert result.status == 0, result.stderr
    successful_attempts = {
        name for stages in attempts_of(result).values() for leaks in stages.values() for name in leaks if leaks[name]
    }
    assert successful_attempts == ATTEMPTS - {"metadata"}
    assert result.scores["private"] == pytest.approx(1.01)
