"""Instrument files and an assay table for examples/model_class, and the class beside the submission's scripts."""

import gzip
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recore.dataset.columns import TARGETS
from recore.dataset.sample_files import Plan, make_sample
from recore.model import SageMakerEnv
from recore.simulator.server import BUCKET
from support.checkout import ROOT, UPLOADED, copy_scripts
from support.models import url_of
from support.opus_files import block, opus_bytes
from support.simulator_client import Client

EXAMPLE = ROOT / "examples/model_class"
NEVER = "TePPB"  # was never measured
PLAN = Plan(rows=48, holes=4, channels=171, seed=5)


def core_assays() -> Any:
    """The example's module; its folder must be on Python's path."""
    return importlib.import_module("core_assays")


def write_code(folder: Path) -> Path:
    """Put the class and its script beside the submission's uploaded files; return the folder."""
    copy_scripts(folder, *UPLOADED)
    for path in EXAMPLE.glob("*.py"):
        shutil.copy(path, folder)
    return folder


def write_sources(folder: Path) -> Path:
    """Write an OPUS file for each public row of a sample, and assays.csv; return the folder."""
    make_sample(folder.parent / "sample", PLAN)
    public = pd.read_csv(folder.parent / "sample/public/public.csv.gz", index_col=0)
    channels = [name for name in public.columns if name[0].isdigit()]
    first, last = float(channels[0]), float(channels[-1])
    folder.mkdir()
    for name, spectrum in zip(public.index, public[channels].to_numpy(), strict=True):
        (folder / f"core_{name}.0").write_bytes(opus_bytes(block("absorbance", spectrum, first, last)))
    table = public.drop(columns=[*channels, NEVER]).set_axis([f"core_{name}" for name in public.index])
    table.to_csv(folder / "assays.csv", index_label="sample")
    return folder


def upload_sources(client: Client, folder: Path, project: str) -> None:
    """Upload the sources of the dataset `first` of a project."""
    for path in folder.iterdir():
        client.put(f"{project}/sources/first/{path.name}", path.read_bytes())


def generator_env(client: Client, **variables: str) -> SageMakerEnv:
    """The environment of a dataset generator whose boto3 session is the simulator's."""
    env = SageMakerEnv("nowhere", {"ML2P_DATASET": "first", "ML2P_S3_URL": f"s3://{BUCKET}/none"} | variables)
    env.session = client.simulator
    return env


def generate(client: Client, project: str) -> bytes:
    """Generate the dataset `first` of a project in this process; the data file that is then on S3."""
    generator = core_assays().CoreAssays().dataset_generator(generator_env(client, ML2P_S3_URL=url_of(project)))
    generator.generate()
    return client.get(f"{url_of(project)}/datasets/first/public.csv.gz")


def training_folder(folder: Path, data_file: bytes, hyperparameters: dict[str, str] | None = None) -> SageMakerEnv:
    """SageMaker's folder of a training job; its environment."""
    files = {
        "input/data/training/public.csv.gz": data_file,
        "input/config/hyperparameters.json": json.dumps(hyperparameters or {}).encode(),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return SageMakerEnv(folder, {"ML2P_MODEL_VERSION": "core-1"})


def spectra_of(data_file: Path) -> list[dict[str, Any]]:
    """The rows of a data file as a client sends them."""
    with gzip.open(data_file, "rt") as file:
        frame = pd.read_csv(file, index_col=0, float_precision="round_trip")
    channels = [name for name in frame.columns if name[0].isdigit()]
    wavenumbers = [float(name) for name in channels]
    return [{"wavenumbers": wavenumbers, "absorbances": row} for row in frame[channels].to_numpy().tolist()]


def values_of(results: list[dict[str, Any]]) -> np.ndarray:
    """The predicted values (rows, 49) in the challenge's order, NaN for null."""
    for result in results:
        assert list(result["assays"]) == list(TARGETS)
    return np.array([[one["value"] for one in result["assays"].values()] for result in results], dtype=float)
