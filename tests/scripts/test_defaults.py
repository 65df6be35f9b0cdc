"""By default, the scripts use the folders that the Unearthed CLI mounts, or this repository's folders."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.checkout import ROOT, copy_scripts

# For each step, the host and container folders that the client mounts, and the environment variables that it sets.
INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"
CHANNEL = "/opt/ml/input/data/training"
STEPS = {
    "preprocess.py": ({"data/public": f"{INPUT}/public", "data/preprocess": f"{OUTPUT}/preprocess"}, {}),
    "train.py": (
        {"data/public": CHANNEL, "model": "/opt/ml/model"},
        {"SM_CHANNEL_TRAINING": CHANNEL, "UNEARTHED_EPOCHS": "1"},
    ),
    "predict.py": ({"data/public": CHANNEL, "model": "/opt/ml/model", "data/predictions": "/opt/ml/output"}, {}),
    "score.py": ({"data": INPUT, "data/predictions": f"{INPUT}/predictions", "data/scores": f"{OUTPUT}/scores"}, {}),
}


def run_in_container(project: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a project's script without arguments. It sees only the /opt/ml folders that the CLI mounts for it."""
    mounts, variables = STEPS[script]
    command = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/opt/ml", "--bind", str(project), "/opt/ml/code"]
    for host, container_folder in mounts.items():
        (project / host).mkdir(parents=True, exist_ok=True)
        command += ["--bind", str(project / host), container_folder]
    command += ["--chdir", "/opt/ml/code", sys.executable, "-B", script]
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(command, env=inherited | variables, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def bubblewrap() -> None:
    try:
        Path("/opt/ml").mkdir(exist_ok=True)
        subprocess.run(["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/opt/ml", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"bubblewrap, which replaces the container's mounts, cannot run here: {error}")


@pytest.mark.machine
def test_the_default_folders_in_the_container_produce_the_same_results(
    bubblewrap: None, project: Path, sample: Path, tmp_path: Path
) -> None:
    folder = copy_scripts(tmp_path / "project")
    shutil.copytree(sample / "public", folder / "data/public")
    for script in STEPS:
        result = run_in_container(folder, script)
        assert result.returncode == 0, result.stderr
    assert (folder / "data/preprocess/public.csv").read_bytes() == (project / "data/preprocess/public.csv").read_bytes()
    local_predictions, container_predictions = (
        pd.read_csv(base / "data/predictions/public.csv.out", header=None) for base in (project, folder)
    )
    np.testing.assert_allclose(container_predictions, local_predictions, rtol=1e-9)
    local_score, container_score = (float((base / "data/scores/public.txt").read_text()) for base in (project, folder))
    assert container_score == pytest.approx(local_score)


def test_all_scripts_choose_the_default_folders_in_the_same_way() -> None:

    def source(name: str) -> str:
        code = (ROOT / name).read_text()
        return code[code.index("def default_folder(") :].split("\n\n\n")[0]

    assert source("preprocess.py") == source("train.py") == source("score.py")
