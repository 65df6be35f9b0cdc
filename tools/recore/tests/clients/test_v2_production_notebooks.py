"""The notebooks in examples/notebooks run to completion on a small sample data set.

A Jupyter kernel runs the notebooks with the simulator's environment variables, in a copy of the files that they use,
because they look for the data relative to their own folder.
"""

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from stagemaker_support.sdk import PYTHON, ROOT

NOTEBOOKS = "examples/notebooks"
SOURCE_FOLDERS = (NOTEBOOKS, "examples/pytorch", "tools/recore/src/recore/production/containers")
SOURCE_FILES = ("preprocess.py", "train.py", "estimators.py", "score.py", "requirements.txt")
PYTORCH_PROGRAM = "from stagemaker.images.pytorch import PACKAGES; print(PACKAGES.find() is None)"
NEEDS_PYTORCH = pytest.mark.skipif(
    subprocess.check_output([PYTHON, "-c", PYTORCH_PROGRAM], cwd=ROOT, text=True) == "True\n",
    reason="the PyTorch images' environment is missing: `stagemaker setup pytorch`",
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for name in SOURCE_FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCE_FILES:
        shutil.copy(ROOT / name, folder)
    sample = [PYTHON, "-m", "recore", "sample", "--out", folder / "data", "--missing", "0"]
    subprocess.run([*sample, "--rows", "400", "--holes", "10", "--channels", "424"], cwd=ROOT, check=True)
    return folder


def run_notebook(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": path.parent}})
    try:
        client.execute()
    except CellExecutionError as error:  # in Jupyter, the SDK's own errors have no traceback
        pytest.fail(f"{error.ename}: {error.evalue}\n{error.traceback}")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.get("name") == "stdout")


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("name", ["sklearn", pytest.param("pytorch", marks=NEEDS_PYTORCH)])
def test_a_notebook_runs(name: str, repository: Path) -> None:
    printed = run_notebook(repository / NOTEBOOKS / f"{name}.ipynb")
    assert "120 rows: the predictions equal the submission's own" in printed
