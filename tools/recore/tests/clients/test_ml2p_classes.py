"""The house prices example runs with ML2P's own classes if only its imports are changed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import ml2p
from stagemaker_support.sdk import PYTHON, ROOT

EXAMPLE = ROOT / "tools/recore/examples/house_prices"


def run_locally(folder: Path) -> tuple[str, dict]:
    variables = {"PYTHONPATH": f"src:{folder}", "AWS_DEFAULT_REGION": "us-east-1"}
    result = subprocess.run([PYTHON, "local.py"], cwd=folder, env=variables, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    training_line, prediction_line = result.stdout.splitlines()
    return training_line, json.loads(prediction_line.replace("'", '"'))


def change_imports(folder: Path) -> None:
    change_count = 0
    for file in (folder / "local.py", folder / "src/model.py"):
        code, count = re.subn("^from recore.model import", "from ml2p.core import", file.read_text(), flags=re.M)
        assert "recore" not in code
        file.write_text(code)
        change_count += count
    assert change_count == 2


def test_both_packages_produce_the_same_results(tmp_path: Path) -> None:
    recore_copy, ml2p_copy = (Path(shutil.copytree(EXAMPLE, tmp_path / name)) for name in ("ours", "theirs"))
    change_imports(ml2p_copy)
    (ml2p_copy / "ml2p").symlink_to(Path(ml2p.__file__).parent)  # PYTHON lacks only this package
    our_training, our_prediction = run_locally(recore_copy)
    their_training, their_prediction = run_locally(ml2p_copy)
    assert our_training == their_training == "mean absolute error: 17.622"
    assert our_prediction["result"] == their_prediction["result"] == {"price": 288.111}
    assert our_prediction["metadata"].keys() == their_prediction["metadata"].keys()
