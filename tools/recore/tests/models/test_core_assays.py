import importlib
import json
import math
import random
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import core_assays as support
from models import house_prices
from models.core_assays import UNMEASURED_TARGET, make_training_folder, spectra_of, values_of
from recore_support.schema import TARGETS
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client
from support.checkout import ROOT, run

from recore.model import SageMakerEnv
from recore.model.errors import ClientError, ConfigError, JobError
from recore.model.hyperparameter_encoding import encode

HYPERPARAMETERS = {"alphas": 5, "alpha_min": 1e-4, "n_components": 20}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory, core_data_file: bytes) -> SageMakerEnv:
    """Return the environment of a finished training job. Do not change its files."""
    env = make_training_folder(tmp_path_factory.mktemp("job") / "ml", core_data_file, encode(HYPERPARAMETERS))
    support.core_assays().CoreAssays().trainer(env).train()
    return env


@pytest.fixture(scope="module")
def predictor(env: SageMakerEnv) -> Any:
    predictor = support.core_assays().CoreAssays().predictor(env)
    predictor.setup()
    return predictor


@pytest.fixture(scope="module")
def spectra(env: SageMakerEnv) -> list[dict[str, Any]]:
    """Return the data file's spectra. Copy a spectrum before you change it."""
    return spectra_of(env.dataset_folder() / "public.csv.gz")


@pytest.fixture(scope="module")
def expected(env: SageMakerEnv) -> np.ndarray:
    submission, preprocess = importlib.import_module("train"), importlib.import_module("preprocess").preprocess
    inputs, _ = preprocess(str(env.dataset_folder() / "public.csv.gz"))
    return np.asarray(submission.predict_fn(inputs, submission.model_fn(str(env.model_folder()))), dtype=float)


def predict_with_script(model: Path, data: Path, folder: Path) -> np.ndarray:
    arguments = ("--model_dir", model, "--data_dir", data, "--output", folder / "out.csv")
    result = run(ROOT / "predict.py", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    return pd.read_csv(folder / "out.csv", header=None, float_precision="round_trip").to_numpy(float)


# ---- Training --------------------------------------------------------------------------------------------


def test_the_model_equals_the_one_that_train_py_writes(env: SageMakerEnv, tmp_path: Path) -> None:
    arguments = [f"--{name}={value}" for name, value in HYPERPARAMETERS.items()]
    folders = ("--data_dir", env.dataset_folder(), "--model_dir", tmp_path)
    result = run(ROOT / "train.py", *folders, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    contents = {path.name: path.read_bytes() for path in env.model_folder().iterdir()}
    assert set(contents) == {path.name for path in tmp_path.iterdir()} | {"expected_error.json"}
    assert {"model.pkl", "held_out.csv"} < set(contents)
    for path in tmp_path.iterdir():
        assert contents[path.name] == path.read_bytes(), path.name


def test_the_expected_error_is_the_error_of_held_out_predictions(env: SageMakerEnv) -> None:
    errors = json.loads((env.model_folder() / "expected_error.json").read_text())
    assert list(errors) == list(TARGETS)
    assert errors[UNMEASURED_TARGET] is None
    assays = pd.read_csv(env.dataset_folder() / "public.csv.gz", index_col=0)
    held_out = pd.read_csv(env.model_folder() / "held_out.csv", index_col=0)
    for name in set(TARGETS) - {UNMEASURED_TARGET}:
        rows = assays[name].notna()
        assert rows.sum() > 10
        rmse = math.sqrt(((assays[name] - held_out[name])[rows] ** 2).mean())
        assert errors[name] == pytest.approx(rmse, rel=1e-9)
    assert not assays.notna().all().all()  # some targets have gaps, and these rows are left out


@pytest.mark.parametrize(
    ("hyperparameters", "error", "reason"),
    [
        ({"alfas": 5}, ConfigError, "no hyperparameter 'alfas'.* are: .*alphas"),
        ({"model_dir": "x"}, ConfigError, "no hyperparameter 'model_dir'"),
        ({"alphas": {"most": 3}}, ConfigError, "'alphas' is {'most': 3}, not a number, a string or a boolean"),
        pytest.param(
            {"alphas": "three"},
            JobError,
            r"train\.py failed with the exit status 2: .*--alphas: invalid int value: 'three'",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_invalid_hyperparameters_are_rejected(
    tmp_path: Path, core_data_file: bytes, hyperparameters: dict[str, Any], error: type[Exception], reason: str
) -> None:
    env = make_training_folder(tmp_path, core_data_file, encode(hyperparameters))
    with pytest.raises(error, match=reason):
        support.core_assays().CoreAssays().trainer(env).train()
    assert not (env.model_folder() / "model.pkl").exists()


def test_hyperparameters_must_be_arguments_of_fit() -> None:
    def fit(inputs, targets, holes, rows=None, alpha=1e-5, low=-2, kind="a b", fast=True, *, last=3, **others): ...

    arguments = support.core_assays().hyperparameter_arguments
    values = {"alpha": -1e-7, "low": -3, "kind": "--x y", "fast": False, "last": 4}
    expected_arguments = ["--alpha=-1e-07", "--low=-3", "--kind=--x y", "--fast=False", "--last=4"]
    assert arguments(fit, values) == expected_arguments
    for name in ("rows", "inputs", "others"):
        with pytest.raises(ConfigError, match=rf"no hyperparameter '{name}'.* are: alpha, low, kind, fast, last$"):
            arguments(fit, {name: 1})


# ---- Predictions -----------------------------------------------------------------------------------------


def test_one_spectrum_is_predicted(
    predictor: Any, spectra: list[dict[str, Any]], expected: np.ndarray, env: SageMakerEnv
) -> None:
    order = list(range(len(spectra[0]["wavenumbers"])))
    random.Random(1).shuffle(order)
    datum = {name: [values[index] for index in order] for name, values in spectra[3].items()} | {"sample": "core_3"}
    prediction = predictor.invoke(datum)
    assert prediction["metadata"]["model_version"] == "core-1"
    assays = prediction["result"]["assays"]
    np.testing.assert_allclose(values_of([prediction["result"]]), expected[3:4], rtol=1e-9)
    units = {"CuPPM": "ppm", "FePCT": "%", "ThPPB": "ppb"}
    assert {name: assays[name]["unit"] for name in units} == units
    errors = json.loads((env.model_folder() / "expected_error.json").read_text())
    assert {name: assay["expected_error"] for name, assay in assays.items()} == errors
    assert assays[UNMEASURED_TARGET] == {"value": None, "unit": "ppb", "expected_error": None}


def test_spectra_in_a_batch_alone_as_arrays_and_in_threads_have_the_same_predictions(
    predictor: Any, spectra: list[dict[str, Any]], expected: np.ndarray
) -> None:
    batch = [prediction["result"] for prediction in predictor.batch_invoke(spectra)["predictions"]]
    np.testing.assert_allclose(values_of(batch), expected, rtol=1e-9)
    assert np.unique(expected[:, 0]).size > 5  # different enough for a test to notice exchanged rows
    assert predictor.batch_invoke([]) == {"predictions": []}
    arrays = [{name: np.array(values) for name, values in datum.items()} for datum in spectra[:5]]
    assert [predictor.result(datum) for datum in arrays] == [predictor.result(datum) for datum in spectra[:5]]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(predictor.result, spectra))
    np.testing.assert_allclose(values_of(results), expected, rtol=1e-9)


def test_hooks_run_one_by_one(predictor: Any, spectra: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    submission = importlib.import_module("train")
    calls, peak, predict = [0], [0], submission.predict_fn

    def predict_fn(inputs: Any, model: Any) -> Any:
        calls[0] += 1
        peak[0] = max(peak[0], calls[0])
        time.sleep(0.01)  # another call could start here
        calls[0] -= 1
        return predict(inputs, model)

    monkeypatch.setattr(submission, "predict_fn", predict_fn)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(predictor.result, spectra[:8]))
    assert peak == [1]


@pytest.mark.parametrize(
    ("change", "details"),
    [
        (lambda datum: [1, 2], "a spectrum must be an object with the keys"),
        (lambda datum: None, "a spectrum must be an object with the keys"),
        (lambda datum: {"absorbances": datum["absorbances"]}, "it has no 'wavenumbers'"),
        (lambda datum: {"wavenumbers": datum["wavenumbers"]}, "it has no 'absorbances'"),
        (lambda datum: datum | {"wavenumbers": []}, "'wavenumbers' must be a non-empty list of numbers"),
        (lambda datum: datum | {"absorbances": []}, "'absorbances' must be a non-empty list of numbers"),
        (lambda datum: datum | {"absorbances": "0.5"}, "'absorbances' must be a non-empty list of numbers"),
        (lambda datum: datum | {"absorbances": {"4000": 0.5}}, "'absorbances' must be a non-empty list of numbers"),
        (lambda datum: datum | {"absorbances": datum["absorbances"][1:]}, "171 wavenumbers, but 170 absorbances"),
        *(
            (
                lambda datum, value=value: set_value(datum, "absorbances", value),
                rf"value 3 of .* is '{quoted}', not a finite",
            )
            for value, quoted in (
                ("0.5", "0.5"),
                (None, "None"),
                (True, "True"),
                ([0.5], r"\[0.5\]"),
                (math.nan, "nan"),
                (-math.inf, "-inf"),
                (10**400, "10000.*0"),
            )
        ),
        (lambda datum: set_value(datum, "wavenumbers", math.nan), "value 3 of 'wavenumbers' is 'nan'"),
        (lambda datum: set_value(datum, "wavenumbers", 4000), "a wavenumber appears more than once"),
        (lambda datum: set_value(datum, "wavenumbers", -5), "the wavenumber -5 is not positive"),
    ],
)
def test_invalid_spectra_are_rejected(
    predictor: Any, spectra: list[dict[str, Any]], change: Callable[[dict[str, Any]], Any], details: str
) -> None:
    datum = change(spectra[1])
    for call, data, name in (
        (predictor.result, datum, "the spectrum"),
        (predictor.batch_result, [spectra[0], datum], "spectrum 2"),
    ):
        with pytest.raises(ClientError) as raised:
            call(data)
        assert raised.value.status_code == 400
        assert raised.value.message == f"{name} is invalid"
        assert re.search(details, raised.value.details[0])


def set_value(datum: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    values = list(datum[key])
    values[2] = value
    return datum | {key: values}


@pytest.mark.parametrize(
    ("change", "details"),
    [
        (lambda datum: {name: values[:3] for name, values in datum.items()}, "the request: at least 7 comma-separated"),
        (
            lambda datum: {name: values[:-7] for name, values in datum.items()},
            "the columns differ from those in training",
        ),
        (
            lambda datum: datum | {"wavenumbers": [value + 0.5 for value in datum["wavenumbers"]]},
            "the columns differ from those in training",
        ),
        (
            lambda datum: datum | {"absorbances": [0] * 171},
            "the request, index 1: normalisation needs a value above zero",
        ),
    ],
    ids=["few", "fewer", "shifted", "zero"],
)
def test_spectra_that_the_submission_rejects_are_reported(
    predictor: Any, spectra: list[dict[str, Any]], change: Callable[[dict[str, Any]], Any], details: str
) -> None:
    with pytest.raises(ClientError, match="check that the wavenumbers are its training channels") as raised:
        predictor.result(change(spectra[0]))
    assert details in raised.value.details[0]
    assert "/" not in raised.value.details[0]  # the path of a temporary file is not shown


def test_spectra_of_a_batch_must_have_the_same_channels(predictor: Any, spectra: list[dict[str, Any]]) -> None:
    shorter = {name: values[:-1] for name, values in spectra[1].items()}
    with pytest.raises(ClientError, match="spectrum 3 is invalid") as raised:
        predictor.batch_result([spectra[0], spectra[1], shorter])
    assert "its wavenumbers differ from those of spectrum 1" in raised.value.details[0]


def test_models_without_errors_still_predict(env: SageMakerEnv, spectra: list[dict[str, Any]], tmp_path: Path) -> None:
    shutil.copytree(env.model_folder(), tmp_path / "model")
    (tmp_path / "model/expected_error.json").unlink()
    predictor = support.core_assays().CoreAssays().predictor(SageMakerEnv(tmp_path, {}))
    predictor.setup()
    copper = predictor.result(spectra[0])["assays"]["CuPPM"]
    assert copper["expected_error"] is None
    assert copper["value"] >= 0


TRAIN_AND_PREDICT = """
import json, sys
from core_assays import CoreAssays
from recore.model import SageMakerEnv

env = SageMakerEnv(sys.argv[1], {})
CoreAssays().trainer(env).train()
predictor = CoreAssays().predictor(env)
predictor.setup()
print(json.dumps(predictor.batch_result(json.load(sys.stdin))))
"""


def test_a_different_submission_can_be_used(core_data_file: bytes, tmp_path: Path) -> None:
    support.write_code(tmp_path / "code", {"train.py": support.OTHER_TRAIN, "preprocess.py": support.OTHER_PREPROCESS})
    env = make_training_folder(tmp_path / "ml", core_data_file, encode({"scale": 0.5}))
    spectra = spectra_of(env.dataset_folder() / "public.csv.gz")
    result = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_PREDICT, str(tmp_path / "ml")],
        cwd=tmp_path / "code",
        env=house_prices.program_environment(tmp_path / "code", {}),
        input=json.dumps(spectra),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    results = json.loads(result.stdout)
    assays = pd.read_csv(env.dataset_folder() / "public.csv.gz").reindex(columns=TARGETS)
    sums = [sum(datum["absorbances"][:40:4]) for datum in spectra]
    expected = np.outer(sums, 0.5 * assays.mean())
    np.testing.assert_allclose(values_of(results), expected, rtol=1e-9)
    copper = {name: result["assays"]["CuPPM"][name] for result in results[:1] for name in ("expected_error", "unit")}
    rmse = math.sqrt(((assays["CuPPM"] - expected[:, TARGETS.index("CuPPM")]) ** 2).mean())
    assert copper == {"expected_error": pytest.approx(rmse, rel=1e-9), "unit": "ppm"}


# ---- In the simulator ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_instrument_files_become_a_served_model(
    connected_client: Client, core_code: Path, core_sources: Path, tmp_path: Path
) -> None:
    client, project, packages = connected_client, "core", support.core_assays().PACKAGES
    support.upload_sources(client, core_sources, project)
    job = house_prices.generate_dataset(
        client, core_code, project, "core_assays.CoreAssays", packages, **house_prices.s3_variables(client)
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    data = client.get(f"{house_prices.url_of(project)}/datasets/first/public.csv.gz")

    source = house_prices.upload_code_archive(client, core_code, project, packages)
    job = house_prices.train(
        client, source, project, f"{house_prices.url_of(project)}/datasets/first/", **encode(HYPERPARAMETERS)
    )
    archive = job["ModelArtifacts"]["S3ModelArtifacts"]
    (tmp_path / "model.tar.gz").write_bytes(client.get(archive))
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        tar.extractall(tmp_path / "model", filter="data")
    assert {"model.pkl", "held_out.csv", "expected_error.json"} <= {path.name for path in tmp_path.glob("model/*")}
    errors = json.loads((tmp_path / "model/expected_error.json").read_text())

    endpoints = Endpoints(client)
    model = house_prices.create_model(client, source, archive, {"ML2P_MODEL_VERSION": "core-1.0"}, "core-1-0")
    endpoint = endpoints.create(endpoints.config(variant(model)))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/public.csv.gz").write_bytes(data)
    spectra = spectra_of(tmp_path / "data/public.csv.gz")
    expected = predict_with_script(tmp_path / "model", tmp_path / "data", tmp_path)
    prediction = house_prices.invoke(endpoints, endpoint, spectra[0])
    assert prediction["metadata"]["model_version"] == "core-1.0"
    np.testing.assert_allclose(values_of([prediction["result"]]), expected[:1], rtol=1e-9)
    assert prediction["result"]["assays"]["CuPPM"]["expected_error"] == errors["CuPPM"] > 0
    assert prediction["result"]["assays"][UNMEASURED_TARGET]["value"] is None
    predictions = house_prices.invoke(endpoints, endpoint, {"instances": spectra})["predictions"]
    np.testing.assert_allclose(values_of([prediction["result"] for prediction in predictions]), expected, rtol=1e-9)
    with pytest.raises(client.simulator.client("sagemaker-runtime").exceptions.ClientError, match="has no 'absorb"):
        endpoints.invoke(endpoint, '{"wavenumbers": [4000]}')
    endpoints.delete(endpoint)
