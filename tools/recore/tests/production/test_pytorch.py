"""The example in examples/pytorch computes features on scikit-learn's image and runs a network on PyTorch's images."""

import io
import json
import pickle
import shutil
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from preprocess import preprocess
from recore_support.production import ProductionCommands
from recore_support.replaced_fit import train_with
from recore_support.schema import TARGETS
from sklearn.base import BaseEstimator
from stagemaker_support.pytorch_images import NEEDS_PYTORCH
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT

from recore.template.new_submission import write_submission

pytestmark = NEEDS_PYTORCH
EXAMPLE = ROOT / "examples/pytorch"
CONFIG = json.loads((EXAMPLE / "config.json").read_text())


class NumpyNetwork(BaseEstimator):
    """The network of a pickled NetworkRegressor, evaluated with numpy instead of PyTorch."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        hidden = np.tanh(inputs @ self.weights_["0.weight"].T + self.weights_["0.bias"])
        return self.scaler_.inverse_transform(hidden @ self.weights_["2.weight"].T + self.weights_["2.bias"])


class NumpyUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return NumpyNetwork if (module, name) == ("train", "NetworkRegressor") else super().find_class(module, name)


def read_model(commands: ProductionCommands, version: dict[str, Any]) -> bytes:
    archive = commands.client.get(version["archives"][1])
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.extractfile("model.pkl").read()


def load_model(content: bytes) -> Any:
    """Load a model.pkl, ignoring the warning that it comes from another patch version of scikit-learn."""
    with warnings.catch_warnings(action="ignore"):
        return NumpyUnpickler(io.BytesIO(content)).load()


@dataclass(frozen=True)
class Trained:
    """A project with the example's settings: its commands, its submission, its public data, and its version 1."""

    commands: ProductionCommands
    submission: Path
    public: Path
    version: dict[str, Any]


@pytest.fixture(scope="module")
def trained_network(client: Client, small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train a new submission with the example's fit() and files, as documented."""
    folder = tmp_path_factory.mktemp("pytorch")
    submission, public = folder / "submission", small_sample / "public/public.csv.gz"
    write_submission(submission)
    (submission / "train.py").write_text(train_with((EXAMPLE / "fit.py").read_text()))
    shutil.copy(EXAMPLE / "requirements.txt", submission)
    commands = ProductionCommands(client, folder, "pytorch")
    commands.configure(**CONFIG, MODEL_APPROVAL_STATUS="Approved", MINIMUM_SCORE=-1)
    version = commands.succeed("train", submission, "--public", public)["version"]
    return Trained(commands, submission, public, version)


def test_each_job_and_container_has_the_image_of_its_framework(trained_network: Trained) -> None:
    client = trained_network.commands.client
    package = client.sagemaker.describe_model_package(ModelPackageName=trained_network.version["arn"])
    images = [container["Image"] for container in package["InferenceSpecification"]["Containers"]]
    assert images == [client.image, CONFIG["MODEL_IMAGE"]]
    job = trained_network.version["archives"][1].split("/")[-3]
    description = client.sagemaker.describe_training_job(TrainingJobName=job)
    assert description["AlgorithmSpecification"]["TrainingImage"] == CONFIG["TRAINING_IMAGE"]


def test_served_predictions_equal_those_of_the_trained_network(
    trained_network: Trained, small_sample: Path, tmp_path: Path
) -> None:
    private = small_sample / "private/private.csv.gz"
    trained_network.commands.succeed("predict", private, "--version", 1, "--out", tmp_path / "joined.csv")
    joined = pd.read_csv(tmp_path / "joined.csv")[list(TARGETS)]
    model = load_model(read_model(trained_network.commands, trained_network.version))
    scaler, network = model.named_steps.values()
    expected = network.predict(scaler.transform(preprocess(private)[0]))
    assert np.ptp(expected, axis=0).min() > 0
    np.testing.assert_allclose(joined, expected, rtol=1e-9)


def test_the_same_data_give_the_same_model(trained_network: Trained) -> None:
    commands = trained_network.commands
    commands.configure(PIPELINE_NAME="pytorch-again")  # a new submission has no cached results
    repeated = commands.succeed("train", trained_network.submission, "--public", trained_network.public)
    assert repeated["cached"] == []
    assert read_model(commands, repeated["version"]) == read_model(commands, trained_network.version)
