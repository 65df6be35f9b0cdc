"""`make production-demo`."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment


@pytest.mark.slow
def test_the_demo_runs_to_its_end_and_loses_no_request(tmp_path: Path) -> None:
    command = [sys.executable, "tools/recore/examples/production_demo.py", tmp_path / "demo"]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert ", 0 lost\n" in result.stdout
    assert "B is better on " in result.stdout or "A is better on " in result.stdout
    left = {file.name for file in (tmp_path / "demo").iterdir()}
    assert left >= {"assays.csv", "answers.jsonl", "arrived.csv", "monitor.html"}
