"""The models that the built-in XGBoost algorithm's server loads, and the server's responses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from stagemaker_support.xgboost_data import SETTINGS, csv_of, libsvm_of, matrix, table
from werkzeug import Response

from stagemaker.container.xgboost_hooks import XGBoostAlgorithmHooks

TRAIN, VALIDATION = table(300, 1), table(80, 2)


def request(folder: Path, data: str, content_type: str = "text/csv", accept: str = "text/csv") -> Response:
    hooks = XGBoostAlgorithmHooks()
    return hooks.transform(hooks.default_model_fn(str(folder)), data, content_type, accept)


def respond(folder: Path, accept: str = "text/csv", rows: np.ndarray = VALIDATION) -> str:
    response = request(folder, csv_of(rows[:, 1:]), accept=accept)
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_data(as_text=True)


def save(folder: Path, booster: xgb.Booster, name: str = "xgboost-model") -> xgb.Booster:
    (folder / name).write_bytes(booster.save_raw("ubj"))
    return booster


def test_each_line_contains_the_class_probabilities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = np.digitize(TRAIN[:, 0], [-1, 1])
    data = xgb.DMatrix(TRAIN[:, 1:], label=classes)
    booster = save(tmp_path, xgb.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, data, 3))
    expected = booster.predict(matrix(VALIDATION[:2])).tolist()
    lines = respond(tmp_path, rows=VALIDATION[:2]).splitlines()
    assert [[float(cell) for cell in line.split(",")] for line in lines] == expected
    scores = json.loads(respond(tmp_path, "application/json", VALIDATION[:2]))["predictions"]
    assert [score["score"] for score in scores] == expected
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "1.2-2-cpu-py3")
    assert respond(tmp_path, rows=VALIDATION[:2]).splitlines() == lines
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "1.2-1")
    for accept in ("text/csv", "application/json"):
        assert json.loads(f"[{respond(tmp_path, accept, VALIDATION[:2])}]") == expected
    monkeypatch.setenv("SAGEMAKER_BATCH", "true")
    assert [json.loads(line) for line in respond(tmp_path, rows=VALIDATION[:2]).splitlines()] == expected


def test_a_multi_model_server_responds_with_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    booster = save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 5))
    expected = booster.predict(matrix(VALIDATION[:2])).tolist()
    monkeypatch.setenv("SAGEMAKER_MULTI_MODEL", "true")
    for version in ("1.7-1", "1.2-1"):
        monkeypatch.setenv("XGBOOST_IMAGE_VERSION", version)
        assert json.loads(respond(tmp_path, "application/json", VALIDATION[:2])) == expected
        line = respond(tmp_path, rows=VALIDATION[:2])
        assert (json.loads(f"[{line}]"), line.count("\n")) == (expected, 0)
        error = request(tmp_path, csv_of(VALIDATION[:2, 1:]), accept="text/plain")
        assert (error.status_code, error.get_data(as_text=True)) == (
            415,
            "Encoding to accept type text/plain failed with exception: text/plain is not an accepted Accept type. "
            "Please choose one of the following: ['text/csv', 'application/json'].",
        )


def test_absent_features_are_missing_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    booster = save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 5))
    shortened = VALIDATION.copy()
    shortened[:, 4:] = np.nan
    predictions = [float(line) for line in respond(tmp_path, rows=VALIDATION[:, :4]).splitlines()]
    assert predictions == booster.predict(matrix(shortened)).tolist()
    assert "The number of features in a request is 3, but the model was trained with 5: " in capsys.readouterr().out
    too_many = request(tmp_path, "1,2,3,4,5,6")
    assert too_many.status_code == 400
    assert re.match(
        r"Unable to evaluate payload provided: .*\(5 vs\. 6\) : Number of columns does not match",
        too_many.get_data(True),
    )
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "1.2-2")
    assert len(respond(tmp_path, rows=VALIDATION[:, :5]).splitlines()) == len(VALIDATION)
    for data, kind, size, problem in (
        ("1,2,3", "csv", 3, "is not consistent with"),
        ("1,2,3,4,5,6", "csv", 6, "is not consistent with"),
        ("0:1 6:2", "libsvm", 7, "is larger than"),
    ):
        error = request(tmp_path, data, f"text/{kind}")
        message = f"Feature size of {kind} inference data {size} {problem} feature size of trained model 5."
        assert (error.status_code, error.get_data(True)) == (400, f"Unable to evaluate payload provided: {message}")


def test_an_ensemble_of_classifiers_votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = (TRAIN[:, 0] > 0).astype(int)
    data = xgb.DMatrix(TRAIN[:, 1:], label=labels)
    inverse = xgb.DMatrix(TRAIN[:, 1:], label=1 - labels)
    settings = {"objective": "binary:hinge", "nthread": 1}
    boosters = [xgb.train(settings, matrix, 5) for matrix in (inverse, data, data)]
    for number, booster in enumerate(boosters):
        save(tmp_path, booster, f"xgboost-model-{number}")
    for setting, index in (("true", 1), ("false", 0)):
        monkeypatch.setenv("SAGEMAKER_INFERENCE_ENSEMBLE", setting)
        predictions = [float(line) for line in respond(tmp_path).splitlines()]
        assert predictions == boosters[index].predict(matrix(VALIDATION)).tolist()
    monkeypatch.setenv("SAGEMAKER_INFERENCE_ENSEMBLE", "true")
    monkeypatch.setenv("XGBOOST_IMAGE_VERSION", "1.2-1")
    assert [float(value) for value in respond(tmp_path).split(",")] == boosters[0].predict(matrix(VALIDATION)).tolist()


def test_several_models_form_an_ensemble(tmp_path: Path) -> None:
    boosters = [xgb.train(SETTINGS | {"max_depth": depth}, matrix(TRAIN), 5) for depth in (2, 6)]
    for index, booster in enumerate(boosters):
        save(tmp_path, booster, f"xgboost-model-{index}")
    (tmp_path / "code").mkdir()
    (tmp_path / ".hidden").write_text("no model")
    predictions = np.array(respond(tmp_path).splitlines(), dtype=np.float32)
    expected = np.mean([booster.predict(matrix(VALIDATION)) for booster in boosters], axis=0)
    np.testing.assert_array_equal(predictions, expected.astype(np.float32))
    (tmp_path / "xgboost-model-1").write_bytes(b"no model")
    with pytest.raises(ValueError, match="cannot load the model xgboost-model-1: ") as excinfo:
        XGBoostAlgorithmHooks().default_model_fn(str(tmp_path))
    assert "Stack trace" not in str(excinfo.value)


def test_an_empty_model_is_rejected(tmp_path: Path) -> None:
    """If the server loaded it, XGBoost would terminate the process."""
    (tmp_path / "xgboost-model").touch()
    with pytest.raises(ValueError, match="the model xgboost-model is empty"):
        XGBoostAlgorithmHooks().default_model_fn(str(tmp_path))


@pytest.mark.parametrize(
    ("data", "content_type"),
    [("\n0:3\n\n0:-3\n7\n\n", "text/libsvm"), ("\n3\n\n-3\nnan\n\n", "text/csv")],
    ids=["libsvm", "CSV"],
)
def test_rows_without_features_keep_their_position(tmp_path: Path, data: str, content_type: str) -> None:
    booster = save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 5))
    response, nan = request(tmp_path, data, content_type), np.nan
    rows = [[cell, nan, nan, nan, nan] for cell in (3, nan, -3, nan)]
    predictions = [float(line) for line in response.get_data(as_text=True).splitlines()]
    assert predictions == booster.predict(xgb.DMatrix(np.array(rows))).tolist()


@pytest.mark.parametrize(
    ("data", "content_type", "reason"),
    [
        ("1,inf,3,4,5", "text/csv", "the request: column 2 of row 1 is infinite, or too large for a 32-bit number"),
        ("1,2,3,4,1e300", "text/csv", "the request: column 5 of row 1 is infinite"),
        ("0:1\n0:inf", "text/libsvm", "the request: line 2 is not valid libsvm (`index:value ...` with finite num"),
        ("0:-1e39", "text/libsvm", "the request: line 1 is not valid libsvm"),
        ("\n", "text/libsvm", "the request has no features"),
        ("7\n8\n", "text/libsvm", "the request has no features"),
        ("x 0:1\n", "text/libsvm", "the request: line 1 is not valid libsvm"),
        ("0:1\x0b7 0:2", "text/libsvm", "the request: line 1 is not valid libsvm"),
        (" \n\t", "text/csv", "the request is empty"),
        ("1,2,3,4,5\n\n1,2,3,4,5\n", "text/csv", "the request has an empty line, but the other lines have more"),
        ("\r\n\n", "text/csv", "the request is empty"),
    ],
)
def test_invalid_requests_are_rejected(tmp_path: Path, data: str, content_type: str, reason: str) -> None:
    save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 1))
    response = request(tmp_path, data, content_type)
    assert response.status_code == 415
    kind = content_type.removeprefix("text/")
    title = f"Loading {kind} data failed with Exception, please ensure data is in {kind} format:\n <class '"
    assert response.get_data(as_text=True).startswith(title)
    assert response.get_data(as_text=True).partition("'>\n ")[2].startswith(reason)


JSON, LINES, RECORDIO = "application/json", "application/jsonlines", "application/x-recordio-protobuf"
TYPES = (
    f"csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, application/x-parquet, {RECORDIO}."
)
ACCEPTS = f"Please use supported accept types: ['{JSON}', '{LINES}', '{RECORDIO}', 'text/csv']."
LABELS = "is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"


@pytest.mark.parametrize(
    ("content_type", "accept", "status", "reason"),
    [
        (JSON, "text/csv", 415, f"{JSON} is not an accepted ContentType: {TYPES}"),
        ("application/x-parquet", "text/csv", 415, "Content-type application/x-parquet is not supported."),
        (RECORDIO, "text/csv", 415, f"the content type {RECORDIO} is not simulated: use text/csv or "),
        ("text/csv;label_size=2", "text/csv", 415, f"text/csv;label_size=2 {LABELS}"),
        ("text/csv", "text/plain", 406, f"Accept type text/plain is not supported. {ACCEPTS}"),
        ("text/csv", LINES, 500, f"UnsupportedFormatError: Content type {LINES} is not supported by this framework."),
    ],
)
def test_unsupported_types_are_rejected_in_the_words_of_aws(
    serve: Callable[..., Any], tmp_path: Path, content_type: str, accept: str, status: int, reason: str
) -> None:
    save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 1))
    server = serve(hooks="xgboost_hooks.py", SM_MODEL_DIR=str(tmp_path))
    response = server.post("1,2,3,4,5", content_type, Accept=accept)
    assert (response.status, response.text[: len(reason)]) == (status, reason)


def test_a_request_without_a_content_type_is_read_as_libsvm(serve: Callable[..., Any], tmp_path: Path) -> None:
    booster = save(tmp_path, xgb.train(SETTINGS, matrix(TRAIN), 5))
    server = serve(hooks="xgboost_hooks.py", SM_MODEL_DIR=str(tmp_path))
    response = server.request("POST", "/invocations", libsvm_of(VALIDATION[:2]))
    assert (response.status, response.content_type) == (200, "text/csv; charset=utf-8")
    assert [float(line) for line in response.text.splitlines()] == booster.predict(matrix(VALIDATION[:2])).tolist()
    assert server.request("POST", "/invocations", csv_of(VALIDATION[:2, 1:])).status == 415
