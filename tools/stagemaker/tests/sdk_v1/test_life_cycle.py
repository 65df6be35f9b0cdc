"""A program with version 1 of the SDK, from a first model to an update of an endpoint: life_cycle.py."""

import collections
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROGRAM = Path(__file__).with_name("life_cycle.py")
ROWS = {"train": 300, "validation": 100, "test": 60}


def labels_of(features: np.ndarray) -> np.ndarray:
    return 20 + 5 * features[:, 0] - 3 * features[:, 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("houses"), np.random.default_rng(0)
    for name, rows in ROWS.items():
        features = rng.normal(size=(rows, 5)).round(5)
        labels = labels_of(features) + rng.normal(size=rows) / 4
        table = features if name == "test" else np.column_stack([labels, features])
        np.savetxt(folder / f"{name}.csv", table, delimiter=",", fmt="%.5f")
    return folder


@pytest.fixture(scope="module")
def results(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Run the program with the simulator's variables, and return what it wrote."""
    command = [sys.executable, PROGRAM, folder, folder / "results.json"]
    process = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.returncode == 0, process.stdout[-6000:]
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def expected(folder: Path) -> np.ndarray:
    return labels_of(np.loadtxt(folder / "test.csv", delimiter=","))


def errors(predictions: list[float], expected: np.ndarray) -> float:
    return float(np.sqrt(np.mean((np.array(predictions) - expected) ** 2)))


def test_a_transform_job_and_an_endpoint_predict_the_same(results: dict[str, Any], expected: np.ndarray) -> None:
    assert results["predict"] == results["transform"]
    assert results["invoke"] == results["predict"][0]
    assert errors(results["predict"], expected) < 2.5


def test_the_best_of_the_tuned_models_is_attached(results: dict[str, Any], expected: np.ndarray) -> None:
    assert len(results["tuned"]) == 3
    assert results["best"] == min(results["tuned"], key=results["tuned"].__getitem__)
    assert errors(results["tuned_transform"], expected) < 2.5


def test_both_variants_respond_until_the_update(results: dict[str, Any], expected: np.ndarray) -> None:
    """The linear model responds with JSON, and XGBoost's with CSV, as on AWS."""
    counts = collections.Counter(variant for variant, _ in results["combined"])
    assert counts.keys() == {"Linear-Model", "XGB-Model"}
    assert min(counts.values()) > len(expected) / 5
    assert [float(body) for name, body in results["combined"] if name == "XGB-Model"] == [
        value for value, (name, _) in zip(results["predict"], results["combined"], strict=True) if name == "XGB-Model"
    ]
    assert results["config"][0] == results["config"][1]
    assert {name for name, _ in results["updated"]} == {"Linear-Model"}
    scores = [json.loads(body)["predictions"][0]["score"] for _, body in results["updated"]]
    assert errors(scores, expected) < 0.2
