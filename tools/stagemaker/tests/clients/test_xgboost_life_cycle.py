"""life_cycle.py, a program for version 1 or 2 of the SDK that trains a model and finally updates an endpoint.

Its predictions must equal xgboost's in a separate process with the same hyperparameters.
"""

import collections
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stagemaker_support.sdk import PYTHON, ROOT

PROGRAM = Path(__file__).with_name("life_cycle.py")
ROWS = {"train": 300, "validation": 100, "test": 60}
TREES = {"max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6, "subsample": 0.8}
SETTINGS = TREES | {"num_round": 40, "early_stopping_rounds": 10}
XGBOOST_PROGRAM = """
import json, sys
import numpy, xgboost
folder, settings = sys.argv[1], json.loads(sys.argv[2])
tables = {name: numpy.loadtxt(f"{folder}/{name}.csv", delimiter=",") for name in ("train", "validation", "test")}
test = xgboost.DMatrix(tables.pop("test"))
data = {name: xgboost.DMatrix(table[:, 1:], label=table[:, 0]) for name, table in tables.items()}
evaluations = [(matrix, name) for name, matrix in data.items()]
rounds, patience = settings.pop("num_round"), settings.pop("early_stopping_rounds")
stopping = xgboost.callback.EarlyStopping(patience, save_best=True)
booster = xgboost.train(settings, data["train"], rounds, evaluations, callbacks=[stopping], verbose_eval=False)
print(json.dumps(booster.predict(test).tolist()))
"""


def labels_of(features: np.ndarray) -> np.ndarray:
    return 20 + 5 * features[:, 0] - 3 * features[:, 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("houses"), np.random.default_rng(0)
    for name, rows in ROWS.items():
        features = rng.normal(size=(rows, 5)).round(5)
        labels = labels_of(features) + rng.normal(size=rows) / 4
        table = features if name == "test" else np.column_stack([labels.round(5), features])
        np.savetxt(folder / f"{name}.csv", table, delimiter=",", fmt="%.5f")
    return folder


@pytest.fixture(scope="module")
def results(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Run the program with the simulator's variables, and return its results."""
    command = [sys.executable, PROGRAM, folder, folder / "results.json", json.dumps(SETTINGS)]
    process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout[-6000:]
    return json.loads((folder / "results.json").read_text())


def predictions(folder: Path, **settings: Any) -> list[float]:
    """Train xgboost in the project's environment with these settings, and return the predictions for test.csv."""
    command = [PYTHON, "-c", XGBOOST_PROGRAM, folder, json.dumps(SETTINGS | settings)]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_a_transform_job_and_an_endpoint_predict_what_xgboost_predicts(results: dict[str, Any], folder: Path) -> None:
    assert results["predict"] == results["transform"] == predictions(folder)
    assert results["invoke"] == results["predict"][0]
    assert {"train:rmse", "validation:rmse"} <= set(results["metrics"])  # the algorithm's metrics need no definitions


def test_the_best_of_the_tuned_models_is_attached(results: dict[str, Any], folder: Path) -> None:
    assert len(results["tuned"]) == 3
    best = min(results["tuned"], key=results["tuned"].__getitem__)
    assert results["best"] == results["attached_best"] == best
    assert results["tuned_transform"] == predictions(folder, **results["best_settings"])


def test_both_variants_respond_until_the_update(results: dict[str, Any], folder: Path) -> None:
    """The linear model responds with JSON, and the XGBoost model with CSV, as on AWS."""
    counts = collections.Counter(variant for variant, _ in results["combined"])
    assert counts.keys() == {"Linear-Model", "XGB-Model"}
    assert min(counts.values()) > ROWS["test"] / 5
    assert [float(body) for name, body in results["combined"] if name == "XGB-Model"] == [
        value for value, (name, _) in zip(results["predict"], results["combined"], strict=True) if name == "XGB-Model"
    ]
    assert results["config"][0] == results["config"][1]
    assert {name for name, _ in results["updated"]} == {"Linear-Model"}
    scores = [json.loads(body)["predictions"][0]["score"] for _, body in results["updated"]]
    expected = labels_of(np.loadtxt(folder / "test.csv", delimiter=","))
    assert float(np.sqrt(np.mean((np.array(scores) - expected) ** 2))) < 0.2
