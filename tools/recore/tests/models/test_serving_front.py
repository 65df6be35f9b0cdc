import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from models import house_prices
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import Client

# This server would wait an hour before closing an idle connection.
PATIENT_MODULE = """
from house_prices import HousePredictor, HousePrices
from recore.model import http_server


class PatientPredictor(HousePredictor):
    def setup(self):
        http_server.KEEP_ALIVE = http_server.GRACE_SECONDS = 3600
        super().setup()


class PatientPrices(HousePrices):
    PREDICTOR = PatientPredictor
"""


@pytest.fixture(scope="module")
def server(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house_prices.ServedModel]:
    with house_prices.served_model(
        tmp_path_factory.mktemp("served"),
        **house_prices.server_recording_variables(client, "responses"),
        MAX_CONTENT_LENGTH="300000",
    ) as server:
        yield server


def test_ping_and_execution_parameters_respond(server: house_prices.ServedModel) -> None:
    expected = {"model_version": "responses-1.0", "ml2p_version": "0.6.0"}
    assert server.request("/ping") == (200, "application/json", expected)
    parameters = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
    assert server.request("/execution-parameters") == (200, "application/json", parameters)


def test_each_datum_has_a_record_of_request_and_response(server: house_prices.ServedModel, client: Client) -> None:
    result = server.invoke({"area": 77})
    assert result["metadata"].keys() == {"model_version", "ml2p_version", "timestamp"}
    assert result["metadata"]["model_version"] == "responses-1.0"
    assert result["result"] == {"price": pytest.approx(77 * house_prices.SLOPE)}
    response = server.invoke({"instances": [{"area": 201.5}, {"area": 202.5}]})
    assert response.keys() == {"predictions"}
    first, second = response["predictions"]
    assert first["metadata"] == second["metadata"]
    assert first["result"] == {"price": pytest.approx(201.5 * house_prices.SLOPE)}
    not_finite = server.invoke({"area": float("nan"), "rooms": [float("inf"), 3]})
    assert not_finite["result"] == {"price": None}
    assert server.invoke({"instances": []}) == {"predictions": []}
    inputs = {"area": 77}, {"area": 201.5}, {"area": 202.5}, {"area": None, "rooms": [None, 3]}
    for datum, prediction in zip(inputs, (result, first, second, not_finite), strict=True):
        expected = {"input": datum, "result": prediction}
        wait_until(lambda expected=expected: expected in house_prices.records(client, "responses").values())


@pytest.mark.parametrize(
    ("body", "status", "message", "detail"),
    [
        (b"", 400, "the request body is not valid JSON", "Expecting value"),
        (b'{"area": ', 400, "the request body is not valid JSON", "Expecting value"),
        (b"\xff\xfe\xfd", 400, "the request body is not valid JSON", "decode"),
        (b"9" * 5000, 400, "the request body is not valid JSON", "limit"),
        (b"[" * 100_000, 400, "the request body could not be parsed as JSON", "nested too deeply"),
        (b'{"instances": {"area": 1}}', 400, "instances must be a list", "it is an object"),
        (b'{"instances": 3}', 400, "instances must be a list", "it is a number"),
        (b'{"rooms": 3}', 400, "no area", "a house has an area"),
        (b'{"instances": [{"area": 1}, {}]}', 400, "no area", "a house has an area"),
        (b'{"area": "twice"}', 500, "the prediction failed: RuntimeError: no price for that", None),
        (b'{"area": "object"}', 500, "the prediction could not be written as JSON", "object"),
        (b'{"area": "' + b"x" * 300_000 + b'"}', 413, "exceeds the capacity limit", None),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_invalid_requests_get_a_json_error(
    server: house_prices.ServedModel, body: bytes, status: int, message: str, detail: str | None
) -> None:
    response_status, content_type, error = server.request("/invocations", body)
    assert (response_status, content_type) == (status, "application/json"), error
    assert message in error["message"]
    if detail is None:
        assert error.keys() == {"message"}
    else:
        assert len(error["details"]) == 1
        assert detail in error["details"][0]
    if "RuntimeError" in message:
        wait_until(lambda: 'raise RuntimeError("no price for that")' in server.log.read_text())
    assert server.invoke({"area": 1})["result"]["price"] == pytest.approx(house_prices.SLOPE)


def test_other_paths_and_methods_are_rejected(server: house_prices.ServedModel) -> None:
    status, content_type, error = server.request("/models")
    assert (status, content_type, error.keys()) == (404, "application/json", {"message"})
    status, content_type, error = server.request("/invocations")
    assert (status, content_type, error.keys()) == (405, "application/json", {"message"})


@pytest.mark.parametrize("name", ["exit", "interrupt"])
def test_a_predictor_that_exits_does_not_end_the_server(server: house_prices.ServedModel, name: str) -> None:
    status, _, error = server.request("/invocations", b'{"area": "%s"}' % name.encode())
    assert (status, error["message"].partition(":")[0]) == (500, "the prediction failed")
    assert server.invoke({"area": 1})["result"]["price"] == pytest.approx(house_prices.SLOPE)


@pytest.mark.slow
def test_a_clean_stop_loses_no_record(client: Client, tmp_path: Path) -> None:
    with house_prices.served_model(tmp_path, **house_prices.server_recording_variables(client, "stopped")) as server:
        server.invoke({"area": 30})
        wait_until(lambda: len(house_prices.records(client, "stopped")) == 1)
        with ThreadPoolExecutor(4) as pool:
            batches = ({"instances": [{"area": index}, {"area": -index}]} for index in range(30))
            assert len(list(pool.map(server.invoke, batches))) == 30
        assert server.stop() == 0
        lines = server.log.read_text().splitlines()
    values = house_prices.records(client, "stopped").values()
    assert sorted(record["input"]["area"] for record in values) == sorted([*range(31), *(-n for n in range(30))])
    assert lines[:2] == ["Starting server for model version stopped-1.0.", "set up"]
    assert lines[-2:] == ["Done.", "torn down"]
    assert lines.count("set up") == lines.count("torn down") == 1


@pytest.mark.slow
def test_a_clean_stop_completes_and_records_requests_in_progress(client: Client, tmp_path: Path) -> None:
    begun_file, until_file = tmp_path / "begun", tmp_path / "until"
    (house_prices.write_house_prices(tmp_path / "code") / "patient.py").write_text(PATIENT_MODULE)
    variables = house_prices.server_recording_variables(client, "busy") | {"ML2P_MODEL_CLS": "patient.PatientPrices"}
    datum = {"area": "later", "begun": str(begun_file), "until": str(until_file)}
    with (
        house_prices.served_model(tmp_path, **variables) as server,
        ThreadPoolExecutor(1) as pool,
        closing(server.idle_connection()),
    ):
        response = pool.submit(server.invoke, datum)
        wait_until(begun_file.exists)
        server.process.send_signal(signal.SIGTERM)
        until_file.touch()
        assert response.result(60)["result"] == {"price": "late"}
        assert server.process.wait(60) == 0
    [record] = house_prices.records(client, "busy").values()
    assert record == {"input": datum, "result": response.result()}
