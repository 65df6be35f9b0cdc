"""Each image's environment is created once, for the first job. Models run with three versions of scikit-learn."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from stagemaker_support.archives import archive_of
from stagemaker_support.checkout import ROOT, environment
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client
from stagemaker_support.start_command import start

from stagemaker.images.package_set import READY, find_python
from stagemaker.images.scikit_learn import FAMILY
from stagemaker.server import Simulator

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("environments")]
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
OLD_NAME = "scikit-learn-1.4-2"
SETUP = [sys.executable, "-m", "stagemaker", "setup", "scikit-learn:1.4-2"]
TRAIN = "import os, sklearn\nprint(sklearn.__version__)\nopen(os.environ['SM_MODEL_DIR'] + '/v', 'w')\n"


def setup(cache: Path, **options: object) -> "subprocess.Popen[str]":
    variables = environment() | {"XDG_CACHE_HOME": str(cache)}
    return subprocess.Popen(
        SETUP, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_the_first_job_reports_that_its_environment_is_created_and_the_time_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    process, variables = start(folder=tmp_path, XDG_CACHE_HOME=str(cache))
    try:
        for key, value in variables.items():
            monkeypatch.setenv(key, value)
        client = Client(SimpleNamespace(client=boto3.client), f"{REGISTRY}/sagemaker-scikit-learn:1.4-2-cpu-py3")
        name = client.train(TRAIN, wait=False, seconds=10)["TrainingJobName"]
        messages, deadline = set(), time.monotonic() + 600
        while (job := client.describe("TrainingJob", name))["TrainingJobStatus"] == "InProgress":
            assert time.monotonic() < deadline, job
            messages |= {each["StatusMessage"] for each in job["SecondaryStatusTransitions"]}
            time.sleep(0.1)
        assert job["TrainingJobStatus"] == "Completed", job
        assert f"creating the environment of {OLD_NAME}, once for all simulators" in messages
        assert client.train(TRAIN, seconds=10)["TrainingJobStatus"] == "Completed"
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert errors.count("once for all simulators") == 1
    assert [path.name for path in (cache / "stagemaker").glob(f"{OLD_NAME}-*/{READY}")] == [READY]


def test_an_environment_is_created_once_and_recreated_after_a_kill(tmp_path: Path) -> None:
    first_process = setup(tmp_path, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("stagemaker/*/lib/python3*/site-packages/*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(first_process.pid, signal.SIGKILL)
    first_process.communicate()
    processes = [setup(tmp_path, umask=0), setup(tmp_path, umask=0)]
    outputs = [process.communicate(timeout=600) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    [folder] = (tmp_path / "stagemaker").glob("[!.]*")
    assert all(output == f"{OLD_NAME}: {folder}\n" for output, _ in outputs)
    last_process = setup(tmp_path)
    assert last_process.communicate(timeout=60) == (f"{OLD_NAME}: {folder}\n", "")


KINDS = """
import json, pickle, sys
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

generator = np.random.default_rng(0)
rows = generator.normal(size=(120, 6)).round(3)
target = rows @ np.arange(1, 7) + np.sin(rows[:, 0])
group = (target > 0).astype(int)
kinds = {
    "ridge": (RidgeCV(), target),
    "logistic regression": (LogisticRegression(), group),
    "random forest": (RandomForestRegressor(20, random_state=0), target),
    "histogram gradient boosting": (HistGradientBoostingRegressor(max_iter=20, random_state=0), target),
    "pipeline": (make_pipeline(StandardScaler(), PCA(3), RidgeCV()), target),
}
models = {name: model.fit(rows, values) for name, (model, values) in kinds.items()}
for name, model in models.items():
    with open(f"{sys.argv[1]}/{name}.pkl", "wb") as file:
        pickle.dump(model, file)
asked = generator.normal(size=(15, 6)).round(3)
predicted = {name: list(map(float, model.predict(asked))) for name, model in models.items()}
print(json.dumps({"asked": asked.tolist(), "predicted": predicted}))
"""
SERVE = """
import glob, json, os, pickle
import numpy as np

def model_fn(folder):
    models = {}
    for path in glob.glob(folder + "/*.pkl"):
        with open(path, "rb") as file:
            models[os.path.basename(path)[:-4]] = pickle.load(file)
    return models

def transform_fn(models, data, content_type, accept):
    rows = np.array(json.loads(data))
    return json.dumps({name: list(map(float, each.predict(rows))) for name, each in models.items()}), accept
"""


@pytest.fixture(scope="module")
def endpoints() -> Iterator[Endpoints]:
    with Simulator() as simulator:
        yield Endpoints(Client(simulator))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", ["1.2-1", "1.4-2", "1.9-0"])
def test_models_of_a_version_predict_the_same_to_the_last_digit(
    version: str, endpoints: Endpoints, tmp_path: Path
) -> None:
    packages = FAMILY.package_sets[version]
    python = next(filter(None, map(find_python, packages.pythons)), None) or pytest.skip(str(packages.problem()))
    lines = packages.requirements[0].read_text().splitlines()
    pins = [line for line in lines if line.startswith(("numpy==", "scipy==", "scikit-learn=="))]
    uv = Path(sys.prefix, "bin/uv")
    subprocess.run([uv, "venv", "--quiet", "--python", python, tmp_path / "original"], check=True)
    original = tmp_path / "original/bin/python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", original, *pins], check=True)
    (tmp_path / "models").mkdir()
    result = subprocess.run([original, "-c", KINDS, tmp_path / "models"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    expected = json.loads(result.stdout)
    files = {path.name: path.read_bytes() for path in (tmp_path / "models").iterdir()}
    assert len(files) == 5
    client = endpoints.client
    archive = client.put(f"models/{version}.tar.gz", archive_of(**files))
    image = f"{REGISTRY}/sagemaker-scikit-learn:{version}-cpu-py3"
    name = endpoints.create(endpoints.config(variant(endpoints.model(SERVE, Image=image, ModelDataUrl=archive))), False)
    assert endpoints.settle(name, seconds=600)["EndpointStatus"] == "InService", endpoints.describe(name)
    body = json.dumps(expected["asked"])
    answer = json.load(endpoints.invoke(name, body, ContentType="application/json")["Body"])
    assert answer == expected["predicted"]
