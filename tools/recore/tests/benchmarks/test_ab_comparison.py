"""The tables that the command tools/recore/benchmarks/ab_comparison.py prints."""

from pathlib import Path

import pytest
from support.checkout import ROOT, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("count", "max_false", "min_found"), [(20, 10, 70), (300, 7, 80)])
def test_the_command_prints_its_tables(count: int, max_false: float, min_found: float, tmp_path: Path) -> None:
    """The random number generator is seeded, so the percentages are the same in every run."""
    program = ROOT / "tools/recore/benchmarks/ab_comparison.py"
    result = run(program, "--count", count, cwd=tmp_path, timeout=600)
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines() if line.startswith("| ")]
    equal_rows = [row for row in rows if row[0] == "same errors"]
    assert [row[1:3] for row in equal_rows] == [["50", "50"], ["8", "80"], ["20", "200"], ["40", "400"]]
    assert all(float(row[4]) <= max_false for row in equal_rows)
    assert all(float(row[5]) > 50 for row in equal_rows[1:]), "samples of one hole are not independent"
    better_rows = rows[rows.index(next(row for row in rows if row[0].startswith("10% better"))) + 1 :]
    assert [row[:2] for row in better_rows] == [
        ["0.95", "80"],
        ["0.95", "50"],
        ["0.95", "200"],
        ["0.85", "50"],
        ["0.85", "200"],
    ]
    assert all(float(row[2]) > float(row[1]) for row in better_rows)
    assert all(float(row[4]) >= min_found for row in better_rows)
