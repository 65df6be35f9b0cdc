"""tools/recore/benchmarks/records.py as a command: the tables that it prints."""

import re
from pathlib import Path

import pytest
from support.checkout import ROOT, run


@pytest.mark.slow
def test_the_command_prints_its_tables(tmp_path: Path) -> None:
    options = ("--seconds", 0.5, "--repeats", 1, "--milliseconds", 1)
    result = run(ROOT / "tools/recore/benchmarks/records.py", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[1:3]] == ["off", "on"]
    assert all(float(cell) > 0 for row in rows[1:3] for cell in row[1:])
    responded_count, recorded_count, dropped_count = map(int, rows[4][:3])
    assert responded_count == recorded_count > 0
    assert dropped_count == 0
    assert [row[0] for row in rows[6:]] == ["SIGTERM", "SIGKILL"]
    assert rows[6][3] == "0", "a clean stop should not lose any records"
    assert re.search(r"^\| SIGKILL \| \d+ \| \d+ \| \d+ \|$", result.stdout, re.MULTILINE)
