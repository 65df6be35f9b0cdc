"""The program of XGBoost images without a script: SageMaker's built-in algorithm."""

import io
import json
import os
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
from support.checkout import ROOT
from support.xgboost_data import SETTINGS, csv_of, hyperparameters, libsvm_of, matrix, table

from recore.container.xgboost_hooks import XGBoostAlgorithmHooks
from recore.container.xgboost_library.sagemaker_xgboost_container.algorithm_mode import train as algorithm
from recore.container.xgboost_library.sagemaker_xgboost_container.algorithm_mode.hyperparameters import (
    ALIASES,
    KNOWN,
    validate,
)
from recore.container.xgboost_library.sagemaker_xgboost_container.data_utils import get_content_type, read_dmatrix
from recore.container.xgboost_library.sagemaker_xgboost_container.encoder import decode, parse_csv, parse_libsvm
from recore.container.xgboost_library.sagemaker_xgboost_container.exceptions import UserError

TRAIN, VALIDATION = table(300, 1), table(80, 2)


@dataclass
class Trained:
    """A job that has ended: its status, what it printed, and its folder /opt/ml."""

    status: int
    printed: str
    base: Path

    def booster(self) -> xgb.Booster:
        booster = xgb.Booster()
        booster.load_model(bytearray((self.base / "model/xgboost-model").read_bytes()))
        return booster


def fill(
    base: Path, settings: dict[str, str], channels: dict[str, str | bytes], content_type: str | None = None
) -> None:
    """Make a job's /opt/ml."""
    (base / "input/config").mkdir(parents=True)
    (base / "input/config/hyperparameters.json").write_text(json.dumps(settings))
    described = {name: {"ContentType": content_type} if content_type else {} for name in channels}
    (base / "input/config/inputdataconfig.json").write_text(json.dumps(described))
    for name, content in channels.items():
        (base / "input/data" / name).mkdir(parents=True)
        (base / "input/data" / name / "part-0").write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Trained]:
    def run(settings: dict[str, str], channels: dict[str, str]) -> Trained:
        fill(tmp_path, settings, channels)
        done = subprocess.run(
            [sys.executable, "-P", ROOT / "recore/container/xgboost_training.py"],
            env=os.environ | {"SAGEMAKER_BASE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Trained(done.returncode, done.stdout + done.stderr, tmp_path)

    return run


def test_libsvm_with_early_stopping_by_a_metric(train: Callable[..., Trained]) -> None:
    """A channel without a ContentType is libsvm; the model keeps its best rounds."""
    settings = hyperparameters(num_round=200, early_stopping_rounds=3, eval_metric="rmse,mae", eta=0.5)
    trained = train(settings, {"train": libsvm_of(TRAIN), "validation": libsvm_of(VALIDATION)})
    assert trained.status == 0, trained.printed
    expected = xgb.train(
        SETTINGS | {"eta": 0.5, "eval_metric": ["rmse", "mae"]},
        matrix(TRAIN),
        200,
        evals=[(matrix(TRAIN), "train"), (matrix(VALIDATION), "validation")],
        callbacks=[xgb.callback.EarlyStopping(rounds=3, save_best=True)],
        verbose_eval=False,
    )
    booster = trained.booster()
    assert 1 < booster.num_boosted_rounds() == expected.num_boosted_rounds() < 100
    np.testing.assert_array_equal(booster.predict(matrix(VALIDATION)), expected.predict(matrix(VALIDATION)))
    line = next(line for line in trained.printed.splitlines() if line.startswith("[2]"))
    assert [part.partition(":")[0] for part in line.split("#011")] == [
        "[2]",
        "train-rmse",
        "train-mae",
        "validation-rmse",
        "validation-mae",
    ]


def test_csv_is_read_where_libsvm_is_meant_and_weights_count(train: Callable[..., Trained]) -> None:
    weights = np.random.default_rng(3).random(len(TRAIN)).round(3) + 0.1
    weighted = np.insert(TRAIN, 1, weights, axis=1)
    settings = hyperparameters(num_round=5, csv_weights=1, eval_metric="r2,mse", silent=0, objective="reg:linear")
    trained = train(settings, {"train": csv_of(weighted), "validation": csv_of(VALIDATION)})
    assert trained.status == 0, trained.printed
    assert "The channel train has no ContentType: AWS would read libsvm. Its data are read as CSV." in trained.printed
    assert "silent has no effect" in trained.printed
    expected = xgb.train(SETTINGS, matrix(TRAIN, weight=weights), 5)
    predictions = trained.booster().predict(matrix(VALIDATION))
    np.testing.assert_array_equal(predictions, expected.predict(matrix(VALIDATION)))
    last = next(line for line in trained.printed.splitlines() if line.startswith("[4]"))
    found = float(last.partition("validation-mse:")[2])
    assert found == pytest.approx(np.mean((predictions - VALIDATION[:, 0]) ** 2), abs=1e-4)


def parquet_of(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    """The label first, of whatever type of number; a missing value is one."""
    labels, *features = TRAIN.T
    columns = {f"f{number}": pa.array(values, from_pandas=True) for number, values in enumerate(features)}
    data = parquet_of(label=labels, **columns)
    fill(tmp_path, hyperparameters(num_round=5), {"train": data}, "application/x-parquet")
    (tmp_path / "model").mkdir()
    algorithm.train(tmp_path)
    predictions = Trained(0, "", tmp_path).booster().predict(matrix(VALIDATION))
    np.testing.assert_array_equal(predictions, xgb.train(SETTINGS, matrix(TRAIN), 5).predict(matrix(VALIDATION)))


WHOLE = parquet_of(label=[1, 2], depth=[3.5, 4.5])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "part-0 is not Parquet of numbers"),
        (b"1,2\n", "part-0 is not Parquet of numbers"),
        (WHOLE[:-20], "part-0 is not Parquet of numbers"),
        (parquet_of(label=[1], name=["deep"]), "part-0 is not Parquet of numbers"),
        (parquet_of(label=[1], depths=[[1, 2]]), "part-0 is not Parquet of numbers"),
        (parquet_of(label=[1]), "part-0 has 1 columns: the label, then at least one feature"),
        (parquet_of(label=[1, None], depth=[1, 2]), "row 2 of the channel has no label"),
        (parquet_of(label=pa.array([], "f8"), depth=pa.array([], "f8")), "part-0 is empty"),
    ],
    ids=["nothing", "CSV", "cut off", "text", "lists", "one column", "no label", "no rows"],
)
def test_parquet_that_is_no_table_of_numbers(tmp_path: Path, content: bytes, reason: str) -> None:
    fill(tmp_path, hyperparameters(num_round=5), {"train": content}, "parquet")
    with pytest.raises(UserError) as raised:
        algorithm.train(tmp_path)
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("name", [*ALIASES])
def test_other_names_of_hyperparameters(name: str) -> None:
    assert validate({"num_round": "1", name: "0.5"}) == {"num_round": 1, ALIASES[name]: 0.5}


@pytest.mark.parametrize(
    ("version", "settings", "channels", "stops"),
    [
        ("1.7", {"eval_metric": "rmse"}, ["validation"], True),
        ("1.7", {"_tuning_objective_metric": "validation:mae"}, ["validation"], True),
        ("1.7", {}, ["validation"], False),
        ("1.7", {"eval_metric": "rmse"}, [], False),
        ("1.2", {}, ["validation"], True),
        ("0.72", {}, ["validation"], True),
    ],
)
def test_when_training_stops_early(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    version: str,
    settings: dict[str, str],
    channels: list[str],
    stops: bool,
) -> None:
    """Since version 1.3, only by a metric that is named, and with a channel validation."""
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", version)
    data = {"train": csv_of(TRAIN)} | dict.fromkeys(channels, csv_of(VALIDATION))
    fill(tmp_path, hyperparameters(num_round=60, early_stopping_rounds=2, eta=0.5) | settings, data, "text/csv")
    (tmp_path / "model").mkdir()
    algorithm.train(tmp_path)
    rounds = Trained(0, "", tmp_path).booster().num_boosted_rounds()
    assert rounds < 60 if stops else rounds == 60
    assert ("early_stopping_rounds has no effect: " in capsys.readouterr().out) is not stops


def respond(folder: Path, accept: str = "text/csv", rows: np.ndarray = VALIDATION) -> str:
    """The body of the response to a request with these rows."""
    hooks = XGBoostAlgorithmHooks()
    response = hooks.transform(hooks.default_model_fn(str(folder)), csv_of(rows[:, 1:]), "text/csv", accept)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_data(as_text=True)


def test_probabilities_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each line those of one row; in older versions, and for Batch Transform, as lists."""
    classes = np.digitize(TRAIN[:, 0], [-1, 1])
    data = xgb.DMatrix(TRAIN[:, 1:], label=classes)
    booster = xgb.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, data, 3)
    (tmp_path / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    expected = booster.predict(matrix(VALIDATION[:2])).tolist()
    lines = respond(tmp_path, rows=VALIDATION[:2]).splitlines()
    assert [[float(cell) for cell in line.split(",")] for line in lines] == expected
    scores = json.loads(respond(tmp_path, "application/json", VALIDATION[:2]))["predictions"]
    assert [score["score"] for score in scores] == expected
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "0.90")
    assert json.loads(f"[{respond(tmp_path, rows=VALIDATION[:2])}]") == expected
    monkeypatch.setenv("SAGEMAKER_BATCH", "true")
    assert [json.loads(line) for line in respond(tmp_path, rows=VALIDATION[:2]).splitlines()] == expected


def test_absent_features_are_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    booster = xgb.train(SETTINGS, matrix(TRAIN), 5)
    (tmp_path / "xgboost-model").write_bytes(booster.save_raw("ubj"))
    shortened = VALIDATION.copy()
    shortened[:, 4:] = np.nan
    found = [float(line) for line in respond(tmp_path, rows=VALIDATION[:, :4]).splitlines()]
    assert found == booster.predict(matrix(shortened)).tolist()
    assert "A request has 3 features, and the model was trained with 5: " in capsys.readouterr().out


def test_an_ensemble_of_classes_votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the environment asks for the first model alone."""
    labels = (TRAIN[:, 0] > 0).astype(int)
    data = xgb.DMatrix(TRAIN[:, 1:], label=labels)
    opposite = xgb.DMatrix(TRAIN[:, 1:], label=1 - labels)
    settings = {"objective": "binary:hinge", "nthread": 1}
    boosters = [xgb.train(settings, matrix, 5) for matrix in (opposite, data, data)]
    for number, booster in enumerate(boosters):
        (tmp_path / f"xgboost-model-{number}").write_bytes(booster.save_raw("ubj"))
    for variable, index in (("true", 1), ("false", 0)):
        monkeypatch.setenv("SAGEMAKER_INFERENCE_ENSEMBLE", variable)
        found = [float(line) for line in respond(tmp_path).splitlines()]
        assert found == boosters[index].predict(matrix(VALIDATION)).tolist()


def test_several_models_are_an_ensemble(tmp_path: Path) -> None:
    """Their predictions are averaged. Folders and hidden files are not models."""
    boosters = [xgb.train(SETTINGS | {"max_depth": depth}, matrix(TRAIN), 5) for depth in (2, 6)]
    for number, booster in enumerate(boosters):
        (tmp_path / f"xgboost-model-{number}").write_bytes(booster.save_raw("ubj"))
    (tmp_path / "code").mkdir()
    (tmp_path / ".hidden").write_text("no model")
    found = np.array(respond(tmp_path).splitlines(), dtype=np.float32)
    expected = np.mean([booster.predict(matrix(VALIDATION)) for booster in boosters], axis=0)
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    (tmp_path / "xgboost-model-1").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot load the model xgboost-model-1: "):
        XGBoostAlgorithmHooks().default_model_fn(str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "channels", "reason"),
    [
        ({"max_depth": "3"}, {"train": "1,2\n"}, "the hyperparameter num_round is required"),
        ({"num_round": "2", "_kfold": "5"}, {"train": "1,2\n"}, "_kfold is not simulated"),
        ({"num_round": "2"}, {"validation": "1,2\n"}, "the channel train is required"),
        ({"num_round": "2"}, {"train": "1,2\n", "test": "1,2\n"}, "there is no channel test"),
        ({"num_round": "2"}, {"train": "label,depth\n1,2\n"}, "part-0 is not CSV of numbers without a header line"),
        ({"num_round": "2", "objective": "binary:logistic"}, {"train": "7,2\n1,3\n"}, "XGBoost cannot train"),
    ],
)
def test_what_it_cannot_train_with(tmp_path: Path, settings: dict, channels: dict, reason: str) -> None:
    fill(tmp_path, settings, channels, "text/csv")
    with pytest.raises(UserError) as raised:
        algorithm.train(tmp_path)
    assert reason in str(raised.value)


def test_the_reason_of_a_failure_is_the_job_s(train: Callable[..., Trained]) -> None:
    trained = train({"num_round": "3", "max_dept": "3"}, {"train": "1,2\n"})
    assert trained.status == 1
    assert (trained.base / "output/failure").read_text().startswith("there is no hyperparameter max_dept: there are ")
    assert "Training failed: there is no hyperparameter max_dept" in trained.printed
    assert not (trained.base / "model/xgboost-model").exists()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("num_round", "0", "num_round is 0: it must be a whole number in [1, inf)"),
        ("max_depth", "3.5", "max_depth is '3.5': it must be a whole number"),
        ("max_depth", "9" * 5000, "max_depth is '999"),
        ("eta", "1.5", "eta is 1.5: it must be a number in [0, 1]"),
        ("eta", "nan", "eta is nan: it must be a number in [0, 1]"),
        ("subsample", "0", "subsample is 0: it must be a number in (0, 1]"),
        ("gamma", "-1", "gamma is -1"),
        ("objective", "reg:sharp", "objective is 'reg:sharp': it must be one of binary:logistic"),
        ("tree_method", "gpu_hist", "tree_method gpu_hist is not simulated: it needs a graphics card"),
        ("eval_metric", "rmse,rms", "there is no eval_metric rms"),
        ("eval_metric", "auc@0.5", "eval_metric auc@0.5: only error, ndcg and map have a threshold"),
        ("monotone_constraints", "(2, 0)", "monotone_constraints is '(2, 0)', which is not of its form"),
        ("num_class", "3", "num_class is required for the objectives multi:..., and only for them"),
        ("max_dept", "3", "there is no hyperparameter max_dept"),
        ("use_dask_gpu_training", "true", "use_dask_gpu_training true is not simulated: it needs a graphics card"),
        ("monotone_constraints", "(1, 0)", "monotone_constraints can only be used with the tree_method exact or hist"),
        ("interaction_constraints", "[[1, 2]]", "interaction_constraints can only be used with the tree_method exact"),
        ("eval_metric", "auc", "eval_metric auc can only be used with objectives binary:... and rank:..., not reg:s"),
        ("eval_metric", "aft-nloglik", "eval_metric aft-nloglik can only be used with the objective survival:aft"),
    ],
)
def test_hyperparameters_are_refused_by_name(name: str, value: str, reason: str) -> None:
    with pytest.raises(UserError) as raised:
        validate({"num_round": "10"} | {name: value})
    assert reason in str(raised.value)


def test_hyperparameters_have_their_types() -> None:
    values = validate(hyperparameters(num_round=7, eval_metric="['error@0.7', 'mae']", updater="refresh, prune"))
    assert values["num_round"] == 7
    assert values["eta"] == 0.2
    assert values["eval_metric"] == ["error@0.7", "mae"]
    assert {"num_round", "eta", "eval_metric", "early_stopping_rounds", "_tuning_objective_metric"} <= KNOWN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"1,2\n3\n", "Expected 2 columns, got 1"),
        (b"1,2\n3,x\n", "invalid value 'x'"),
        (b"\xff\xfe\x00", "is not CSV of numbers"),
    ],
)
def test_csv_that_is_no_table_of_numbers(content: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        parse_csv(content, "file")


LINES = ("1 a:2", "1 -1:2", "1 0:x", "x 0:1", "1 qid:3 0:1", "1 99999999999:1", "1 3", "1:a 0:1")


@pytest.mark.parametrize("line", LINES)
def test_libsvm_that_is_none_is_named_by_its_line(line: str) -> None:
    with pytest.raises(UserError, match="line 2 is not libsvm"):
        parse_libsvm(f"1 0:1\n{line}\n", labelled=True)


def test_formats_have_the_same_content(tmp_path: Path) -> None:
    """Delimiters, weights of libsvm, features that only a later line has, and requests without labels."""
    assert parse_csv(b"1;2\n;4\n").tolist()[0] == [1, 2]
    assert parse_csv(b"1\t2\t").shape == (1, 3)
    found = parse_libsvm("1:0.5 0:1\n0:2 4:3 # a comment\n\n", labelled=True)
    assert (found.labels, found.weights, found.features.shape) == ([1, 0], [0.5, 2], (2, 5))
    requests = [decode(text, "text/libsvm; charset=utf-8") for text in ("7 0:1 2:5\n", "0:1 2:5\n", b"0:1 2:5")]
    assert {request.num_col() for request in requests} == {3}
    for name, text in (("one", "1 0:1\n"), ("two", "2 3:1\n"), (".hidden", "no data")):
        (tmp_path / name).write_text(text)
    assert read_dmatrix([tmp_path / "one", tmp_path / "two"], "libsvm").num_col() == 4
    with pytest.raises(UserError, match="application/x-recordio-protobuf is not simulated"):
        decode(b"", "application/x-recordio-protobuf")
    for refused in ("application/x-recordio-protobuf", "text/csv;label_size=2", "image/png"):
        with pytest.raises(UserError, match="ContentType"):
            get_content_type(refused)
