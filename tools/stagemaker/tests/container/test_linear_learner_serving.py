"""The models that the server of linear-learner images loads, and its responses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug import Response

# the hooks import these classes from a different module name than the tests of training
from stagemaker.container.linear_learner_hooks import CustomerError, LinearLearnerHooks, LinearModel, load_model

RECORDIO = "application/x-recordio-protobuf"
MODELS = {
    "regressor": LinearModel("regressor", "squared_loss", np.array([[2.0, -1.0]]), np.array([0.5])),
    "binary": LinearModel("binary_classifier", "logistic", np.array([[2.0, -1.0]]), np.array([0.0]), 0.9),
    "margin": LinearModel("binary_classifier", "hinge_loss", np.array([[2.0, -1.0]]), np.array([0.0]), 0.0),
    "multiclass": LinearModel("multiclass_classifier", "softmax_loss", np.eye(3, 2), np.zeros(3)),
}
CSV = ("text/csv", "1,1\n3,0\n")
JSON = "application/json"


def respond(model: LinearModel, body: str | bytes, content_type: str = CSV[0], accept: str = JSON) -> Response:
    return LinearLearnerHooks().transform(model, body, content_type, accept)


def predictions(model: LinearModel, *request: Any) -> list[dict[str, Any]]:
    response = respond(model, *request)
    assert response.status_code == 200, response.get_data(as_text=True)
    assert response.content_type == JSON
    return json.loads(response.get_data())["predictions"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("regressor", [{"score": 1.5}, {"score": 6.5}]),
        ("binary", [{"score": 0.7310585975646973, "predicted_label": 0}, {"score": 0.9975274, "predicted_label": 1}]),
        ("margin", [{"score": 1.0, "predicted_label": 1}, {"score": 6.0, "predicted_label": 1}]),
    ],
)
def test_a_saved_model_responds_as_sagemaker_documents(tmp_path: Path, name: str, expected: list[Any]) -> None:
    MODELS[name].save(tmp_path)
    results = predictions(load_model(tmp_path), CSV[1])
    assert [item.keys() for item in results] == [item.keys() for item in expected]
    assert [item["score"] for item in results] == pytest.approx([item["score"] for item in expected], rel=1e-7)
    assert [item.get("predicted_label") for item in results] == [item.get("predicted_label") for item in expected]


def test_the_score_of_several_classes_is_a_list_of_probabilities() -> None:
    [first, second] = predictions(MODELS["multiclass"], "3,0\n0,2\n")
    assert [first["predicted_label"], second["predicted_label"]] == [0, 1]
    assert len(first["score"]) == 3
    assert sum(first["score"]) == pytest.approx(1)
    assert first["score"][0] == max(first["score"])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        CSV,
        ("text/csv;label_size=0", "1,1\r\n3,0"),
        (JSON, json.dumps({"instances": [{"features": [1, 1]}, {"features": [3.0, 0]}]})),
        (JSON, json.dumps({"instances": [{"data": {"features": {"values": row}}} for row in ([1, 1], [3, 0])]})),
        (JSON, json.dumps({"instances": [{"features": {"values": row}} for row in ([1, 1], [3, 0])]})),
        (
            "application/jsonlines",
            '{"features": [1, 1]}\n{"data": {"features": {"keys": [0], "shape": [2], "values": [3]}}}\n',
        ),
        ("text/csv", "\ufeff1,1\n3,0\n"),
    ],
)
def test_a_request_can_have_all_documented_forms(content_type: str, body: str) -> None:
    assert predictions(MODELS["regressor"], body, content_type) == [{"score": 1.5}, {"score": 6.5}]


def test_a_response_has_lines_of_json_or_json_whatever_the_accept_header() -> None:
    response = respond(MODELS["regressor"], CSV[1], accept="application/jsonlines")
    assert response.content_type == "application/jsonlines"
    assert response.get_data(as_text=True) == '{"score": 1.5}\n{"score": 6.5}\n'
    assert predictions(MODELS["regressor"], *reversed(CSV), "text/csv") == [{"score": 1.5}, {"score": 6.5}]


@pytest.mark.parametrize(
    ("content_type", "body", "accept", "status", "reason"),
    [
        (RECORDIO, b"\n#\xd7\xce", JSON, 415, f"the content type {RECORDIO} is not simulated: use text/csv, "),
        ("image/png", "1,2", JSON, 415, "content-type image/png not supported"),
        ("", "1,2", JSON, 415, "content-type  not supported"),
        ("text/csv", "1,1", RECORDIO, 406, f"Accept {RECORDIO} is not simulated: use application/json or "),
        ("text/csv", "1,2,3", JSON, 400, "unable to evaluate payload provided: the number of features is 3, but "),
        ("text/csv", "a,b", JSON, 400, "unable to evaluate payload provided: the request must be CSV with only "),
        ("text/csv", "", JSON, 400, "unable to evaluate payload provided: the request is empty"),
        ("text/csv;label_size=1", "1,2", JSON, 400, "unable to evaluate payload provided: ContentType text/csv;label"),
        (JSON, "[[1, 2]]", JSON, 400, "unable to evaluate payload provided: the request must have the form "),
        (JSON, '{"instances": []}', JSON, 400, "unable to evaluate payload provided: the request must have the form "),
        (JSON, '{"instances": [{"features": [1, NaN]}]}', JSON, 400, "unable to evaluate payload provided: the requ"),
        *(
            (JSON, json.dumps({"instances": [{"features": features}]}), JSON, 400, "unable to evaluate payload provi")
            for features in (
                {"keys": [0], "shape": [10**400], "values": [3]},
                {"keys": [0], "shape": [float("inf")], "values": [3]},
                {"keys": [0], "shape": [4_000_000_000], "values": [3]},
                {"keys": [-1], "shape": [2], "values": [3]},
                {"keys": [2], "shape": [2], "values": [3]},
                {"keys": [0.5], "shape": [2], "values": [3]},
                [1, 10**400],
                [1e300, 1],
            )
        ),
        ("text/csv", "1,1\n3e38,-3e38", JSON, 400, "unable to evaluate payload provided: the score of row 2 is not a"),
        (JSON, "[" * 100_000, JSON, 400, "unable to evaluate payload provided: the request must have the form "),
    ],
)
def test_a_request_that_is_invalid_or_not_simulated_is_rejected(
    content_type: str, body: str | bytes, accept: str, status: int, reason: str
) -> None:
    response = respond(MODELS["regressor"], body, content_type, accept)
    assert response.status_code == status
    assert response.get_data(as_text=True).startswith(reason)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model_algo-1", "PK", "model_algo-1 is an MXNet model from AWS, which cannot be loaded: retrain the model"),
        ("xgboost-model", "", "the model's archive has no linear-learner.json at its top level"),
        ("linear-learner.json", "{", "linear-learner.json is not a model of linear-learner"),
        ("linear-learner.json", '{"weights": [[1]], "bias": [1, 2]}', "linear-learner.json is not a model of linear"),
        (
            "linear-learner.json",
            '{"predictor_type": "regressor", "loss": "squared_loss", "weights": [[1], [2]], "bias": [1, 2]}',
            "linear-learner.json is not a model of linear",
        ),
    ],
)
def test_another_model_is_rejected_in_one_line(tmp_path: Path, name: str, content: str, reason: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CustomerError, match=f"^{reason}.*$"):
        load_model(tmp_path)
