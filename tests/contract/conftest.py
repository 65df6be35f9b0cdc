"""Fixtures for tests of any submission. It is packed as on the platform and trained once on generated data.

The submission is the folder above tests/, or the folder that the environment variable SUBMISSION names. Only pytest
and packages that the submission needs are imported, so these tests run wherever the submission runs.
"""

import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROJECT = Path(__file__).resolve().parents[2]
HOST = runpy.run_path(str(PROJECT / "score.py"))
TARGETS, IDS, GROUP = (HOST[name] for name in ("TARGETS", "IDS", "GROUP"))
TIME_LIMIT = 600  # seconds for each script
# Files that the Unearthed CLI removes from the source distribution before it packs the rest.
SETUP_FILES = ("PKG-INFO", "*.egg-info", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in")
BUILD_FILES = (".*", "__pycache__", "data", "model", "runs", "dist", "build", "*.egg-info")
OTHER_FILES = ("docs", "examples", "tests", "tools", "predict.py", "score.py")  # next to a submission
# Calls the hooks as a server does: imports the module by name, loads the model once, and responds to one request
# after another, with the error of those that fail.
SERVER = """
import importlib, pathlib, sys, traceback

code, model_dir, *requests = sys.argv[1:]
sys.path.insert(0, code)
train = importlib.import_module("train")
model = train.model_fn(model_dir)

def respond(body):
    if hasattr(train, "transform_fn"):
        response = train.transform_fn(model, body, "text/csv", "text/csv")
        return response[0] if isinstance(response, tuple) else response
    predict = getattr(train, "predict_fn", lambda inputs, model: model.predict(inputs))
    response = predict(train.input_fn(body, "text/csv"), model)
    if hasattr(train, "output_fn"):
        response = train.output_fn(response, "text/csv")
        return response[0] if isinstance(response, tuple) else response
    return "".join(",".join(map(repr, map(float, row))) + "\\n" for row in response)

for request in map(pathlib.Path, requests):
    try:
        request.with_suffix(".out").write_text(respond(request.read_text()))
    except Exception:
        request.with_suffix(".error").write_text(traceback.format_exc())
"""


@dataclass(frozen=True)
class TrainedSubmission:
    """A trained submission. code: the folder with its files. model: the model's folder. data: data files by name."""

    code: Path
    model: Path
    data: dict[str, Path]


@pytest.fixture(scope="session")
def submission() -> Path:
    """Return the submission's folder. Tests must not write to it."""
    folder = Path(os.environ.get("SUBMISSION") or PROJECT).resolve()
    assert (folder / "train.py").is_file(), f"{folder} contains no train.py: SUBMISSION must name a submission's folder"
    return folder


@pytest.fixture(scope="session")
def host() -> Path:
    return PROJECT / "score.py"


@pytest.fixture(scope="session")
def upload_folder(submission: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run setup.py as the Unearthed CLI does, and return a folder with only the uploaded files.

    Without setuptools, the folder has all files of the submission, and tests of the upload are skipped.
    """
    code = tmp_path_factory.mktemp("shipped") / "code"
    if importlib.util.find_spec("setuptools") is None:
        ignored = shutil.ignore_patterns(*BUILD_FILES, *SETUP_FILES, *OTHER_FILES)
        return Path(shutil.copytree(submission, code, ignore=ignored))
    project = tmp_path_factory.mktemp("project") / "submission"
    shutil.copytree(submission, project, ignore=shutil.ignore_patterns(*BUILD_FILES))
    run(project, "setup.py", "--quiet", "sdist")
    [archive] = (project / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(project / "dist", filter="data")
    [unpacked] = (path for path in (project / "dist").iterdir() if path.is_dir())
    return Path(shutil.copytree(unpacked, code, ignore=shutil.ignore_patterns(*SETUP_FILES)))


@pytest.fixture(scope="session")
def targets() -> int:
    """Return the number of targets."""
    return len(TARGETS)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return data files by name. The public data have all assays, and the private data none."""
    folder, all_data = tmp_path_factory.mktemp("data"), generate_data(rows=120, holes=8)
    channels = all_data.drop(columns=list(TARGETS))
    frames = {
        "public": all_data.iloc[:90],
        "shuffled assays": all_data.iloc[:90].assign(**shuffle_assays(all_data.iloc[:90])),
        "private": channels.iloc[90:],
        "half": channels.iloc[90:105],
        "actual": all_data.iloc[90:],
    }
    files = {}
    for name, frame in frames.items():
        files[name] = folder / name / "public.csv.gz"
        files[name].parent.mkdir()
        frame.to_csv(files[name], compression={"method": "gzip", "compresslevel": 1})
    return files


@pytest.fixture(scope="session")
def training(
    upload_folder: Path, data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> TrainedSubmission | str:
    """Return the submission after its training job, or the error if training failed."""
    base = platform(tmp_path_factory.mktemp("training"), upload_folder)
    environment = {"SM_CHANNEL_TRAINING": str(data["public"].parent), "SM_MODEL_DIR": str(base / "ml/model")}
    arguments = ("--data_dir", data["public"].parent, "--model_dir", base / "ml/model")
    try:
        run(base, base / "ml/code/train.py", *arguments, SAGEMAKER_BASE_DIR=str(base / "ml"), **environment)
    except pytest.fail.Exception as failure:
        return str(failure)
    return TrainedSubmission(base / "ml/code", base / "ml/model", data)


@pytest.fixture(scope="session")
def artifact(training: TrainedSubmission | str) -> TrainedSubmission:
    if isinstance(training, str):
        pytest.skip("train.py failed: see test_train_py_runs")
    return training


@pytest.fixture(scope="session")
def preprocess(
    upload_folder: Path, data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[str]]:
    """Return a function that runs preprocess.py, alone in its folder, on a data file and returns the output's lines."""
    lines_by_name: dict[str, list[str]] = {}

    def lines_of(name: str) -> list[str]:
        if name not in lines_by_name:
            base = platform(tmp_path_factory.mktemp("preprocessing"))
            source = base / "ml/processing/input/public/public.csv.gz"
            output = base / "ml/processing/output/preprocess/public.csv"
            script = base / "ml/processing/input/code/preprocess.py"
            for path in (source, output, script):
                path.parent.mkdir(parents=True)
            shutil.copy(data[name], source)
            shutil.copy(upload_folder / "preprocess.py", script)
            run(base, script, "--input", source, "--output", output, SAGEMAKER_BASE_DIR=str(base / "ml"))
            lines_by_name[name] = output.read_text().splitlines(keepends=True)
        return lines_by_name[name]

    return lines_of


@pytest.fixture(scope="session")
def predict(
    artifact: TrainedSubmission, preprocess: Callable[[str], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], np.ndarray]:
    """Return a function that takes one of four ways to send private rows, and returns predictions (rows, targets).

    A single process responds to all requests.
    """
    folder = tmp_path_factory.mktemp("serving")
    header, *lines = preprocess("private")
    ways = {"whole": [lines], "parts": [lines[:11], lines[11:]], "reversed": [lines[::-1]]}
    ways["single rows"] = [[line] for line in lines[:3]]
    files = {way: [folder / f"{way} {index}.csv" for index in range(len(ways[way]))] for way in ways}
    for way, requests in ways.items():
        for file, request in zip(files[way], requests, strict=True):
            file.write_text(header + "".join(request))
    run(folder, "-c", SERVER, artifact.code, artifact.model, *(file for way in ways for file in files[way]))

    def predictions_of(way: str) -> np.ndarray:
        for file in files[way]:
            if (error := file.with_suffix(".error")).exists():
                pytest.fail(f"the hooks of train.py failed:\n{error.read_text()}", pytrace=False)
        return np.concatenate(
            [pd.read_csv(file.with_suffix(".out"), header=None).to_numpy(float) for file in files[way]]
        )

    return predictions_of


def platform(folder: Path, code: Path | None = None) -> Path:
    """In a folder, create ml/, which stands for /opt/ml, with the code, if any, and an empty folder for the model."""
    (folder / "ml/model").mkdir(parents=True)
    if code:
        shutil.copytree(code, folder / "ml/code")
    return folder


def run(folder: Path, *command: object, **variables: str) -> str:
    """Run Python in a folder without this process's import paths. If it fails, fail the test with Python's output."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SM_", "SAGEMAKER_", "PYTHON"))
    }
    arguments = [sys.executable, *map(str, command)]
    name = "the hooks of train.py" if command[0] == "-c" else Path(str(command[0])).name
    options = {"cwd": folder, "env": environment | variables, "capture_output": True, "text": True}
    try:
        result = subprocess.run(arguments, **options, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        pytest.fail(f"{name} took longer than {TIME_LIMIT} seconds", pytrace=False)
    if result.returncode != 0:
        message = result.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        pytest.fail(f"{name} failed: {message[0]}\n\n{result.stdout[-2000:]}{result.stderr[-5000:]}", pytrace=False)
    return result.stdout


def generate_data(rows: int, holes: int) -> pd.DataFrame:
    """Return spectra mixed from Gaussian bands of twelve minerals, and assays that depend on the minerals' amounts.

    As in the challenge, the names of channels are integers, drill holes are numbers, and no assay is missing.
    """
    random = np.random.default_rng(20261120)
    wavenumbers = np.arange(4000, 349, -1)
    centres, widths = random.uniform(500, 3900, (12, 6)), random.uniform(15, 90, (12, 6))
    bands = np.exp(-(((wavenumbers - centres[..., None]) / widths[..., None]) ** 2)).sum(axis=1)
    row_holes = np.sort(random.integers(0, holes, rows))
    amounts = random.gamma(1.5, 0.2, (holes, 12))[row_holes] * random.gamma(4.0, 0.25, (rows, 12))
    spectra = 0.1 + amounts @ bands + random.normal(0, 0.002, (rows, len(wavenumbers)))
    assays = amounts**3 @ random.gamma(0.5, 20.0, (12, len(TARGETS))) * random.lognormal(0, 0.1, (rows, len(TARGETS)))
    depth = np.arange(rows) - np.searchsorted(row_holes, row_holes)
    columns = {"DepthTo": depth + 1.0, GROUP: row_holes + 1, "DepthFrom": depth}
    return pd.concat(
        [
            pd.DataFrame({name: columns.get(name, np.arange(rows)) for name in IDS}),
            pd.DataFrame(spectra.round(6), columns=wavenumbers.astype(str)),
            pd.DataFrame(assays.round(3), columns=list(TARGETS)),
        ],
        axis=1,
    )


def shuffle_assays(data: pd.DataFrame) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.permutation(data[name].to_numpy()) for name in TARGETS}
