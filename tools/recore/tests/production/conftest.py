"""Fixtures: a simulator, a small sample data set, and a project's commands, separate for each test."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support import production_containers as support
from recore_support.production import ProductionCommands
from recore_support.web_page import WebPage
from recore_support.web_tab import files, tab
from stagemaker_support.chromium import chromium
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT
from support.once import make_once

from recore.dataset.sample_files import Plan, make_sample
from stagemaker.server import Simulator

__all__ = ["chromium", "files", "tab"]


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Return a client for the simulator that the tests share."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="module")
def endpoints(client: Client) -> Iterator[Endpoints]:
    endpoints = Endpoints(client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return sample data on which a model is trained in two seconds."""
    plan = Plan(rows=150, holes=18, channels=120, seed=3, missing=0)
    return make_once(tmp_path_factory, "small sample", lambda folder: make_sample(folder, plan))


@pytest.fixture(scope="session")
def few_rows(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        with (
            gzip.open(small_sample / "private/private.csv.gz", "rt") as source,
            gzip.open(folder / "few.csv.gz", "wt") as file,
        ):
            file.writelines(line for line, _ in zip(source, range(6), strict=False))

    return make_once(tmp_path_factory, "few rows", make) / "few.csv.gz"


@pytest.fixture
def commands(client: Client, tmp_path: Path, request: pytest.FixtureRequest) -> ProductionCommands:
    return ProductionCommands(client, tmp_path, name_of(request))


def name_of(request: pytest.FixtureRequest) -> str:
    return request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:30].strip("-")


@pytest.fixture(scope="session")
def trainings(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a simulator's state, which contains the project `trained`, and with version 1's files."""

    def make(folder: Path) -> None:
        shutil.copytree(small_sample, folder / "data")
        result = support.TrainedModel(folder)
        with Simulator(state=folder / "state") as simulator:
            commands = ProductionCommands(Client(simulator), folder, "trained")
            for number, alphas in enumerate((31, 2), 1):
                version = commands.succeed("train", ROOT, "--public", result.data_file, "--set", f"alphas={alphas}")
                if number == 1:
                    support.keep_files(result, commands.client, version["version"])
                commands.succeed("approve", number)
            commands.succeed("train", ROOT, "--public", result.data_file, "--set", "alphas=2", "--again")
        support.predict_by_script(result, folder / "scripts")

    return make_once(tmp_path_factory, "trainings", make)


@pytest.fixture(scope="session")
def trained_model(trainings: Path) -> support.TrainedModel:
    """Return the default model, trained by the pipeline on a small sample data set. Do not change its folder."""
    return support.TrainedModel(trainings)


@pytest.fixture(scope="session")
def project(trainings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProductionCommands]:
    """Return the commands of a project with two approved versions of the template's model. Do not change the versions.

    The two versions differ in a hyperparameter. A third version equals the second, but is not approved.
    """
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(trainings / "state", folder / "state")
    with Simulator(state=folder / "state") as simulator:
        yield ProductionCommands(Client(simulator), folder, "trained")


@pytest.fixture
def serving(
    project: ProductionCommands, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ProductionCommands]:
    """Return the commands of a separate endpoint for this test, with the versions of the project `trained`."""
    commands = ProductionCommands(project.client, tmp_path, "trained")
    commands.configure(ENDPOINT_NAME=name_of(request))
    yield commands
    commands.succeed("delete", "--endpoint")


@pytest.fixture(scope="module")
def web_page(project: ProductionCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPage]:
    commands = ProductionCommands(project.client, tmp_path_factory.mktemp("web"), "trained")
    commands.configure(ENDPOINT_NAME="web-page")
    commands.succeed("deploy", "--variant", "A=1")
    page = WebPage(commands)
    yield page
    assert page.stop() == 0
    assert "Traceback" not in page.log()
    assert "unpickled" not in page.log()
    commands.succeed("delete", "--endpoint")
