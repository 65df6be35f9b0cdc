"""Archives, requests and programs for tests of the two containers of a model in production."""

import gzip
import importlib.util
import io
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from stagemaker_support.simulator_client import IMAGE, Client, counter
from support.checkout import ROOT, copy_scripts, run

from stagemaker.server import ROLE_ARN

CONTAINERS = ROOT / "tools/recore/src/recore/production/containers"
ENVIRONMENT = {
    "PIP_NO_BUILD_ISOLATION": "0",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "PYTHONHASHSEED": "0",
}


def load_program(name: str) -> ModuleType:
    """Import a container's program as a job does: the modules next to it are imported as top-level modules."""
    spec = importlib.util.spec_from_file_location(f"container_{name}", CONTAINERS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "path", [str(CONTAINERS), *sys.path]):
        spec.loader.exec_module(module)
    return module


def container(client: Client, program: str, archive: bytes) -> dict[str, Any]:
    """Return the definition of a container whose inference script, `program`, is in its model archive."""
    variables = {"SAGEMAKER_PROGRAM": program, "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    uri = client.put(f"production-models/{next(counter)}/model.tar.gz", archive)
    return {"Image": IMAGE, "ModelDataUrl": uri, "Environment": ENVIRONMENT | variables}


def create_model(client: Client, features: bytes, model: bytes) -> str:
    """Create a two-container model from the containers' archives, and return the model's name."""
    name = f"production-{next(counter)}"
    containers = [container(client, "features.py", features), container(client, "model.py", model)]
    client.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE_ARN, Containers=containers, EnableNetworkIsolation=True
    )
    return name


@dataclass(frozen=True)
class TrainedModel:
    """The default model, trained by the pipeline. folder: the folder with its files."""

    folder: Path

    @property
    def data_file(self) -> Path:
        """The path of the training data."""
        return self.folder / "data/public/public.csv.gz"

    @property
    def archive(self) -> Path:
        """The path of the training job's model.tar.gz."""
        return self.folder / "model.tar.gz"

    @property
    def model(self) -> Path:
        """The folder with the unpacked archive."""
        return self.folder / "model"

    @property
    def features(self) -> Path:
        """The path of the features container's model.tar.gz."""
        return self.folder / "features.tar.gz"

    @property
    def evaluation(self) -> Path:
        """The path of the pipeline's evaluation.json."""
        return self.folder / "evaluation.json"

    @property
    def predictions(self) -> np.ndarray:
        """predict.py's predictions for the data file (rows, 49)."""
        return read_csv((self.folder / "predictions.csv").read_text())

    @property
    def lines(self) -> list[str]:
        """The lines of the data file, including the header."""
        return gzip.decompress(self.data_file.read_bytes()).decode().splitlines(keepends=True)

    @property
    def spectra(self) -> list[dict[str, Any]]:
        """The spectra in the data file as JSON objects, with exactly the same numbers."""
        data = pd.read_csv(self.data_file, dtype={0: str}, float_precision="round_trip")
        channels = [name for name in data.columns if name[0].isdigit()]
        spectra = data[channels].to_numpy().tolist()
        wavenumbers = [float(name) for name in channels]
        return [
            {"index": index, "wavenumbers": wavenumbers, "absorbances": spectrum}
            for index, spectrum in zip(data.iloc[:, 0].astype(str), spectra, strict=True)
        ]


def read_csv(body: str) -> np.ndarray:
    """Return the numbers in CSV without a header. Empty cells become NaN."""
    return pd.read_csv(io.StringIO(body), header=None, float_precision="round_trip").to_numpy(float)


def keep_files(trained: TrainedModel, client: Client, version: dict[str, Any]) -> None:
    """Download a version's archives and evaluation to the paths in `trained`, and unpack the model archive."""
    package = client.sagemaker.describe_model_package(ModelPackageName=version["arn"])
    uris = *version["archives"], package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    for path, uri in zip((trained.features, trained.archive, trained.evaluation), uris, strict=True):
        path.write_bytes(client.get(uri))
    unpack(trained.archive, trained.model)


def unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


def predict_by_script(trained: TrainedModel, folder: Path) -> None:
    """Run predict.py in a new folder, and write its predictions."""
    copy_scripts(folder)
    files = {"--model_dir": trained.model, "--input": trained.data_file, "--output": trained.folder / "predictions.csv"}
    result = run("predict.py", *(word for pair in files.items() for word in pair), cwd=folder)
    assert result.returncode == 0, result.stderr
