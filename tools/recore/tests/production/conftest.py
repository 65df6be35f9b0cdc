"""Fixtures: a simulator, the commands of a project of its own, and a small sample."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support import production_containers as support
from recore_support.browser import chromium
from recore_support.production import ProductionCommands
from recore_support.web_page import WebPage
from recore_support.web_tab import files, tab
from stagemaker_support.endpoints import Endpoints
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT
from support.once import make_once

from recore.dataset.sample_files import Plan, make_sample
from stagemaker.server import Simulator

__all__ = ["chromium", "files", "tab"]


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Return a client of one simulator for all tests of this process."""
    with Simulator() as simulator:
        yield Client(simulator)


@pytest.fixture(scope="module")
def endpoints(client: Client) -> Iterator[Endpoints]:
    """Return the endpoints of `client`, and delete them when the module ends."""
    endpoints = Endpoints(client)
    yield endpoints
    endpoints.delete_all()


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of sample data whose model is trained in two seconds: 18 holes, 150 rows."""
    plan = Plan(rows=150, holes=18, channels=120, seed=3, missing=0)
    return make_once(tmp_path_factory, "small sample", lambda folder: make_sample(folder, plan))


@pytest.fixture(scope="session")
def few_rows(small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data file with the first five rows of the private data."""

    def make(folder: Path) -> None:
        with (
            gzip.open(small_sample / "private/private.csv.gz", "rt") as source,
            gzip.open(folder / "few.csv.gz", "wt") as file,
        ):
            file.writelines(line for line, _ in zip(source, range(6), strict=False))

    return make_once(tmp_path_factory, "few rows", make) / "few.csv.gz"


@pytest.fixture
def commands(client: Client, tmp_path: Path, request: pytest.FixtureRequest) -> ProductionCommands:
    """Return the commands of a project of this test alone."""
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:30].strip("-")
    return ProductionCommands(client, tmp_path, name)


@pytest.fixture(scope="session")
def trained_model(client: Client, small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> support.Trained:
    """Return the default model after its pipeline on a small sample. Do not write to its folder."""

    def make(folder: Path) -> None:
        shutil.copytree(small_sample, folder / "data")
        result = support.Trained(folder)
        commands = ProductionCommands(client, folder, "model")
        version = commands.succeed("train", ROOT, "--public", result.data_file, "--set", "alphas=11")["version"]
        package = client.sagemaker.describe_model_package(ModelPackageName=version["arn"])
        evaluation = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
        files = (result.features, result.archive, result.evaluation)
        for path, uri in zip(files, (*version["archives"], evaluation), strict=True):
            path.write_bytes(client.get(uri))
        support.unpack(result.archive, result.model)
        support.predict_by_script(result, folder / "scripts")

    return support.Trained(make_once(tmp_path_factory, "production model", make))


@pytest.fixture(scope="session")
def trained(client: Client, small_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> ProductionCommands:
    """Return the commands of a project with two approved versions of the template's model; do not change these.

    They differ in a hyperparameter. There is also a third one, equal to the second, which is not approved.
    """
    commands = ProductionCommands(client, tmp_path_factory.mktemp("trained"), "trained")
    public = small_sample / "public/public.csv.gz"
    for number, alphas in enumerate((31, 2), 1):
        commands.succeed("train", ROOT, "--public", public, "--set", f"alphas={alphas}")
        commands.succeed("approve", number)
    commands.succeed("train", ROOT, "--public", public, "--set", "alphas=2", "--again")
    return commands


@pytest.fixture
def serving(
    trained: ProductionCommands, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ProductionCommands]:
    """Return the commands of an endpoint of this test alone, for the versions of `trained`. Deleted at the end."""
    commands = ProductionCommands(trained.client, tmp_path, "trained")
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:30].strip("-")
    commands.configure(ENDPOINT_NAME=name)
    yield commands
    commands.succeed("delete", "--endpoint")


@pytest.fixture(scope="module")
def web_page(trained: ProductionCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPage]:
    """Return the web page of an endpoint that serves the first version of `trained`."""
    commands = ProductionCommands(trained.client, tmp_path_factory.mktemp("web"), "trained")
    commands.configure(ENDPOINT_NAME="web-page")
    commands.succeed("deploy", "--variant", "A=1")
    page = WebPage(commands)
    yield page
    assert page.stop() == 0
    assert "Traceback" not in page.log()
    commands.succeed("delete", "--endpoint")
