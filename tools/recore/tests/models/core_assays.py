import functools
import gzip
import importlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models.house_prices import url_of
from recore_support.opus_files import block, opus_bytes
from recore_support.schema import TARGETS
from recore_support.tiny_submission import write
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT, UPLOADED_FILES, copy_scripts

from recore.dataset.sample_files import Plan, make_sample
from recore.model import SageMakerEnv
from stagemaker.server import BUCKET

EXAMPLE = ROOT / "tools/recore/examples/model_class"
UNMEASURED_TARGET = "TePPB"  # a target that was never measured
# A different submission that follows the contract and shares nothing else with the template.
OTHER_PREPROCESS = """
import pandas as pd
import score


def preprocess(data_file):
    table = pd.read_csv(data_file, index_col=0, float_precision="round_trip")
    targets = table.reindex(columns=list(score.TARGETS)) if "CuPPM" in table else None
    return table[[name for name in table if name[0].isdigit()][:40:4]].add_prefix("bin_"), targets
"""
OTHER_TRAIN = """
import io
import sys

import numpy as np
import pandas as pd

from preprocess import preprocess


def fit(inputs, targets, groups, scale=1.0):
    return scale * targets.mean()


def model_fn(model_dir):
    return np.loadtxt(f"{model_dir}/means.txt")


def input_fn(input_data, content_type):
    return np.loadtxt(io.StringIO(input_data), delimiter=",", skiprows=1, ndmin=2)[:, 1:]


def predict_fn(inputs, model):
    return pd.DataFrame(np.outer(np.asarray(inputs).sum(axis=1), model))


if __name__ == "__main__":
    _, data_dir, _, model_dir, scale = sys.argv[1:]
    inputs, targets = preprocess(f"{data_dir}/public.csv.gz")
    means = fit(inputs, targets, None, float(scale.removeprefix("--scale=")))
    np.savetxt(f"{model_dir}/means.txt", means)
    held_out = predict_fn(inputs, means).set_axis(targets.columns, axis=1).set_axis(inputs.index)
    held_out.to_csv(f"{model_dir}/held_out.csv", index_label="index")
"""
PLAN = Plan(rows=48, holes=4, channels=171, seed=5, missing=0)


@functools.cache
def core_assays() -> Any:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for path in (EXAMPLE / "core_assays.py", ROOT / "score.py"):
            shutil.copy(path, folder)
        patch.syspath_prepend(folder)
        return importlib.import_module("core_assays")


def write_code(folder: Path, submission: dict[str, str] | None = None) -> Path:
    """Copy the model class, its script and score.py. Add a submission's files, by default copies from this checkout."""
    if submission is None:
        copy_scripts(folder, *UPLOADED_FILES)
    else:
        write(folder, submission)
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, folder)
    shutil.copy(ROOT / "score.py", folder)
    return folder


def write_sources(folder: Path) -> Path:
    """Write an OPUS file for each public row of a sample, and assays.csv, which has missing copper assays."""
    make_sample(folder.parent / "sample", PLAN)
    public = pd.read_csv(folder.parent / "sample/public/public.csv.gz", index_col=0)
    public.loc[public.index[::5], "CuPPM"] = np.nan
    channels = [name for name in public.columns if name[0].isdigit()]
    first, last = float(channels[0]), float(channels[-1])
    folder.mkdir()
    for name, spectrum in zip(public.index, public[channels].to_numpy(), strict=True):
        (folder / f"core_{name}.0").write_bytes(opus_bytes(block("absorbance", spectrum, first, last)))
    table = public.drop(columns=[*channels, UNMEASURED_TARGET]).set_axis([f"core_{name}" for name in public.index])
    table.to_csv(folder / "assays.csv", index_label="sample")
    return folder


def upload_sources(client: Client, folder: Path, project: str) -> None:
    for path in folder.iterdir():
        client.put(f"{project}/sources/first/{path.name}", path.read_bytes())


def generator_env(client: Client, **variables: str) -> SageMakerEnv:
    env = SageMakerEnv("nowhere", {"ML2P_DATASET": "first", "ML2P_S3_URL": f"s3://{BUCKET}/none"} | variables)
    env.session = client.simulator
    return env


def generate(client: Client, project: str) -> bytes:
    """Generate a project's dataset `first` in this process, and return the contents of its data file."""
    generator = core_assays().CoreAssays().dataset_generator(generator_env(client, ML2P_S3_URL=url_of(project)))
    generator.generate()
    return client.get(f"{url_of(project)}/datasets/first/public.csv.gz")


def make_training_folder(folder: Path, data_file: bytes, hyperparameters: dict[str, str] | None = None) -> SageMakerEnv:
    files = {
        "input/data/training/public.csv.gz": data_file,
        "input/config/hyperparameters.json": json.dumps(hyperparameters or {}).encode(),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return SageMakerEnv(folder, {"ML2P_MODEL_VERSION": "core-1"})


def spectra_of(data_file: Path) -> list[dict[str, Any]]:
    """Return the spectra in a data file in the form in which a client sends them."""
    with gzip.open(data_file, "rt") as file:
        frame = pd.read_csv(file, index_col=0, float_precision="round_trip")
    channels = [name for name in frame.columns if name[0].isdigit()]
    wavenumbers = [float(name) for name in channels]
    return [{"wavenumbers": wavenumbers, "absorbances": row} for row in frame[channels].to_numpy().tolist()]


def values_of(results: list[dict[str, Any]]) -> np.ndarray:
    """Return the predicted values (rows, 49), with NaN in place of null."""
    for result in results:
        assert list(result["assays"]) == list(TARGETS)
    return np.array([[assay["value"] for assay in result["assays"].values()] for result in results], dtype=float)
