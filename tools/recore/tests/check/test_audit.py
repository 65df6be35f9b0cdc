"""A program's accesses are reported only if they lead outside the job: to files, processes or the network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.evaluation.host_findings import PREFIX

AUDIT = ROOT / "tools/recore/src/recore/evaluation/audit"


@pytest.mark.parametrize(
    ("line", "expected_kinds"),
    [
        ("os.listdir('/opt/ml/code')", []),  # importlib.metadata does this for each folder on sys.path
        ("os.listdir(os.environ['SAGEMAKER_BASE_DIR'])", []),
        ("open(os.environ['SAGEMAKER_BASE_DIR'] + '/new', 'w')", []),
        ("os.listdir('/home')", ["files"]),
        ("open('/etc/passwd')", ["files"]),
        ("open('/opt/ml/no such folder/new', 'w')", ["files"]),
        ("socket.getaddrinfo('127.0.0.1', 80)", ["network"]),
        ("subprocess.run(['true'])", ["processes"]),
    ],
)
def test_accesses_outside_the_job_are_reported(line: str, expected_kinds: list[str], tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    shutil.copy(AUDIT / "sitecustomize.py", tmp_path)
    audit = {"PYTHONPATH": str(tmp_path), "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "RECORE_AUDIT": "file"}
    script = f"import contextlib, os, socket, subprocess\nwith contextlib.suppress(OSError): {line}"
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=environment() | audit, cwd=tmp_path / "ml", check=True, timeout=60)
    events = (tmp_path / "events").read_text().splitlines() if (tmp_path / "events").exists() else []
    assert [json.loads(event)["kind"] for event in events] == expected_kinds


# prints a line without an end, then a child opens a file
SCRIPT = """
import os, subprocess, sys
assert "RECORE_AUDIT" not in os.environ
print("half a line", end="", flush=True)
subprocess.run([sys.executable, "-c", "open('/etc/hostname')"])
"""


def test_a_judged_script_and_its_python_subprocesses_report_to_the_log(tmp_path: Path) -> None:
    (tmp_path / "ml/code").mkdir(parents=True)
    (tmp_path / "ml/code/train.py").write_text(SCRIPT)
    shutil.copy(AUDIT / "sitecustomize.py", tmp_path)
    audit = {"PYTHONPATH": str(tmp_path), "SAGEMAKER_BASE_DIR": str(tmp_path / "ml"), "RECORE_AUDIT": "log"}

    def lines(*command: str) -> list[str]:
        process = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path / "ml/code",
            env=environment() | audit,
            capture_output=True,
            text=True,
        )
        assert (process.returncode, process.stderr) == (0, "")
        return process.stdout.splitlines()

    assert lines("-c", "open('/etc/hostname')") == []  # the toolkit
    reported = [json.loads(line.partition(PREFIX)[2]) for line in lines("train.py") if line.startswith(PREFIX)]
    assert [event["kind"] for event in reported] == ["begins", "processes", "begins", "files"]
    assert reported[1]["file"] == "train.py"
    assert list(tmp_path.glob("**/events")) == []
