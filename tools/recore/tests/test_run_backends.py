import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import boto3
import pytest
from recore_support.command import recore
from recore_support.run_command import failed_run_error, file_options, run_recore, start
from recore_support.tiny_submission import TRAIN, stub
from stagemaker_support.sandbox import ISOLATIONS, needs_sandbox
from support.checkout import ROOT, environment

from recore.backends.backend import BackendError, BackendSettings
from recore.backends.selection import choose_isolation, open_backend
from recore.evaluation.run_folder import RunFolder
from stagemaker import Simulator

pytestmark = pytest.mark.everywhere

# Runs recore, and fills the disk except for a few bytes as soon as the last scores exist.
FULL_DISK_PROGRAM = """
import threading, time
from pathlib import Path

def fill():
    small = Path({small!r})
    while len(list(small.glob(".run-*/scores/*.json"))) < 2:
        time.sleep(0.001)
    with open(small / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 512)
        except OSError:
            filler.truncate(max(filler.tell() - {left}, 0))

threading.Thread(target=fill, daemon=True).start()
from recore.cli import main
main(prog_name="recore")
"""
SLEEP = "import time\nif __name__ == '__main__':\n    time.sleep(2)\n"


def test_an_error_reaches_the_terminal_without_escape_sequences(tmp_path: Path, sample: Path) -> None:
    folder = stub(tmp_path / "\x1b]0;title\x07\x9b31m", {"setup.py": ""})
    for submission in (folder, folder / "gone"):
        assert not set("\x1b\x07\x9b") & set(failed_run_error(submission, *file_options(sample), cwd=tmp_path))


@pytest.mark.slow
def test_a_run_under_nohup_outlives_its_terminal_and_its_working_directory(tmp_path: Path, sample: Path) -> None:
    work_dir, out = tmp_path / "here", tmp_path / "kept/run"
    work_dir.mkdir()
    submission = stub(tmp_path / "mine", {"train.py": SLEEP + TRAIN})
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # like nohup; child processes inherit ignored signals
    try:
        command = start(tmp_path / "work", submission, *file_options(sample, "public"), "--out", out, cwd=work_dir)
    finally:
        signal.signal(signal.SIGHUP, handler)
    group = os.getpgid(command.process.pid)  # closing a terminal signals this entire process group, and no other
    group_members = [process for process in command.wait_for("train.py") if os.getpgid(process.pid) == group]
    for process in (command.process, *group_members):
        process.send_signal(signal.SIGHUP)
    work_dir.rmdir()
    assert command.end() == (0, []), command.stderr
    assert (out / "run.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_any_temporary_folder_can_be_used(isolation: str, tmp_path: Path, sample: Path) -> None:
    folder = tmp_path / f"long, with spaces, quotes \"' and ü中 {'x' * 100}"
    folder.mkdir()
    options = [*file_options(sample, allow_unsandboxed=False), "--isolation", isolation, "--no-report"]
    result = run_recore(stub(tmp_path / "mine"), *options, "--out", tmp_path / "out", TMPDIR=str(folder))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out/scores/private.txt").exists()
    assert not list(folder.iterdir())


def test_a_profile_with_another_endpoint_is_not_aws(
    tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # stands for a separate simulator
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "config").write_text(f"[default]\nregion = us-east-1\nendpoint_url = {endpoint}\n")
    variables = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    variables |= {"AWS_ACCESS_KEY_ID": "some", "AWS_SECRET_ACCESS_KEY": "one"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    settings = BackendSettings("aws", role="arn:aws:iam::111122223333:role/Jobs", bucket="b")
    with open_backend(settings, print) as backend:
        assert (backend.endpoint, backend.isolation) == (endpoint, "chosen by the simulator")
        assert backend.services.log_delay == 0
    options = [*file_options(sample, "public"), "--engine", "aws", "--role", settings.role, "--bucket", "b"]
    options += ["--out", tmp_path / "o", "--isolation", "required"]
    result = recore("run", stub(tmp_path / "mine"), *options)
    assert result.returncode == 2
    assert f"isolation is required, but the simulator at {endpoint} does not isolate jobs" in result.stderr
    assert not (tmp_path / "o").exists()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_simulator_reports_whether_it_isolates_jobs(isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(isolation=isolation) as simulator:
        for name, value in simulator.variables().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        with open_backend(BackendSettings(), print) as backend:
            assert backend.has_ml is (isolation == "required")
            assert ("can read this user's files" in backend.isolation) is not backend.has_ml
        settings = BackendSettings(isolation="required")
        with nullcontext() if isolation == "required" else pytest.raises(BackendError, match="does not isolate jobs"):
            open_backend(settings, print)


def test_a_narrow_terminal_truncates_no_number(tmp_path: Path) -> None:
    targets = {name: {"weight": 0.35, "r2": 0.123456} for name in ("CuPPM", "AuPPM")}
    for split, score in (("public", 0.43216), ("private", 0.98765)):
        details = {"score": score, "weights_scored": 0.7, "rows": 5, "targets": targets}
        (tmp_path / f"{split}.json").write_text(json.dumps(details))
    result = recore("scores", tmp_path, COLUMNS="38")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["score", "0.4322", "0.9877"] in lines
    assert ["CuPPM", "0.35", "0.123", "0.123", "0.0432"] in lines


def test_a_run_folder_has_the_permissions_of_the_umask(tmp_path: Path) -> None:
    old_umask = os.umask(0o077)
    try:
        with RunFolder(tmp_path / "mine") as folder:
            run_folder = folder.finish()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(old_umask)
    assert run_folder.stat().st_mode & 0o777 == 0o700


@needs_sandbox
@pytest.mark.parametrize("bytes_left", [0, 2000, 5000], ids=lambda bytes_left: f"{bytes_left} bytes left")
def test_a_disk_that_is_full_at_the_end_loses_no_result(tmp_path: Path, sample: Path, bytes_left: int) -> None:
    """The disk that contains --out is full after the last score is written, so run.json cannot be written."""
    mount, copy = tmp_path / "small", tmp_path / "kept"
    mount.mkdir()
    program = FULL_DISK_PROGRAM.format(small=str(mount), left=bytes_left)
    options = [stub(tmp_path / "mine"), *file_options(sample), "--out", mount / "run", "--no-report"]
    command = shlex.join([sys.executable, "-c", program, "run", *map(str, options)])
    script = f"{command}; status=$?; cp -r {mount} {copy}; exit $status"
    sandbox = ["bwrap", "--dev-bind", "/", "/", "--size", "3000000", "--tmpfs", str(mount), "sh", "-c", script]
    result = subprocess.run(sandbox, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    kept_name = "run-without-run.json"
    line = f"recore: {mount}/{kept_name}: run.json could not be written (No space left on device); "
    assert result.stderr.splitlines()[-1] == f"{line}the run's other files are kept"
    assert {"model.tar.gz", "predictions", "scores", "logs"} <= set(os.listdir(copy / kept_name))
    assert not (copy / "run").exists()
    assert float((copy / kept_name / "scores/private.txt").read_text()) < 1.02


def test_a_third_party_submission_is_isolated_unless_the_user_chooses_otherwise(tmp_path: Path) -> None:
    actual = tmp_path / "data/actual.csv.gz"
    assert choose_isolation(None, tmp_path) == choose_isolation(None, ROOT, actual) == "auto"
    assert choose_isolation(None, tmp_path, actual) == choose_isolation(None, ROOT, for_host=True) == "required"
    assert choose_isolation("off", tmp_path, actual, for_host=True) == "off"
    with contextlib.chdir(tmp_path):  # the submission is in the working directory, so it is the user's own
        assert choose_isolation(None, Path(), actual) == "auto"
