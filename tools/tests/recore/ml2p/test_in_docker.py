"""The commands with an image, as in ML2P, that contains the code and has the entry point `python -m recore.model`."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from recore_support.ml2p_project import TUTORIAL, ProjectCommands, write_project
from recore_support.models import s3_variables
from stagemaker_support.docker_engine import IMAGE, engine
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT

from stagemaker.isolation.containers import build
from stagemaker.server import BUCKET, Simulator

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("docker")]

IMAGE_NAME = "recore-test/house-prices:1.0.0"
DOCKERFILE = f"""
FROM {IMAGE}
COPY recore /app/recore
COPY src /app
ENV PYTHONPATH=/app
ENTRYPOINT ["python", "-m", "recore.model", "--model", "model.HousePrices"]
"""
HOUSE = {"area": 80, "rooms": 3, "age": 10, "distance": 5}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Return a client of a simulator whose containers can call it, on an engine that has the project's image."""
    build(engine(), ROOT, IMAGE, "equivalent", print)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Dockerfile").write_text(DOCKERFILE)
        shutil.copytree(ROOT / "tools/src/recore/model", folder / "recore/model")
        shutil.copy(ROOT / "tools/src/recore/__init__.py", folder / "recore")
        shutil.copytree(TUTORIAL / "src", folder / "src")
        engine().images.build(path=name, tag=IMAGE_NAME, rm=True)
    with Simulator(engine="docker", jobs_can_call=True) as simulator:
        yield Client(simulator, IMAGE_NAME)


def test_an_image_with_the_code_runs_every_step(client: Client, tmp_path: Path) -> None:
    write_project(tmp_path, "docker")
    file = tmp_path / "ml2p.yml"
    text = file.read_text().replace("  source_dir: src\n", "").replace("models:\n  prices: model.HousePrices\n", "")
    lines = [f"  image: {IMAGE_NAME}" if line.startswith("  image: ") else line for line in text.splitlines()]
    file.write_text("\n".join(lines))
    project = ProjectCommands(tmp_path, "docker", s3_variables(client))

    project.result("dataset", "generate", "prices-20260131")
    wait_result = project.run("dataset", "wait", "prices-20260131")
    assert wait_result.returncode == 0, wait_result.stderr
    project.result("training-job", "create", "prices-1-0", "prices-20260131")
    wait_result = project.run("training-job", "wait", "prices-1-0")
    assert wait_result.returncode == 0, wait_result.stderr
    project.result("model", "create", "prices-1-0-0")
    project.result("endpoint", "create", "prices-1-0-0-test")
    assert project.run("endpoint", "wait", "prices-1-0-0-test").returncode == 0
    response = project.result("endpoint", "invoke", "prices-1-0-0-test", json.dumps(HOUSE))["Body"]
    assert response["metadata"]["model_version"] == "docker-prices-1-0-0"
    assert response["result"] == {"price": 288.111}
    result = project.run("endpoint", "invoke", "prices-1-0-0-test", '{"area": 80}')
    assert result.returncode == 2
    assert "the prediction failed: KeyError" in result.stderr
    prefix = "docker/predictions/docker-prices-1-0-0/"
    wait_until(lambda: client.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 1)
    project.result("endpoint", "delete", "prices-1-0-0-test")
