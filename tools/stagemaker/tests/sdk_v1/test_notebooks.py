"""The Boston Housing notebooks of udacity/sagemaker-deployment, cell by cell.

RECORE_SAGEMAKER_DEPLOYMENT names a folder with a copy of that repository; without it, the tests are skipped. IPython
runs the cells in a process that has only the simulator's environment variables. One cell is replaced: the first one,
which installs the SDK. Its replacement gives scikit-learn a function load_boston, which has been removed from it, and
which returns generated data of the same shape. The notebooks about IMDB's reviews are not run, as they download the
reviews and NLTK's stop words.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stagemaker_support.notebook import __file__ as RUNNER

SAMPLES = os.environ.get("RECORE_SAGEMAKER_DEPLOYMENT")
INSTALLATION = "1"  # the number of the cell that installs the SDK
LOAD_BOSTON = """
import types
import numpy, sklearn.datasets

def load_boston():
    rng = numpy.random.default_rng(0)
    data = rng.normal(size=(506, 13)).round(4)
    target = (22 + data @ rng.normal(size=13) + rng.normal(size=506)).round(1)
    return types.SimpleNamespace(data=data, target=target, feature_names=numpy.array([f"F{i}" for i in range(13)]))

sklearn.datasets.load_boston = load_boston
"""
NOTEBOOKS = (
    "Updating an Endpoint",
    *(
        f"XGBoost ({step}) - {level} Level"
        for step in ("Batch Transform", "Deploy", "Hyperparameter Tuning")
        for level in ("High", "Low")
    ),
)

pytestmark = pytest.mark.skipif(
    not SAMPLES, reason="RECORE_SAGEMAKER_DEPLOYMENT is not set; it must name a copy of the notebooks' repository"
)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_its_first_cell_to_its_last(name: str, tmp_path: Path, variables: dict[str, str]) -> None:
    shutil.copytree(Path(SAMPLES, "Tutorials"), tmp_path / "Tutorials")
    notebook = tmp_path / "Tutorials" / f"Boston Housing - {name}.ipynb"
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    assert "!pip install sagemaker==1.72.0" in "".join(cells[int(INSTALLATION)]["source"])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # for the AWS CLI
    command = [sys.executable, RUNNER, notebook.name, f"{INSTALLATION}={LOAD_BOSTON}"]
    process = subprocess.run(
        command,
        cwd=notebook.parent,
        env=os.environ | {"PATH": path, "MPLBACKEND": "agg"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout[-6000:]
    last_cell = max(number for number, cell in enumerate(cells) if cell["cell_type"] == "code")
    assert f"cell {last_cell}" in process.stdout  # the run ends at the first cell that fails
