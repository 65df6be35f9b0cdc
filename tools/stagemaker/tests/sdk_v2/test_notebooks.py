"""The notebooks of aws-samples/amazon-sagemaker-pipelines-serial-batch-inference-sklearn-pytorch, cell by cell.

RECORE_SERIAL_INFERENCE names a folder with a copy of that repository; without it, the tests are skipped. IPython runs
the cells in a process that has only the simulator's environment variables. There are two changes: the data file is put
into a bucket with the name of AWS's public bucket, and a space before %%writefile, at the start of a cell of
pytorch-demo, is removed.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from stagemaker_support.notebook import __file__ as RUNNER

SAMPLES = os.environ.get("RECORE_SERIAL_INFERENCE")
PUBLIC_BUCKET, PUBLIC_KEY = (
    "sagemaker-example-files-prod-us-east-1",
    "datasets/tabular/california_housing/cal_housing.tgz",
)
NOTEBOOK = "{}-serial-batch-inference-demo.ipynb"
RESULTS = {"sklearn": "batch_inference_preds.csv", "pytorch": "inference_results.csv"}

pytestmark = pytest.mark.skipif(
    not SAMPLES, reason="RECORE_SERIAL_INFERENCE is not set; it must name a copy of the samples' repository"
)


@pytest.fixture(scope="module")
def public_data(variables: dict[str, str]) -> pandas.DataFrame:
    """Put the notebooks' data file into a bucket with the name of AWS's public bucket, and return its rows.

    The repository has the rows only as the notebooks write them: with a header, and with the target divided by 500,000.
    """
    import boto3

    rows = pandas.read_csv(Path(SAMPLES, "sklearn-demo/housing_data/raw/raw_data_all.csv"))
    text = rows.assign(medianHouseValue=500_000 * rows["medianHouseValue"]).to_csv(header=False, index=False).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=PUBLIC_BUCKET)
    s3.put_object(Bucket=PUBLIC_BUCKET, Key=PUBLIC_KEY, Body=archive.getvalue())
    return rows


def changed_cells(notebook: Path) -> list[str]:
    """Return the cells that begin with a space and a cell magic, without the space, as NUMBER=TEXT."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    texts = {number: "".join(cell["source"]) for number, cell in enumerate(cells)}
    return [f"{number}={text.lstrip()}" for number, text in texts.items() if text.startswith(" %%")]


@pytest.mark.parametrize(("name", "changed_numbers"), [("sklearn", []), ("pytorch", ["15"])])
def test_a_notebook_runs_from_its_first_cell_to_its_last(
    name: str, changed_numbers: list[str], public_data: pandas.DataFrame, tmp_path: Path, s3: Any
) -> None:
    folder = tmp_path / f"{name}-demo"
    shutil.copytree(Path(SAMPLES, folder.name), folder)
    replacements = changed_cells(folder / NOTEBOOK.format(name))
    assert [replacement.partition("=")[0] for replacement in replacements] == changed_numbers
    command = [sys.executable, RUNNER, NOTEBOOK.format(name), *replacements]
    process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout[-6000:]
    print(process.stdout[-2000:])

    config = json.loads((folder / "config.json").read_text())
    test = s3.get_object(Bucket=config["DEFAULT_BUCKET"], Key=f"{config['PREFIX']}/test/test.csv")["Body"]
    inputs = pandas.read_csv(test, header=None).to_numpy()
    joined = pandas.read_csv(folder / RESULTS[name], header=None).to_numpy()
    assert joined.shape == (len(inputs), 10)
    assert numpy.array_equal(joined[:, :9], inputs)  # the rows are in the same order
    assert numpy.isfinite(joined[:, 9]).all()
    assert len(inputs) == round(len(public_data) * 0.33 + 0.5)
