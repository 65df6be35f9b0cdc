"""Third-party notebooks for versions 1 and 2 of the SDK, run cell by cell.

Each variable below is the path of a repository's local copy; if it is not set, the repository's tests are skipped.
IPython runs the cells in a process whose only AWS variables are the simulator's.

- Version 1, RECORE_SAGEMAKER_DEPLOYMENT: the Boston Housing notebooks of udacity/sagemaker-deployment. Only the
  first cell, which installs the SDK, is replaced: scikit-learn has removed load_boston, so the replacement adds a
  function of this name that returns generated data of the same shape. The notebooks about IMDB reviews are not run,
  because they download the reviews and NLTK's stop words.
- Version 2, RECORE_SERIAL_INFERENCE: the notebooks of aws-samples/
  amazon-sagemaker-pipelines-serial-batch-inference-sklearn-pytorch. There are two changes: the data file is put into a
  bucket with the name of AWS's public bucket, and a space before %%writefile, at the start of a cell of pytorch-demo,
  is removed.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import numpy
import pandas
import pytest
from stagemaker_support.archives import archive_of
from stagemaker_support.sdk import installed_client

RUNNER = Path(__file__).with_name("notebook.py")
VARIABLE = {"v1": "RECORE_SAGEMAKER_DEPLOYMENT", "v2": "RECORE_SERIAL_INFERENCE"}[installed_client()]
SAMPLES = os.environ.get(VARIABLE)
pytestmark = pytest.mark.skipif(not SAMPLES, reason=f"{VARIABLE} is not set; it must name a copy of a repository")
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
BOSTON = ["Updating an Endpoint"] + [
    f"XGBoost ({step}) - {level} Level"
    for step in ("Batch Transform", "Deploy", "Hyperparameter Tuning")
    for level in ("High", "Low")
]
PUBLIC_BUCKET = "sagemaker-example-files-prod-us-east-1"
PUBLIC_KEY = "datasets/tabular/california_housing/cal_housing.tgz"
SERIAL = {"sklearn": ("batch_inference_preds.csv", []), "pytorch": ("inference_results.csv", [15])}


def read_cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text("utf-8"))["cells"]


def run_notebook(notebook: Path, replacements: dict[int, str]) -> None:
    """Run all cells of a notebook. replacements: the code that replaces a cell's code, by the cell's number."""
    words = [f"{number}={content}" for number, content in replacements.items()]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # for the AWS CLI
    process = subprocess.run(
        [sys.executable, RUNNER, notebook.name, *words],
        cwd=notebook.parent,
        env=os.environ | {"PATH": path, "MPLBACKEND": "agg"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.returncode == 0, process.stdout[-6000:]
    last_cell = max(number for number, cell in enumerate(read_cells(notebook)) if cell["cell_type"] == "code")
    assert f"cell {last_cell}" in process.stdout  # the run ends at the first cell that fails


@pytest.mark.parametrize("name", BOSTON if installed_client() == "v1" else [])
def test_a_notebook_of_version_1_runs(name: str, tmp_path: Path) -> None:
    shutil.copytree(Path(SAMPLES, "Tutorials"), tmp_path / "Tutorials")
    notebook = tmp_path / "Tutorials" / f"Boston Housing - {name}.ipynb"
    assert "!pip install sagemaker==1.72.0" in "".join(read_cells(notebook)[1]["source"])
    run_notebook(notebook, {1: LOAD_BOSTON})


@pytest.fixture(scope="module")
def row_count(variables: dict[str, str]) -> int:
    """Put the notebooks' data file into a bucket named like AWS's public bucket, and return the file's number of rows.

    The repository contains only the file that the notebooks write, which has a header and a scaled target.
    """
    rows = pandas.read_csv(Path(SAMPLES, "sklearn-demo/housing_data/raw/raw_data_all.csv"))
    content = rows.assign(medianHouseValue=500_000 * rows["medianHouseValue"]).to_csv(header=False, index=False)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=PUBLIC_BUCKET)
    archive = archive_of(**{"CaliforniaHousing/cal_housing.data": content})
    s3.put_object(Bucket=PUBLIC_BUCKET, Key=PUBLIC_KEY, Body=archive)
    return len(rows)


@pytest.mark.parametrize("name", SERIAL if installed_client() == "v2" else [])
def test_a_notebook_of_version_2_runs(name: str, row_count: int, tmp_path: Path, s3: Any) -> None:
    results, indices = SERIAL[name]
    folder = Path(shutil.copytree(Path(SAMPLES, f"{name}-demo"), tmp_path / f"{name}-demo"))
    notebook = folder / f"{name}-serial-batch-inference-demo.ipynb"
    contents = {number: "".join(cell["source"]) for number, cell in enumerate(read_cells(notebook))}
    replacements = {number: content.lstrip() for number, content in contents.items() if content.startswith(" %%")}
    assert list(replacements) == indices
    run_notebook(notebook, replacements)

    config = json.loads((folder / "config.json").read_text())
    test = s3.get_object(Bucket=config["DEFAULT_BUCKET"], Key=f"{config['PREFIX']}/test/test.csv")["Body"]
    inputs = pandas.read_csv(test, header=None).to_numpy()
    rows = pandas.read_csv(folder / results, header=None).to_numpy()
    assert rows.shape == (len(inputs), 10)
    assert numpy.array_equal(rows[:, :9], inputs)  # the rows are in the same order
    assert numpy.isfinite(rows[:, 9]).all()
    assert len(inputs) == round(row_count * 0.33 + 0.5)
