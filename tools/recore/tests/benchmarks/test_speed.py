"""The command tools/recore/benchmarks/speed.py, whose plain pandas code computes the same bins as step 2."""

from pathlib import Path

import pandas as pd
import pytest
from support.checkout import ROOT, run
from support.template import template_only

pytestmark = pytest.mark.slow


@template_only
def test_plain_pandas_makes_the_same_bins(project: Path, tmp_path: Path) -> None:
    data = project / "data/public/public.csv.gz"
    result = run(ROOT / "tools/recore/benchmarks/plain/preprocess.py", data, tmp_path / "bins.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    inputs, bins = (
        pd.read_csv(path, index_col=0) for path in (project / "data/preprocess/public.csv", tmp_path / "bins.csv")
    )
    pd.testing.assert_frame_equal(inputs, bins)


def test_the_benchmark_measures_every_step_on_both_sides(tmp_path: Path) -> None:
    result = run(ROOT / "tools/recore/benchmarks/speed.py", "--rows", 100, "--repeats", 1, cwd=tmp_path, timeout=600)
    assert result.returncode == 0, result.stderr
    rows = [line.strip("| ").split(" | ") for line in result.stdout.splitlines()[2:]]
    assert [row[1] for row in rows[:5]] == ["preprocess", "train", "predict", "score", "all four"]
    assert all(float(cell) > 0 for row in rows[:5] for cell in row[2:])
    assert [row[1] for row in rows[5:]] == ["one fit, 0% missing", "one fit, 3% missing"]
