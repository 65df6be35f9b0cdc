"""SageMaker's built-in XGBoost algorithm: the training program that XGBoost images run if the job has no script."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost as xgb
from stagemaker_support.checkout import CONTAINER
from stagemaker_support.xgboost_data import SETTINGS, csv_of, hyperparameters, libsvm_of, matrix, table

from stagemaker.container.xgboost_hooks import load_booster
from stagemaker.container.xgboost_library.sagemaker_xgboost_container import distributed
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.algorithm_mode import train as algorithm
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.exceptions import UserError

TRAIN, VALIDATION = table(300, 1), table(80, 2)


@dataclass
class TrainedJob:
    status: int
    output: str
    base: Path

    def booster(self) -> xgb.Booster:
        return load_booster(self.base / "model/xgboost-model")

    def predictions(self) -> np.ndarray:
        return self.booster().predict(matrix(VALIDATION))


Train = Callable[..., TrainedJob]


def make_job_folder(
    base: Path, settings: dict[str, str], channels: dict[str, Any], content_type: str | None = None
) -> None:
    (base / "input/config").mkdir(parents=True)
    (base / "input/config/hyperparameters.json").write_text(json.dumps(settings))
    configuration = {name: {"ContentType": content_type} if content_type else {} for name in channels}
    (base / "input/config/inputdataconfig.json").write_text(json.dumps(configuration))
    for name, content in channels.items():
        (base / "input/data" / name).mkdir(parents=True)
        for file, data in (content if isinstance(content, dict) else {"part-0": content}).items():
            (base / "input/data" / name / file).write_bytes(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Train:
    """Return a function that trains in this process, like an image of the given version."""

    def run(
        settings: dict[str, str], channels: dict[str, Any], content_type: str = "text/csv", version: str | None = None
    ) -> TrainedJob:
        if version:
            monkeypatch.setenv("XGBOOST_IMAGE_VERSION", version)
        make_job_folder(tmp_path, settings, channels, content_type)
        (tmp_path / "model").mkdir()
        algorithm.train(tmp_path)
        return TrainedJob(0, capsys.readouterr().out, tmp_path)

    return run


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """Return a function that runs the training program."""

    def run(settings: dict[str, str], channels: dict[str, str]) -> TrainedJob:
        make_job_folder(tmp_path, settings, channels)
        command = [sys.executable, "-P", CONTAINER / "algorithm_training.py", "xgboost"]
        variables = os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)}
        result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
        return TrainedJob(result.returncode, result.stdout + result.stderr, tmp_path)

    return run


def test_training_on_libsvm_stops_early_by_a_metric(train: Train) -> None:
    settings = hyperparameters(num_round=200, early_stopping_rounds=3, eval_metric="rmse,mae", eta=0.5)
    job = train(settings, {"train": libsvm_of(TRAIN), "validation": libsvm_of(VALIDATION)})
    assert job.status == 0, job.output
    expected = xgb.train(
        SETTINGS | {"eta": 0.5, "eval_metric": ["rmse", "mae"]},
        matrix(TRAIN),
        200,
        evals=[(matrix(TRAIN), "train"), (matrix(VALIDATION), "validation")],
        callbacks=[xgb.callback.EarlyStopping(rounds=3, save_best=True)],
        verbose_eval=False,
    )
    booster = job.booster()
    assert 1 < booster.num_boosted_rounds() == expected.num_boosted_rounds() < 100
    np.testing.assert_array_equal(booster.predict(matrix(VALIDATION)), expected.predict(matrix(VALIDATION)))
    line = next(line for line in job.output.splitlines() if line.startswith("[2]"))
    names = [part.partition(":")[0] for part in line.split("#011")]
    assert names == ["[2]", "train-rmse", "train-mae", "validation-rmse", "validation-mae"]


def test_csv_without_a_content_type_is_recognised_and_its_weights_are_used(train: Train) -> None:
    weights = np.random.default_rng(3).random(len(TRAIN)).round(3) + 0.1
    weighted_rows = np.insert(TRAIN, 1, weights, axis=1)
    weighted_validation = np.insert(VALIDATION, 1, np.arange(len(VALIDATION)), axis=1)
    settings = hyperparameters(num_round=5, csv_weights=1, eval_metric="r2,rmse", dsplit="row", objective="reg:linear")
    job = train(settings, {"train": csv_of(weighted_rows), "validation": csv_of(weighted_validation)})
    assert job.status == 0, job.output
    assert "The train channel has no ContentType: its data is read as CSV. AWS would read it as libsvm." in job.output
    assert "dsplit has no effect" in job.output
    expected = xgb.train(SETTINGS, matrix(TRAIN, weight=weights), 5)
    predictions = job.booster().predict(matrix(VALIDATION))
    np.testing.assert_array_equal(predictions, expected.predict(matrix(VALIDATION)))
    last_line = next(line for line in job.output.splitlines() if line.startswith("[4]"))
    error = float(last_line.partition("validation-rmse:")[2].partition("#")[0])
    weighted_error = np.average((predictions - VALIDATION[:, 0]) ** 2, weights=np.arange(len(VALIDATION)))
    assert error == pytest.approx(np.sqrt(weighted_error), abs=1e-4)


def make_parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_parquet_is_read_like_csv(fit: Train) -> None:
    labels, *features = TRAIN.T
    columns = {f"f{index}": pa.array(values, from_pandas=True) for index, values in enumerate(features)}
    job = fit(hyperparameters(num_round=5), {"train": make_parquet(label=labels, **columns)}, "application/x-parquet")
    expected = xgb.train(SETTINGS, matrix(TRAIN), 5).predict(matrix(VALIDATION))
    np.testing.assert_array_equal(job.predictions(), expected)


COMPLETE_FILE = make_parquet(label=[1, 2], depth=[3.5, 4.5])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "part-0 is not a Parquet file with only numeric columns"),
        (b"1,2\n", "part-0 is not a Parquet file with only numeric columns"),
        (COMPLETE_FILE[:-20], "part-0 is not a Parquet file with only numeric columns"),
        (make_parquet(label=[1], name=["deep"]), "part-0 is not a Parquet file with only numeric columns"),
        (make_parquet(label=[1], depths=[[1, 2]]), "part-0 is not a Parquet file with only numeric columns"),
        (make_parquet(label=[1.0], depth=[-1e300]), "part-0: column 2 of row 1 is infinite, or too large for a 32-bit"),
        (make_parquet(label=[1]), "part-0 has a label but no features"),
        (make_parquet(label=[1, None], depth=[1, 2]), "part-0: row 2 has no label"),
        (make_parquet(label=pa.array([], "f8"), depth=pa.array([], "f8")), "part-0 is empty"),
    ],
    ids=["empty", "CSV", "cut off", "text", "lists", "too large", "one column", "no label", "no rows"],
)
def test_invalid_parquet_is_rejected(fit: Train, content: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=f"^{re.escape(reason)}"):
        fit(hyperparameters(num_round=5), {"train": content}, "parquet")


@pytest.mark.parametrize(
    ("version", "settings", "channels", "stops"),
    [
        ("1.7-1", {"eval_metric": "rmse"}, ["validation"], True),
        ("1.7-1", {"_tuning_objective_metric": "validation:mae"}, ["validation"], True),
        ("1.7-1", {}, ["validation"], False),
        ("1.7-1", {"eval_metric": "rmse"}, [], False),
        ("1.3-1", {}, ["validation"], False),
        ("1.2-2", {}, ["validation"], True),
        ("0.72", {}, ["validation"], True),
    ],
)
def test_the_version_and_the_request_decide_whether_training_stops_early(
    fit: Train, version: str, settings: dict[str, str], channels: list[str], stops: bool
) -> None:
    data = {"train": csv_of(TRAIN)} | dict.fromkeys(channels, csv_of(VALIDATION))
    job = fit(hyperparameters(num_round=60, early_stopping_rounds=2, eta=0.5) | settings, data, version=version)
    rounds = job.booster().num_boosted_rounds()
    assert rounds < 60 if stops else rounds == 60
    assert ("early_stopping_rounds has no effect: " in job.output) is not stops


@pytest.mark.parametrize(
    ("version", "objective", "metric"),
    [
        ("0.72", "binary:logistic", "error"),
        ("1.2-2", "binary:logistic", "error"),
        ("1.3-1", "binary:logistic", "logloss"),
        ("1.2-1", "multi:softmax", "merror"),
        ("1.2-2", "multi:softprob", "merror"),
        ("1.3-1", "multi:softprob", "mlogloss"),
        ("1.3-1", "binary:logitraw", "auc"),
        ("1.5-1", "binary:logitraw", "logloss"),
        ("1.2-1", "reg:logistic", "rmse"),
    ],
)
def test_the_default_metric_depends_on_the_version(fit: Train, version: str, objective: str, metric: str) -> None:
    settings = {"num_round": "3", "objective": objective} | ({"num_class": "2"} if "multi" in objective else {})
    data = np.column_stack([TRAIN[:, 0] > 0, TRAIN[:, 1:]])
    job = fit(settings | {"early_stopping_rounds": "2"}, {"train": csv_of(data)}, version=version)
    lines = [line for line in job.output.splitlines() if line.startswith("[")]
    assert lines
    assert all(re.fullmatch(rf"\[\d\]#011train-{metric}:[\d.]+", line) for line in lines), lines


@pytest.mark.parametrize(("version", "is_pickled"), [("0.90-2", True), ("1.2-2", True), ("1.3-1", False)])
def test_images_before_1_3_pickle_the_model(fit: Train, version: str, is_pickled: bool) -> None:
    job = fit(hyperparameters(num_round=3), {"train": csv_of(TRAIN)}, version=version)
    expected = xgb.train(SETTINGS, matrix(TRAIN), 3).predict(matrix(VALIDATION))
    np.testing.assert_array_equal(job.predictions(), expected)
    content = (job.base / "model/xgboost-model").read_bytes()
    assert content.startswith(b"\x80") is is_pickled
    if is_pickled:  # as AWS's example scripts read it
        np.testing.assert_array_equal(pickle.loads(content).predict(matrix(VALIDATION)), expected)


def test_earlier_versions_weight_only_the_training_data(fit: Train) -> None:
    data = {"train": csv_of(np.insert(TRAIN, 1, 1, axis=1)), "validation": csv_of(VALIDATION)}
    job = fit(hyperparameters(num_round=2, csv_weights=1), data, version="1.0-1")
    assert "The validation channel has 80 rows and 5 features." in job.output


def relevance_grades(values: np.ndarray) -> np.ndarray:
    return np.digitize(values[:, 0], [-1, 1])


def add_queries(values: np.ndarray, rows: int) -> str:
    labelled = np.column_stack([relevance_grades(values), values[:, 1:]])
    lines = [line.split(" ", 1) for line in libsvm_of(labelled).splitlines()]
    return "".join(f"{label} qid:{number // rows} {cells}\n" for number, (label, cells) in enumerate(lines))


def test_ranking_uses_the_queries_in_libsvm_data(fit: Train) -> None:
    settings = hyperparameters(num_round=5, objective="rank:ndcg")
    job = fit(settings, {"train": add_queries(TRAIN, 10)}, "libsvm", "1.7-1")
    assert "no groups" not in job.output
    data = xgb.DMatrix(TRAIN[:, 1:], label=relevance_grades(TRAIN), group=[10] * 30)
    expected = xgb.train(SETTINGS | {"objective": "rank:ndcg"}, data, 5).predict(matrix(VALIDATION))
    np.testing.assert_array_equal(job.predictions(), expected)


def test_early_stopping_before_1_3_uses_the_last_metric(fit: Train) -> None:
    settings = {"num_round": "60", "early_stopping_rounds": "2", "booster": "gblinear"}
    settings |= {"objective": "reg:squarederror", "eval_metric": "mse,rmse", "verbosity": "0"}
    job = fit(settings, {"train": csv_of(TRAIN), "validation": csv_of(VALIDATION)}, version="1.2-2")
    rounds = [line for line in job.output.splitlines() if line.startswith("[")]
    assert len(rounds) < 60
    assert rounds[-1].rpartition("#011")[2].startswith("validation-mse:")


@pytest.mark.parametrize(("metric", "direction"), [("ndcg", "maximises"), ("ndcg@5", "minimises")])
def test_early_stopping_has_the_same_direction_as_on_aws(fit: Train, metric: str, direction: str) -> None:
    settings = hyperparameters(num_round=9, early_stopping_rounds=2, objective="rank:ndcg", eval_metric=metric)
    data = {"train": add_queries(TRAIN, 10), "validation": add_queries(VALIDATION, 10)}
    assert f"Early stopping {direction} {metric}, as on AWS" in fit(settings, data, "libsvm").output


def test_ranking_without_queries_is_reported(fit: Train) -> None:
    data = np.column_stack([TRAIN[:, 0] > 0, TRAIN[:, 1:]])
    job = fit(hyperparameters(num_round=2, objective="rank:pairwise"), {"train": csv_of(data)})
    assert "The train channel has no groups (`qid:` in libsvm): all rows form one group." in job.output


@pytest.mark.parametrize(
    ("settings", "channels", "reason"),
    [
        ({"max_depth": "3"}, {"train": "1,2\n"}, "the hyperparameter num_round is required"),
        ({"num_round": "2", "_kfold": "5"}, {"train": "1,2\n"}, "_kfold is not simulated"),
        ({"num_round": "2"}, {"validation": "1,2\n"}, "the train channel is required"),
        ({"num_round": "2"}, {"train": "1,2\n", "test": "1,2\n"}, "unknown channel test"),
        ({"num_round": "2"}, {"train": "label,depth\n1,2\n"}, "part-0 must be CSV with only numbers and no header"),
        ({"num_round": "2"}, {"train": "1,2\n1,1e39\n"}, "part-0: column 2 of row 2 is infinite, or too large"),
        ({"num_round": "2", "csv_weights": "1"}, {"train": "1,,2\n"}, "part-0: row 1 has no label or weight"),
        ({"num_round": "2", "csv_weights": "1"}, {"train": "1,1,2\n1,-1,2\n"}, "part-0: row 2 has a negative weight"),
        ({"num_round": "2", "objective": "binary:logistic"}, {"train": "7,2\n1,3\n"}, "XGBoost cannot train"),
        ({"num_round": "2"}, {"train": {"a": "1,2\n2,3\n", "b": "3,4\n,5\n"}}, "b: row 2 has no label"),
        (
            {"num_round": "2"},
            {"train": {"part-0": "1,2\n", ".DS_Store": ""}},
            "the train channel has a hidden file, .DS_Store, which SageMaker rejects",
        ),
    ],
)
def test_invalid_training_inputs_are_rejected(fit: Train, settings: dict, channels: dict, reason: str) -> None:
    with pytest.raises(UserError, match=re.escape(reason)):
        fit(settings, channels)


def test_an_error_becomes_the_failure_reason_of_the_job(train: Train) -> None:
    job = train({"num_round": "3", "max_dept": "3"}, {"train": "1,2\n"})
    assert job.status == 1
    assert (job.base / "output/failure").read_text().startswith("unknown hyperparameter max_dept: valid hyperparam")
    assert "Training failed: unknown hyperparameter max_dept" in job.output
    assert not (job.base / "model/xgboost-model").exists()


def test_multi_instance_functions_are_rejected_when_called() -> None:
    """The module must be importable: AWS's own script mode example imports it even for a single instance."""
    with pytest.raises(NotImplementedError, match=r"distributed\.wait_hostname_resolution is not simulated: a job has"):
        distributed.wait_hostname_resolution(["algo-1"])
    with pytest.raises(NotImplementedError, match=r"distributed\.rabit_run is not simulated: a job has one instance"):
        distributed.rabit_run(exec_fun=print, args={}, include_in_training=True, hosts=["algo-1", "algo-2"])
