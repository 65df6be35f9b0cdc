"""A program's accesses are reported only if they lead outside the job: to files, processes or the network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

AUDIT = ROOT / "tools/recore/src/recore/check/programs/audit"


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
    audit = {"PYTHONPATH": str(tmp_path), "SAGEMAKER_BASE_DIR": str(tmp_path / "ml")}
    script = f"import contextlib, os, socket, subprocess\nwith contextlib.suppress(OSError): {line}"
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=environment() | audit, cwd=tmp_path / "ml", check=True, timeout=60)
    events = (tmp_path / "events").read_text().splitlines() if (tmp_path / "events").exists() else []
    assert [json.loads(event)["kind"] for event in events] == expected_kinds
