"""tools/benchmarks/speed.py, and its baseline for comparison, which does the same work as the steps."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT, run
from support.template import template_only

FLOOR = ROOT / "tools/benchmarks/floor.py"
sys.path.append(str(ROOT / "tools/benchmarks"))

import floor
import preprocess
import speed
import train


@template_only
def test_the_step_2_baseline_makes_the_same_bins(project: Path, tmp_path: Path) -> None:
    data = project / "data/public/public.csv.gz"
    assert run(FLOOR, "preprocess", data, tmp_path / "bins.csv", cwd=tmp_path).returncode == 0
    expected = pd.read_csv(project / "data/preprocess/public.csv", index_col=0)
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "bins.csv", index_col=0), expected)


@template_only
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_fit_baseline_makes_the_same_predictions(missing: float) -> None:
    random = np.random.default_rng(3)
    x, holes = random.normal(5, 1, size=(80, 6)), np.arange(80) // 10
    y = np.abs(x @ random.normal(size=(6, 49)) + random.normal(size=(80, 49)) * np.geomspace(0.01, 100, 49))
    y[random.random(y.shape) < missing] = np.nan
    similarity, b = floor.fit(x, y, holes, floor.ALPHAS, 8)  # one fold per hole, so there is only one way to split
    names = [f"bin_{number}" for number in range(6)]
    targets = pd.DataFrame(y, columns=preprocess.TARGETS)
    result = train.fit(pd.DataFrame(x, columns=names), targets, holes, cv=8)
    model = result[0] if isinstance(result, tuple) else result
    margin = 0.2 * (targets.max() - targets.min()).to_numpy()
    limits = (targets.min().to_numpy() - margin).clip(0), targets.max().to_numpy() + margin
    predicted = (floor.features(x, similarity) @ b[:-1] + b[-1]).clip(*limits)
    np.testing.assert_allclose(predicted, model.predict(pd.DataFrame(x, columns=names)), rtol=1e-6, atol=1e-6)


def test_repeated_rows_belong_to_different_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "DISTINCT_ROWS", 30)
    data = pd.read_csv(speed.make_data(tmp_path, 75), index_col=0)
    assert list(data.index) == list(range(75))
    assert data.shape[1] == 3 + 1700 + 49
    holes = [set(data["SiteID"][first : first + 30]) for first in (0, 30, 60)]
    assert not holes[0] & holes[1]
    assert not holes[1] & holes[2]


@pytest.mark.slow
def test_the_benchmark_measures_every_step_on_every_side() -> None:
    command = [sys.executable, ROOT / "tools/benchmarks/speed.py", "--rows", "300", "--repeats", "1", "--json"]
    (steps,) = json.loads(subprocess.check_output(command, timeout=600)).values()
    assert list(steps)[:5] == ["preprocess", "train", "predict", "score", "all four"]
    assert len(steps) == 7
    assert list(steps)[5:] == ["fit, all measured", "fit, 3% missing"]
    for sides in steps.values():
        assert list(sides) == ["plain", "ours", "floor"]
        assert all(side["s"] > 0 for side in sides.values())
