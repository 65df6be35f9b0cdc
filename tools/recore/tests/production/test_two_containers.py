"""The chain of both containers, from raw spectra to assays, in transform jobs and behind an endpoint."""

import csv
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from botocore.exceptions import ClientError
from recore_support.production_containers import TrainedModel, create_model, read_csv
from recore_support.schema import TARGETS
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.simulator_client import Client
from stagemaker_support.transform_jobs import run_batch

from recore.production.batch_transform import ACCEPT, CONTENT_TYPE
from recore.production.containers.expected_error import expected_error

pytestmark = pytest.mark.everywhere

LINES = {"SplitType": "Line", "ContentType": "text/csv"}
JOIN_OPTIONS = {
    "BatchStrategy": "MultiRecord",
    "MaxPayloadInMB": 1,
    "Input": LINES,
    "Output": {"AssembleWith": "Line", "Accept": "text/csv"},
    "DataProcessing": {"JoinSource": "Input"},
}


@pytest.fixture(scope="module")
def model(client: Client, trained_model: TrainedModel) -> str:
    return create_model(client, trained_model.features.read_bytes(), trained_model.archive.read_bytes())


Invoke = Callable[[str, str, str], str]


@pytest.fixture(scope="module")
def invoke(client: Client, model: str) -> Iterator[Invoke]:
    """Return a function that invokes an endpoint with the model, given a body, a content type and an accepted type."""
    endpoints = Endpoints(client)
    name = endpoints.create(endpoints.config(variant(model)))

    def send(body: str, content_type: str, accept: str) -> str:
        response = endpoints.invoke(name, body, ContentType=content_type, Accept=accept)
        assert response["ContentType"].partition(";")[0] == accept
        return response["Body"].read().decode()

    yield send
    endpoints.delete_all()


def test_a_bad_row_of_a_transform_job_affects_no_other(client: Client, model: str, trained_model: TrainedModel) -> None:
    _, *lines = trained_model.lines
    spectrum = lines[7].split(",")
    middle = len(spectrum) // 2
    lines[7] = ",".join([*spectrum[:middle], "", *spectrum[middle + 1 :]])
    options = JOIN_OPTIONS | {
        "Input": LINES | {"ContentType": CONTENT_TYPE},
        "Output": {"AssembleWith": "Line", "Accept": ACCEPT},
    }
    [result] = run_batch(client, model, {"lines.csv": "".join(lines)}, **options)
    responses = [row[-(2 + 3 * len(TARGETS)) :] for row in csv.reader(result.decode().splitlines())]
    assert [index for index, row in enumerate(responses) if row[-1]] == [7]
    assert set(responses[7][:-1]) == {""}
    del responses[7]
    assert {row[0] for row in responses} <= {"inside", "outside"}
    numbers = np.array([row[1:-1] for row in responses], dtype=float).reshape(-1, 3, len(TARGETS))
    np.testing.assert_allclose(numbers[:, 0], np.delete(trained_model.predictions, 7, axis=0), rtol=1e-9)
    assert ((numbers[:, 1] <= numbers[:, 0]) & (numbers[:, 0] <= numbers[:, 2])).all()


@pytest.mark.parametrize("has_header", [False, True], ids=["without header", "with header"])
def test_an_endpoint_responds_to_csv_with_the_predictions_of_predict_py(
    invoke: Invoke, trained_model: TrainedModel, has_header: bool
) -> None:
    lines = trained_model.lines if has_header else trained_model.lines[1:]
    assert_close(invoke("".join(lines), "text/csv", "text/csv"), trained_model.predictions)
    last = lines[:has_header] + lines[-1:]
    assert_close(invoke("".join(last), "text/csv", "text/csv"), trained_model.predictions[-1:])


def test_an_endpoint_responds_to_json_with_the_same_predictions(invoke: Invoke, trained_model: TrainedModel) -> None:
    spectra = trained_model.spectra
    responses = [
        invoke(json.dumps({"instances": spectra}), "application/json", "application/json"),
        invoke("".join(trained_model.lines[1:]), "text/csv; charset=utf-8", "application/json"),
    ]
    for response in responses:
        predictions = json.loads(response)["predictions"]
        assert [prediction["index"] for prediction in predictions] == [spectrum["index"] for spectrum in spectra]
        assert all(list(prediction["assays"]) == list(TARGETS) for prediction in predictions)
        values = [[assay["value"] for assay in prediction["assays"].values()] for prediction in predictions]
        np.testing.assert_allclose(np.array(values, dtype=float), trained_model.predictions, rtol=1e-9)
    assert_close(invoke(json.dumps(spectra[0]), "application/json", "text/csv"), trained_model.predictions[:1])


def test_each_prediction_has_its_unit_error_interval_and_flags(invoke: Invoke, trained_model: TrainedModel) -> None:
    response = invoke(json.dumps({"instances": trained_model.spectra}), "application/json", "application/json")
    calibration = json.loads((trained_model.model / "expected_error.json").read_text())
    assays = [prediction["assays"] for prediction in json.loads(response)["predictions"]]
    for name in TARGETS:
        values = np.array([row[name]["value"] for row in assays])
        error, low, high = expected_error(calibration, name, values)
        minimum, maximum = calibration["targets"][name]["range"]
        flags = {"below the training range": values < minimum, "above the training range": values > maximum}
        for index, value in enumerate(values):
            assert assays[index][name] == {
                "value": value,
                "unit": {"PPM": "ppm", "PCT": "%", "PPB": "ppb"}[name[-3:]],
                "expected_error": error[index],
                "interval": [low[index], high[index]],
                "flags": [flag for flag, rows in flags.items() if rows[index]],
            }


def test_an_invalid_request_is_rejected_in_one_line(invoke: Invoke, trained_model: TrainedModel) -> None:
    header, line, *_ = trained_model.lines
    cells = line.split(",")
    cells[len(cells) // 2] = "O.5"
    bad_cell = "\n".join([header, ",".join(cells)])
    for body, message in (("1,2\n", "the request: the first line is not a header and has 2 cells"), (bad_cell, "O.5")):
        with pytest.raises(ClientError, match=message) as raised:
            invoke(body, "text/csv", "text/csv")
        assert raised.value.response["OriginalStatusCode"] == 400


def assert_close(response: str, predictions: np.ndarray) -> None:
    np.testing.assert_allclose(read_csv(response), predictions, rtol=1e-9)
