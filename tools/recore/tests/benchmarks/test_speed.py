"""tools/recore/benchmarks/speed.py as a command, and that plain pandas does the same work as step 2."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from support.checkout import ROOT, run
from support.template import template_only


@template_only
def test_plain_pandas_makes_the_same_bins(project: Path, tmp_path: Path) -> None:
    data = project / "data/public/public.csv.gz"
    result = run(ROOT / "tools/recore/benchmarks/plain/preprocess.py", data, tmp_path / "bins.csv", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    inputs, bins = (
        pd.read_csv(path, index_col=0) for path in (project / "data/preprocess/public.csv", tmp_path / "bins.csv")
    )
    pd.testing.assert_frame_equal(inputs, bins)


@pytest.mark.slow
def test_the_benchmark_measures_every_step_on_both_sides() -> None:
    command = [sys.executable, ROOT / "tools/recore/benchmarks/speed.py", "--rows", "100", "--repeats", "1", "--json"]
    [result] = json.loads(subprocess.check_output(command, timeout=600))
    assert list(result["steps"]) == ["preprocess", "train", "predict", "score", "all four"]
    for sides in result["steps"].values():
        assert list(sides) == ["plain", "ours"]
        assert all(side["s"] > 0 for side in sides.values())
    assert list(result["fits"]) == ["0%", "3%"]
    assert all(fit["bins"] == 521 for fit in result["fits"].values())
