import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment


def test_the_example_is_trained_and_predicts(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tools/recore/examples/house_prices", tmp_path, dirs_exist_ok=True)
    result = subprocess.run(
        [sys.executable, "local.py"],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    training_line, prediction_line = result.stdout.splitlines()
    assert training_line == "mean absolute error: 17.622"
    prediction = json.loads(prediction_line.replace("'", '"'))
    assert prediction["result"] == {"price": 288.111}
    assert prediction["metadata"]["model_version"] == "local"
    validation = json.loads((tmp_path / "local/model/validation.json").read_text())
    assert validation["mean_absolute_error"] == pytest.approx(17.622, abs=1e-3)
