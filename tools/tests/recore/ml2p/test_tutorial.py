"""The tutorial's model runs here unchanged, and with ML2P if only its imports are changed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from recore_support.ml2p_project import TUTORIAL
from support.checkout import ROOT, environment

ML2P_FOLDER = os.environ.get("RECORE_ML2P")


def run_locally(folder: Path, *path: Path | str) -> tuple[str, dict]:
    """Run the tutorial's local.py; return the line that its training printed and the prediction."""
    variables = {"PYTHONPATH": os.pathsep.join(map(str, ["src", *path])), "AWS_DEFAULT_REGION": "us-east-1"}
    result = subprocess.run(
        [sys.executable, "local.py"],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    training_output, prediction_line = result.stdout.splitlines()
    return training_output, json.loads(prediction_line.replace("'", '"'))


def copy_for_ml2p(folder: Path) -> Path:
    """Copy the tutorial, replace its imports with ML2P's, and return the folder."""
    shutil.copytree(TUTORIAL, folder, dirs_exist_ok=True)
    change_count = 0
    for file in folder.rglob("*.py"):
        text, count = re.subn(
            "^from recore.model import", "from ml2p.core import", file.read_text(), flags=re.MULTILINE
        )
        assert "recore" not in text
        file.write_text(text)
        change_count += count
    assert change_count == 2
    return folder


def test_the_tutorial_runs_on_this_machine(tmp_path: Path) -> None:
    shutil.copytree(TUTORIAL, tmp_path, dirs_exist_ok=True)
    training_output, prediction = run_locally(tmp_path, ROOT)
    assert training_output == "mean absolute error: 17.622"
    assert prediction["result"] == {"price": 288.111}
    assert prediction["metadata"]["model_version"] == "local"
    validation = json.loads((tmp_path / "local/model/validation.json").read_text())
    assert validation["mean_absolute_error"] == pytest.approx(17.622, abs=1e-3)


@pytest.mark.machine
@pytest.mark.skipif(not ML2P_FOLDER, reason="RECORE_ML2P is not set; it must name a copy of ML2P's repository")
def test_the_tutorial_produces_the_same_results_with_ml2p(tmp_path: Path) -> None:
    training_output, prediction = run_locally(copy_for_ml2p(tmp_path / "theirs"), ML2P_FOLDER or "")
    shutil.copytree(TUTORIAL, tmp_path / "ours")
    training_output_here, prediction_here = run_locally(tmp_path / "ours", ROOT)
    assert (training_output, prediction["result"]) == (training_output_here, prediction_here["result"])
    assert prediction["metadata"].keys() == prediction_here["metadata"].keys()
